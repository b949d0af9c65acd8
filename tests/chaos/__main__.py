"""`make chaos`: one run, its counts, and every difference by name; 1 when there is one."""

import argparse
import random
import sys
import time
from pathlib import Path

from tests.chaos.running import Form, run


def main() -> int:
    """Run once, print and tell."""
    form = _form(_parser().parse_args())
    print(f"make chaos SEED={form.seed} ORDERS={form.orders}", flush=True)
    began = time.monotonic()
    result = run(form, say=_say)
    print(result.table)
    print(f"{'seconds in all':44} {time.monotonic() - began:>12.0f}")
    for difference in result.differences:
        print(f"WRONG: {difference}")
    print(f"{len(result.differences)} differences" if result.differences else "All books agree.")
    return 1 if result.differences else 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description="The whole site while its parts die.")
    parser.add_argument("--seed", type=int, help="of all that is drawn (default: another one each time)")
    parser.add_argument("--orders", type=int, default=5000, metavar="N")
    parser.add_argument("--customers", type=int, default=32, metavar="N")
    parser.add_argument("--rate", type=float, default=30.0, metavar="N", help="orders wished for per second")
    parser.add_argument("--kill-every", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--kills", type=int, metavar="N", help="at most (default: until all is sent)")
    parser.add_argument("--dialect", choices=["classic", "document"], default="classic")
    parser.add_argument("--life", type=int, default=100, metavar="SECONDS", help="of orders at the provider")
    parser.add_argument("--on-files", action="store_true", help="on SQLite and files, without servers")
    parser.add_argument("--log", type=Path, metavar="PATH", help="keep what the site's processes print")
    return parser


def _form(options: argparse.Namespace) -> Form:
    return Form(
        seed=random.SystemRandom().randrange(10**6) if options.seed is None else options.seed,
        orders=options.orders,
        customers=options.customers,
        orders_per_second=options.rate,
        kill_every_seconds=options.kill_every,
        most_kills=options.kills,
        dialect=options.dialect,
        life_seconds=options.life,
        on_servers=not options.on_files,
        log_to=options.log,
    )


if __name__ == "__main__":
    sys.exit(main())

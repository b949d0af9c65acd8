"""`manage.py sandbox_provider [--port 9000]`: a provider to try things on, until it is interrupted."""

import signal
import threading
from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from upstream.sandbox import Faults, SandboxServer, Settings


class Command(BaseCommand):
    """Serves `provider-api.txt` on a socket; stops by SIGINT and SIGTERM."""

    help = "Serve a sandbox provider: the whole of API v2, with orders that live and faults by choice."
    requires_system_checks = []  # it needs neither database nor site

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address, the account, the orders' life and the faults."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9000, help="0 takes a free one (default: 9000)")
        _add_account(parser)
        _add_life(parser)
        _add_faults(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted."""
        stopped = threading.Event()
        with self._server(options) as server:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopped.set())
            self._say(f"Sandbox provider: {server.url} key {server.key}")
            stopped.wait()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()  # who reads it by a pipe waits for it

    def _server(self, options: dict[str, Any]) -> SandboxServer:
        try:
            return SandboxServer(
                _settings(options),
                faults=_faults(options),
                host=options["host"],
                port=options["port"],
                log=self._say if options["verbosity"] >= 2 else None,
            )
        except ValueError as error:
            raise CommandError(f"{error}.") from error
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot serve on {options['host']}:{options['port']} ({error}).") from error


def _add_account(parser: CommandParser) -> None:
    parser.add_argument("--key", default="sandbox-key", help="the API key (default: sandbox-key)")
    parser.add_argument("--dialect", choices=["document", "classic"], default="document")
    parser.add_argument("--services", type=int, default=60, metavar="N", help="up to 20000 (default: 60)")
    parser.add_argument(
        "--balance", type=_amount, default=Decimal(100_000), metavar="AMOUNT", help="paid in so far"
    )
    parser.add_argument("--currency", default="RUB")
    parser.add_argument("--journal", type=Path, metavar="PATH", help="keep orders in this file over restarts")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of all that is made up or left to chance"
    )


def _add_life(parser: CommandParser) -> None:
    parser.add_argument("--life", type=float, default=60, metavar="SECONDS", help="from accepting to the end")
    parser.add_argument(
        "--partial", type=_share, default=0, metavar="SHARE", help="orders ending Partial, 0 to 1"
    )
    parser.add_argument("--canceled", type=_share, default=0, metavar="SHARE", help="orders ending Canceled")
    parser.add_argument("--spam-seconds", type=float, default=7, metavar="SECONDS", help="0 switches it off")
    parser.add_argument("--cancel-minutes", type=float, default=10, metavar="MINUTES")


def _add_faults(parser: CommandParser) -> None:
    parser.add_argument("--latency", type=float, default=0, metavar="SECONDS", help="of every answer")
    parser.add_argument(
        "--error-before", type=_share, default=0, metavar="SHARE", help="500, nothing accepted"
    )
    parser.add_argument("--error-after", type=_share, default=0, metavar="SHARE", help="accepted, then 500")
    parser.add_argument("--lost", type=_share, default=0, metavar="SHARE", help="accepted, no answer")
    parser.add_argument("--slow", type=_share, default=0, metavar="SHARE", help="accepted, answered late")
    parser.add_argument("--slow-seconds", type=float, default=10, metavar="SECONDS")
    parser.add_argument(
        "--slow-spread", type=_share, default=0, metavar="SHARE", help="of them more or less, by chance"
    )
    parser.add_argument(
        "--html", type=_share, default=0, metavar="SHARE", help="HTML, half of it after accepting"
    )
    parser.add_argument(
        "--faults-on", choices=["add", "all"], default="add", help="calls that meet these faults"
    )


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ArgumentTypeError(f"{text} is no amount: write it with a decimal point") from error


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is no number") from error
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f"{text} is no share: it must be within 0 and 1")
    return share


def _settings(options: dict[str, Any]) -> Settings:
    return Settings(
        key=options["key"],
        dialect=options["dialect"],
        services=options["services"],
        balance=options["balance"],
        currency=options["currency"],
        journal=options["journal"],
        seed=options["seed"],
        life_seconds=options["life"],
        partial_share=options["partial"],
        canceled_share=options["canceled"],
        spam_seconds=options["spam_seconds"],
        cancel_minutes=options["cancel_minutes"],
    )


def _faults(options: dict[str, Any]) -> Faults:
    return Faults(
        latency_seconds=options["latency"],
        error_before=options["error_before"],
        error_after=options["error_after"],
        lost=options["lost"],
        slow=options["slow"],
        slow_seconds=options["slow_seconds"],
        slow_spread=options["slow_spread"],
        html_before=options["html"] / 2,
        html_after=options["html"] / 2,
        on=options["faults_on"],
    )

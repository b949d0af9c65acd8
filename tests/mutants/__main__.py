"""`make mutants`: a line for each file, every mutant that no test saw; 1 when one is unexplained."""

import argparse
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.mutants.running import Runner, Score

RULES = {
    "wallet/ledger.py": "wallet/ledger wallet/races orders/refunding",
    "orders/refunding.py": "orders/refunding orders/stories",
    "orders/life.py": "orders/life orders/timeline orders/refunding orders/settling",
    "orders/settling.py": "orders/settling orders/late_answers orders/stories",
    "orders/ending.py": "orders/ending",
    "orders/outcomes.py": "orders/outcomes orders/late_answers orders/teaching orders/escalating "
    "orders/stories",
    "orders/forwarding.py": "orders/forwarding orders/overdue orders/stories",
    "orders/placing.py": "orders/placing orders/duplicates orders/stories",
    "orders/canceling.py": "orders/canceling orders/stories",
    "orders/polling.py": "orders/polling orders/stories",
    "orders/matching.py": "orders/matching orders/evidence orders/tracing",
    "orders/windows.py": "orders/windows orders/tracing",
    "orders/adopting.py": "orders/tracing",
    "orders/tracing.py": "orders/tracing orders/tasks",
    "orders/overdue.py": "orders/overdue",
    "money/amounts.py": "money/amounts",
    "wallet/auditing.py": "wallet/auditing",
    "orders/auditing.py": "orders/auditing",
}
"""The rules of money and state, and the tests that are asked about each: what is quick and speaks of it."""

SLOW = "a_bad_day or any_sequence or whatever_order_they_come or with_200"
"""Tests left out, by name: a mutant that lives on runs all the others."""

EQUIVALENT = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text())
"""By file: a part of a survivor's name, and why it needs no test of its own."""


def main() -> int:
    """Run once, print and tell."""
    parser = argparse.ArgumentParser(prog="make mutants", description="Whether the tests see wrong rules.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="default: the rules of money and state")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name has this in it")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file:
        return 0 if _complete(options.file, jobs=options.jobs, only=options.only) else 1
    print(
        f"{'file':24} {'mutants':>8} {'killed':>8} {'explained':>11} {'survived':>9}  killed of the rest",
        flush=True,
    )
    # A process for each: what one file's session left behind is not there for the next one's.
    again = [sys.executable, "-m", "tests.mutants", "--jobs", str(options.jobs), "--only", options.only]
    # On SQLite, of which each mutant takes a copy.
    there = {**os.environ, "DATABASE_URL": "", "REDIS_URL": ""}
    codes = [
        subprocess.run([*again, "--file", file], env=there).returncode for file in options.files or RULES
    ]
    return 0 if not any(codes) else 1


def _complete(file: str, *, jobs: int, only: str) -> bool:
    """Run a file's mutants and print what became of them; False when some are neither seen nor explained."""
    runner = Runner(file, jobs=jobs, only=only)
    names = (each.split("/") for each in RULES.get(file, file.removesuffix(".py")).split())
    tests = [f"tests/{room}/test_{name}.py" for room, name in names]
    pytest.main([*tests, "-p", "no:cacheprovider", "-k", f"not ({SLOW})"], plugins=[runner])
    if runner.score is None:
        print(f"{file:24} {runner.refused}", flush=True)
        return False
    return not _tell(runner.score)


def _tell(score: Score) -> list[str]:
    """Print a file's line and its survivors, and return those that are not explained."""
    reasons = EQUIVALENT.get(score.file, {})
    known = [each for each in score.survivors if any(part in each.name for part in reasons)]
    unexplained = [each.name for each in score.survivors if each not in known]
    real, killed = score.mutants - len(known), score.mutants - len(score.survivors)
    print(
        f"{score.file:24} {score.mutants:8} {killed:8} {len(known):11} {len(unexplained):9}  "
        f"{killed / real if real else 1:.1%}",
        flush=True,
    )
    for name in unexplained:
        print(f"    {name}", flush=True)
    return unexplained


if __name__ == "__main__":
    sys.exit(main())

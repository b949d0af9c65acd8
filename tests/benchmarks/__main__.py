"""`make bench`: one table, ours beside the machine's limit, on DATABASE_URL's database, else SQLite."""

import os
import sys
import tempfile

os.environ.setdefault("SECRET_KEY", "only-for-benchmarks")
os.environ["ENV_FILE"] = os.devnull
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="panel-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()

from django.db import connection

from tests.benchmarks.measures import MEASURES, Figure


def main() -> int:
    """Measure and print; 1 when a target is not met."""
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        figures = [figure for measure in MEASURES for figure in measure()]
    finally:
        connection.creation.destroy_test_db("", verbosity=0)
    print(f"{os.cpu_count()} cores, {connection.vendor}, Python {sys.version.split()[0]}")
    print(f"{'what':52} {'ours':>12} {'limit':>12} {'ratio':>7} {'target':>8}  met")
    for figure in figures:
        print(_line(figure))
    return 0 if all(figure.is_met for figure in figures) else 1


def _line(figure: Figure) -> str:
    ours, limit = (f"{seconds * 1000:.1f} ms" for seconds in (figure.ours_seconds, figure.limit_seconds))
    met = "yes" if figure.is_met else "NO"
    return (
        f"{figure.what:52} {ours:>12} {limit:>12} {figure.ratio:7.2f} {'<= ' + str(figure.target):>8}  {met}"
    )


if __name__ == "__main__":
    sys.exit(main())

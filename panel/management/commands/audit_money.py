"""`manage.py audit_money [--json]`: prove the money from the raw rows."""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from panel.auditing import audit_money


class Command(BaseCommand):
    """Runs each room's audit; exits 1 and names the rows when something is wrong."""

    help = "Prove that the ledger, the balances and the orders agree; exit 1 and name the rows if not."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--json`."""
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what is wrong as it is found, or that nothing is."""
        findings = audit_money()
        first = next(findings, None)
        found = findings if first is None else chain([first], findings)
        lines = _as_json(found, ok=first is None) if options["json"] else found
        for piece in lines:
            self.stdout.write(piece, ending="" if options["json"] else "\n")
        if first is not None:
            sys.exit(1)
        if not options["json"]:
            self.stdout.write("The money is right.")


def _as_json(findings: Iterable[str], *, ok: bool) -> Iterator[str]:
    """Yield one object, `{"ok": …, "findings": […]}`, piece by piece: there may be a million findings."""
    yield f'{{"ok": {json.dumps(ok)}, "findings": ['
    for number, finding in enumerate(findings):
        yield (", " if number else "") + json.dumps(finding, ensure_ascii=False)
    yield "]}\n"

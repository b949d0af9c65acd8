"""`manage.py audit_money [--json]`: prove the money from the raw rows."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orders.auditing import audit_orders
from wallet.auditing import audit_ledger


class Command(BaseCommand):
    """Runs each room's audit; exits 1 and names the rows when something is wrong."""

    help = "Prove that the ledger, the balances and the orders agree; exit 1 and name the rows if not."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--json`."""
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what is wrong, or that nothing is."""
        findings = [*audit_ledger(), *audit_orders()]
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not findings, "findings": findings}, ensure_ascii=False))
        elif findings:
            self.stdout.write("\n".join(findings))
        else:
            self.stdout.write("The money is right.")
        if findings:
            sys.exit(1)

"""`manage.py demo`: demo data, made once, and the logins to it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import SyncRun
from panel.demo import load_demo


class Command(BaseCommand):
    """Makes what is missing of the demo data and prints the logins."""

    help = (
        "Make demo data (an operator, a customer with money, a sandbox provider, orders); print the logins."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where the sandbox provider is."""
        parser.add_argument("--url", default="", help="its API (default: where it was, or port 9000)")
        parser.add_argument("--key", default="", help="its key")
        parser.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="for the provider to answer"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make and print."""
        demo = load_demo(url=options["url"], key=options["key"], wait_seconds=options["wait"])
        self.stdout.write(f"Customer: {demo.customer.email}  password: {demo.customer.password}")
        self.stdout.write(f"Operator: {demo.operator.email}  password: {demo.operator.password}  (/admin/)")
        if demo.run.outcome == SyncRun.Outcome.FAILED:
            raise CommandError(
                f"The sandbox provider does not answer ({demo.run.text}). Start it by "
                "manage.py sandbox_provider, then run this again."
            )

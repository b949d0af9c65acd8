"""`manage.py credit_wallet EMAIL AMOUNT --note TEXT`: an audited adjustment of a wallet."""

import uuid
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from money.display import shown
from wallet import ledger
from wallet.errors import InsufficientFunds, InvalidAmount, InvalidNote
from wallet.statement import balance_of


class Command(BaseCommand):
    """Puts money into a customer's wallet, or takes it out when the amount is negative."""

    help = "Put money into a wallet (an audited adjustment); a negative amount takes it out."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address, the amount and the note."""
        parser.add_argument("email")
        parser.add_argument("amount", help="in the site's currency, for example 100 or 99.95")
        parser.add_argument("--note", required=True, help="why; the customer sees it in the statement")

    def handle(self, *args: Any, **options: Any) -> None:
        """Move the money and say what the wallet holds now."""
        try:
            user = User.objects.get_by_natural_key(options["email"])
        except User.DoesNotExist as error:
            raise CommandError(f"Nobody is registered as {options['email']}.") from error
        try:
            ledger.adjust(
                user, amount=_amount(options["amount"]), reference=uuid.uuid4().hex, note=options["note"]
            )
        except InsufficientFunds as error:
            raise CommandError(
                f"The wallet holds only {shown(error.available)}; nothing was moved."
            ) from error
        except InvalidAmount as error:
            raise CommandError(f"{options['amount']} is no amount that can be moved ({error}).") from error
        except InvalidNote as error:
            raise CommandError(f"Nothing was moved: {error}.") from error
        self.stdout.write(f"{user.email} has {shown(balance_of(user))}.")


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise CommandError(
            f"{text} is no amount: write it with a decimal point, for example 99.95."
        ) from error

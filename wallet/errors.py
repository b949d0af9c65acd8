"""What the ledger refuses."""

from decimal import Decimal


class LedgerError(Exception):
    """Base of all refusals of the ledger."""


class InsufficientFunds(LedgerError):
    """Raised when a wallet holds less than a transfer would take from it; nothing was moved."""

    def __init__(self, *, needed: Decimal, available: Decimal) -> None:
        super().__init__(f"needed {needed}, available {available}")
        self.needed = needed
        self.available = available


class AlreadyMoved(LedgerError):
    """Raised when a transfer of this kind and reference exists already; nothing was moved again."""

    def __init__(self, *, kind: str, reference: str) -> None:
        super().__init__(f"{kind} {reference} was made already")
        self.kind = kind
        self.reference = reference


class InvalidAmount(LedgerError):
    """Raised for an amount that is zero, of the wrong sign, too fine or too large for the ledger."""


class InvalidNote(LedgerError):
    """Raised for an adjustment that says nothing of its reason, or more than the ledger keeps."""

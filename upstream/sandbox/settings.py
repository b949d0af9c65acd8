"""What a sandbox is set to, its faults aside (`faults.py`)."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

MAX_SERVICES = 20_000

DialectName = Literal["document", "classic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A sandbox's account, catalogue and habits.

    `balance` is what was paid into the account in all: a journal that is read again is charged against it.
    `partial_share` and `canceled_share` (0 to 1) are of the orders; the others complete. `life_seconds` is
    how long an order takes to its end, a fifth more or less. `spam_seconds` 0 switches spam protection off;
    without `spam_counts_down` its text always names them all. Order ids grow by 1 to `order_gap`. Everything
    random follows from `seed`. Raises ValueError for what makes no sense.
    """

    key: str = "sandbox-key"
    username: str = "sandbox"
    dialect: DialectName = "document"
    services: int = 60
    balance: Decimal = Decimal(100_000)
    currency: str = "RUB"
    life_seconds: float = 60.0
    partial_share: float = 0.0
    canceled_share: float = 0.0
    spam_seconds: float = 7.0
    spam_counts_down: bool = True
    cancel_minutes: float = 10.0
    first_order: int = 1242
    order_gap: int = 1
    journal: Path | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not self.key.strip():
            raise ValueError("the key must not be empty")
        if self.dialect not in ("document", "classic"):
            raise ValueError("the dialect is document or classic")
        if not 0 <= self.services <= MAX_SERVICES:
            raise ValueError(f"the number of services must be within 0 and {MAX_SERVICES}")
        if not self.balance.is_finite() or self.balance < 0:
            raise ValueError("the balance must be an amount, 0 or more")
        if min(self.first_order, self.order_gap) < 1:
            raise ValueError("the first order and the gap between orders must be 1 or more")
        not_negative("life", self.life_seconds)
        not_negative("spam protection", self.spam_seconds)
        not_negative("time to cancel", self.cancel_minutes)
        shares_of_one(partial=self.partial_share, canceled=self.canceled_share)


def not_negative(name: str, number: float) -> None:
    """Refuse a duration below zero, or one that is no number, by ValueError."""
    if not 0 <= number < float("inf"):
        raise ValueError(f"the {name} must be a number, 0 or more")


def shares_of_one(**shares: float) -> None:
    """Refuse shares that are not within 0 and 1, or are more than 1 together, by ValueError."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"the share {name} must be within 0 and 1")
    # Ten shares of 0.1 are a little more than 1 as floats.
    if sum(shares.values()) > 1 + 1e-9:
        raise ValueError(f"the shares {', '.join(shares)} must not be more than 1 together")

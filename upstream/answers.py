"""What a provider answered, typed. Amounts are `Decimal` in the provider's currency, never a float."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Status(StrEnum):
    """The six statuses of an order (`provider-api.txt`, "Статус заказа")."""

    PENDING = "pending"
    PROCESSING = "processing"
    IN_PROGRESS = "in_progress"
    PARTIAL = "partial"
    COMPLETED = "completed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service of the catalogue; `rate` is per 1000, above 0; 1 <= `min` <= `max`; None: not said."""

    service_id: str
    name: str
    type: str
    category: str
    rate: Decimal
    min: int
    max: int
    refill: bool | None
    cancel: bool | None
    dripfeed: bool | None


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row of the catalogue that cannot be sold safely; `position` counts from 0."""

    position: int
    service_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All services of a provider, in its order, and those left out."""

    rows: tuple[ServiceRow, ...]
    skipped: tuple[SkippedRow, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """The provider has the order. `raw` is an excerpt of the answer, without the key."""

    order_id: str
    raw: str


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """How an order fares; None: not said, or not readable.

    `status` None means: keep the old one. `unreadable` names the fields whose value is there and makes no
    sense. `remains` may be below zero (over-delivered) or above the quantity: the caller knows the quantity.
    """

    status: Status | None
    status_text: str
    charge: Decimal | None
    start_count: int | None
    remains: int | None
    currency: str
    unreadable: tuple[str, ...]
    raw: str


@dataclass(frozen=True, slots=True)
class CancelTaken:
    """The request to cancel was taken, now or (`already`) before; money waits for the order's status."""

    already: bool
    raw: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The account's balance. `verified` is False where "1.000" may be 1 or 1000, or nothing was read."""

    amount: Decimal | None
    raw_text: str
    verified: bool
    currency: str
    user_id: str
    username: str

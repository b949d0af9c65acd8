"""An order's life: its status, remains and charge as a pure function of its plan and the time."""

import random
from dataclasses import asdict, dataclass, replace
from decimal import ROUND_UP, Decimal

from upstream.sandbox.settings import Settings

PENDING, PROCESSING, IN_PROGRESS = "Pending", "Processing", "In progress"
COMPLETED, PARTIAL, CANCELED = "Completed", "Partial", "Canceled"
ENDS = (COMPLETED, PARTIAL, CANCELED)

PROCESSING_FROM = 0.1
IN_PROGRESS_FROM = 0.25
LIFE_SPREAD = 0.2
CENTIMILLI = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class Plan:
    """What will become of an order: when it ends, as what, and with how many undelivered."""

    start_count: int
    life_seconds: float
    end: str
    end_remains: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a test wants of a plan; what is None stays as drawn, and the remains follow from the end."""

    end: str | None = None
    end_remains: int | None = None
    start_count: int | None = None
    life_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no order can end as."""
        if self.end not in (None, *ENDS):
            raise ValueError(f"{self.end} is no end of an order")


@dataclass(frozen=True, slots=True)
class State:
    """How an order stands: `remains` undelivered, `charge` kept by the provider."""

    status: str
    remains: int
    charge: Decimal


@dataclass(slots=True)
class Order:
    """An accepted order; times are seconds since 1970. `ending` is set once it has ended."""

    id: str
    service: int
    link: str
    quantity: int
    charge: Decimal
    accepted_at: float
    plan: Plan
    ending: State | None = None

    @property
    def ends_at(self) -> float:
        """Return when its plan ends it."""
        return self.accepted_at + self.plan.life_seconds


def charge_for(rate: Decimal, quantity: int) -> Decimal:
    """Return what `quantity` costs at a rate per 1000, rounded up to 0.00001."""
    return (rate * quantity / 1000).quantize(CENTIMILLI, ROUND_UP)


def draw_plan(order_id: str, quantity: int, settings: Settings) -> Plan:
    """Return the plan that the settings' shares and seed give to this order, whichever ones came before."""
    chance = random.Random(f"{settings.seed}:{order_id}")  # noqa: S311 (reproducible, guards nothing)
    draw = chance.random()
    end, remains = COMPLETED, 0
    if draw < settings.partial_share:
        end, remains = PARTIAL, chance.randint(1, max(1, quantity - 1))
    elif draw < settings.partial_share + settings.canceled_share:
        end, remains = CANCELED, quantity
    return Plan(
        start_count=chance.randint(0, 20_000),
        life_seconds=settings.life_seconds * chance.uniform(1 - LIFE_SPREAD, 1 + LIFE_SPREAD),
        end=end,
        end_remains=remains,
    )


def wished(plan: Plan, wish: Wish, quantity: int) -> Plan:
    """Return the plan with what is wished of it. Raises ValueError for more remains than the quantity."""
    changes = {name: value for name, value in asdict(wish).items() if value is not None}
    if wish.end is not None:
        changes.setdefault("end_remains", usual_remains(wish.end, quantity))
    result = replace(plan, **changes)
    _check_end(result.end, result.end_remains, quantity)
    return result


def usual_remains(end: str, quantity: int) -> int:
    """Return what remains when nothing else is said: all of a canceled order, nothing of another."""
    return quantity if end == CANCELED else 0


def state_at(order: Order, now: float) -> State:
    """Return how the order stands: Pending, Processing, In progress, and then its end."""
    if order.ending is not None:
        return order.ending
    if now >= order.ends_at:
        return ended(order, order.plan.end, order.plan.end_remains)
    lived = (now - order.accepted_at) / order.plan.life_seconds
    if lived < IN_PROGRESS_FROM:
        return State(PENDING if lived < PROCESSING_FROM else PROCESSING, order.quantity, order.charge)
    done = (lived - IN_PROGRESS_FROM) / (1 - IN_PROGRESS_FROM)
    delivered = int((order.quantity - order.plan.end_remains) * done)
    return State(IN_PROGRESS, order.quantity - delivered, order.charge)


def ended(order: Order, status: str, remains: int) -> State:
    """Return the order's end: Partial keeps the charge of what was delivered, Canceled keeps nothing.

    Raises ValueError for a status that is no end, and for remains that are not within the quantity.
    """
    _check_end(status, remains, order.quantity)
    if status == CANCELED:
        kept = Decimal(0)
    elif status == PARTIAL:
        kept = (order.charge * (order.quantity - remains) / order.quantity).quantize(CENTIMILLI, ROUND_UP)
    else:
        kept = order.charge
    return State(status, remains, kept)


def _check_end(status: str, remains: int, quantity: int) -> None:
    if status not in ENDS:
        raise ValueError(f"{status} is no end of an order")
    if not 0 <= remains <= quantity:
        raise ValueError(f"{remains} of {quantity} cannot remain")

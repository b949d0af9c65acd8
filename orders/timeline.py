"""An order in its customer's words: its status, what happened, what happens next."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.fault_words import quoted
from money.display import shown
from orders.delaying import is_delayed
from orders.models import Order, OrderEvent

Status = Order.Status
Kind = OrderEvent.Kind
CancelState = Order.CancelState

SHOWN_STATUS: dict[str, str] = {status: status for status in Status.values} | {
    Status.QUEUED: Status.PENDING,
    Status.SENDING: Status.PENDING,
    Status.UNCERTAIN: Status.PENDING,
    Status.HELD: Status.PENDING,
}
"""Our statuses as customers see them (`design.md`, "An order's life")."""

WORDS = {
    Kind.PLACED: gettext_lazy("The order was placed and paid for."),
    Kind.ACCEPTED: gettext_lazy("The order was accepted for work."),
    Kind.UNCERTAIN: gettext_lazy("The order is being checked by our staff."),
    Kind.HELD: gettext_lazy("The order is being checked by our staff."),
    Kind.REFUSED: gettext_lazy("The order could not be carried out."),
    Kind.CANCEL_WANTED: gettext_lazy("Cancellation was asked for."),
    Kind.CANCEL_TAKEN: gettext_lazy("The request to cancel was taken."),
    Kind.CANCEL_REFUSED: gettext_lazy("The order can no longer be canceled, and goes on."),
    Kind.CANCEL_UNANSWERED: gettext_lazy("The request to cancel got no clear answer yet."),
    Kind.CANCELED_HERE: gettext_lazy("The order was canceled before it was begun."),
    Kind.SETTLED: gettext_lazy("Our staff checked the order."),
    Kind.FOUND: gettext_lazy("The order was accepted for work."),
}

STATUS_WORDS = {
    Status.PENDING: gettext_lazy("The order waits for its turn."),
    Status.PROCESSING: gettext_lazy("The order is being prepared."),
    Status.IN_PROGRESS: gettext_lazy("The order is being carried out."),
    Status.COMPLETED: gettext_lazy("The order was carried out in full."),
    Status.PARTIAL: gettext_lazy("The order was carried out in part."),
    Status.CANCELED: gettext_lazy("The order was canceled."),
}

NEXT = {
    Status.QUEUED: gettext_lazy("It will be sent for work in a moment."),
    Status.SENDING: gettext_lazy("It is being sent for work right now."),
    Status.UNCERTAIN: gettext_lazy("Our staff checks whether it was begun. Your money is safe meanwhile."),
    Status.HELD: gettext_lazy("Our staff looks into it. Your money is safe meanwhile."),
    Status.PENDING: gettext_lazy("It waits for its turn; nothing needs to be done."),
    Status.PROCESSING: gettext_lazy("It is about to start; nothing needs to be done."),
    Status.IN_PROGRESS: gettext_lazy("It is under way; nothing needs to be done."),
    Status.COMPLETED: gettext_lazy("It is done."),
    Status.PARTIAL: gettext_lazy("It ended early. What was not delivered was returned to your wallet."),
    Status.CANCELED: gettext_lazy("It ended. The charge was returned to your wallet in full."),
}

DELAYED = gettext_lazy(
    "It waits to be sent for work, and will be sent by itself. That can take a while; nothing is lost, and "
    "your money is safe meanwhile."
)

CANCEL_STANDING = {
    CancelState.WANTED: gettext_lazy("You asked to cancel it. Until it has stopped, it may still go on."),
    CancelState.TAKEN: gettext_lazy(
        "The request to cancel was taken. The money comes back when it has stopped."
    ),
    CancelState.REFUSED: gettext_lazy("It could no longer be canceled, and goes on."),
    CancelState.UNANSWERED: gettext_lazy("The request to cancel got no clear answer. You may ask again."),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a timeline."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of an order was delivered; `delivered` lies within 0 and `quantity`."""

    delivered: int
    quantity: int


def shown_status(order: Order) -> str:
    """Return which status a customer sees."""
    return SHOWN_STATUS[order.status]


def shown_status_label(order: Order) -> str:
    """Return that status in the language of the page."""
    return str(Status(shown_status(order)).label)


def status_in_words(text: str) -> str:
    """Return a status that we know by its label, for staff; any other in quotes, "—" for none."""
    if text in Status.values:
        return str(Status(text).label)
    return quoted(text) if text else "—"


def what_next(order: Order) -> str:
    """Return what happens next with an order, in the language of the page."""
    return str(DELAYED if is_delayed(order) else NEXT[Status(order.status)])


def progress(order: Order) -> Progress | None:
    """Return how far an order is; None when its provider has not said, or nothing was sent."""
    if order.status == Status.COMPLETED and order.remains is None:
        return Progress(delivered=order.quantity, quantity=order.quantity)
    if order.delivered is None or order.status in Order.UNSENT:
        return None
    return Progress(delivered=min(max(order.delivered, 0), order.quantity), quantity=order.quantity)


def cancel_standing(order: Order) -> str:
    """Return what became of the customer's wish to cancel; "" without one, or when the order has ended."""
    return "" if order.is_ended else str(CANCEL_STANDING.get(CancelState(order.cancel_state), ""))


def what_cancel_does(order: Order) -> str:
    """Return what canceling an order now would do to it and to the money."""
    if order.status == Status.QUEUED:
        return _("It was not sent for work yet: it is canceled at once, and the whole charge comes back.")
    if order.status in Order.UNSENT:
        return _("It will be canceled if it can still be stopped. What is not delivered is paid back.")
    return _(
        "We ask for the work to be stopped. What was not delivered by then is paid back once it has stopped."
    )


def timeline(order: Order) -> list[Step]:
    """Return what happened to an order, oldest first, in words for its customer; at most 200 lines."""
    steps: list[Step] = []
    # Left out before the cut: an order that waits for days is tried hundreds of times.
    for event in order.events.exclude(kind__in=[Kind.SENDING, Kind.WAITS]).order_by("id")[:200]:
        text = _words(event)
        if text and (not steps or steps[-1].text != text):
            steps.append(Step(at=event.at, text=text))
    return steps


def _words(event: OrderEvent) -> str:
    if event.kind in (Kind.REFUNDED, Kind.REFUNDED_BY_HAND):
        return _("%(amount)s returned to your wallet.") % {"amount": shown(event.amount or Decimal(0))}
    if event.kind == Kind.STATUS:
        return str(STATUS_WORDS.get(Status(event.to_status), ""))
    return str(WORDS.get(Kind(event.kind), ""))

"""What must be so after each step of an order's life, in plain Python: told of each step by the machine.

Money is counted from credits, charges and how orders ended, a provider's orders from the calls made.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from catalog.models import TaughtText
from operations.models import Alert
from orders.models import Attempt, Order, OrderEvent
from upstream.answers import Placed
from upstream.errors import Halt, Later, ProviderError, Refused, UnknownText
from wallet.models import Entry, LedgerAccount, Transfer

Status = Order.Status
Event = OrderEvent.Kind
Meaning = TaughtText.Meaning

SURELY_NOT = {Meaning.REFUSED.value, Meaning.LATER.value, Meaning.HALT.value}


@dataclass(eq=False)
class Call:
    """An `add` call that was made: what the provider answered, as far as it has, and what the panel heard."""

    attempt_id: int
    order_id: int
    answer: Placed | ProviderError | None = None
    meaning: str = ""
    """What a person taught the answer's text."""
    heard_after: int | None = None
    """How many decisions there were about the order when the answer was recorded; None: it was not."""

    def __repr__(self) -> str:
        return f"Call(attempt={self.attempt_id}, order={self.order_id}, answer={self.answer!r})"

    @property
    def may_be_placed(self) -> bool:
        """Whether the provider may have the order from this call."""
        if isinstance(self.answer, UnknownText):
            return self.meaning not in SURELY_NOT
        return not isinstance(self.answer, Refused | Later | Halt)

    @property
    def hints(self) -> bool:
        """Whether its answer hints at an earlier call of the same order."""
        return self.meaning == Meaning.LATER or (
            isinstance(self.answer, Later) and self.answer.hints_at_earlier
        )


@dataclass
class Books:
    """The model: what each customer was credited, and the calls made for each order."""

    credited: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    calls: dict[int, list[Call]] = field(default_factory=lambda: defaultdict(list))
    placed: set[int] = field(default_factory=set)
    given_back: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    by_hand: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """Up to which sum a person gave each order's charge back."""

    def holds(self, user_id: int) -> Decimal:
        """Return what a customer's wallet must hold."""
        orders = Order.objects.filter(customer=user_id)
        return self.credited[user_id] - sum((order.charge - self.owed(order) for order in orders), Decimal(0))

    def owed(self, order: Order) -> Decimal:
        """Return what must have gone back of an order: what its end owes, or what a person gave, if more."""
        return max(owed(order), self.by_hand[order.pk])

    def called(self, call: Call) -> Call:
        """Take down a call. It must not be one that the panel had been told is placed already."""
        decisions = decisions_about(call.order_id)
        for earlier in self.calls[call.order_id]:
            known = isinstance(earlier.answer, Placed) and earlier.heard_after == decisions
            assert not known, f"sent again, though {earlier} was known to be placed"
        self.calls[call.order_id].append(call)
        return call

    def all_calls(self) -> list[Call]:
        """Return every call, by order."""
        return [call for calls in self.calls.values() for call in calls]

    def check(self) -> None:
        """Prove all that must be so after each step."""
        orders = list(Order.objects.order_by("pk"))
        assert {order.pk for order in orders} == self.placed, "orders nobody knows of, or lost ones"
        events: dict[int, list[OrderEvent]] = defaultdict(list)
        for event in OrderEvent.objects.order_by("pk"):
            events[event.order_id].append(event)
        self._check_money(orders)
        open_attempts = list(Attempt.objects.filter(outcome="").values_list("order", "lease_until"))
        alerts = set(Alert.objects.filter(closed_at=None).values_list("kind", "cause"))
        for order in orders:
            self._check_sent_once(order, events[order.pk])
            check_chain(order, events[order.pk])
            leases = [lease for order_id, lease in open_attempts if order_id == order.pk]
            check_way_out(order, leases=leases, alerts=alerts)

    def _check_money(self, orders: list[Order]) -> None:
        per_transfer: dict[int, Decimal] = defaultdict(Decimal)
        per_wallet: dict[int, Decimal] = defaultdict(Decimal)
        per_order: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        for transfer, kind, subject, owner, amount in Entry.objects.values_list(
            "transfer", "transfer__kind", "transfer__subject_id", "account__owner", "amount"
        ):
            per_transfer[transfer] += amount
            if owner is not None:
                per_wallet[owner] += amount
                per_order[kind, subject] += amount
        assert not any(per_transfer.values()), "entries that do not sum to zero"
        for order in orders:
            self._check_order_money(order, per_order)
        expected = defaultdict(Decimal, self.credited)
        for order in orders:
            expected[order.customer_id] -= order.charge - self.owed(order)
        wallets = LedgerAccount.objects.filter(kind=LedgerAccount.Kind.WALLET)
        for owner, balance in wallets.values_list("owner", "balance"):
            assert balance == per_wallet[owner] == expected[owner] >= 0, f"wallet of {owner}: {balance}"

    def _check_order_money(self, order: Order, moved: dict[tuple[str, int], Decimal]) -> None:
        paid = -moved[Transfer.Kind.ORDER_CHARGE.value, order.pk]
        back = moved[Transfer.Kind.ORDER_REFUND.value, order.pk]
        assert paid == order.charge, f"order {order.pk} paid {paid} of {order.charge}"
        assert back <= paid, f"order {order.pk}: refunds of {back} above {paid}"
        assert back == order.refunded == self.owed(order), (
            f"order {order.pk} {order.status}: {back} went back"
        )
        assert back >= self.given_back[order.pk], f"order {order.pk}: a refund was taken back"
        assert order.kept == paid - back
        self.given_back[order.pk] = back

    def _check_sent_once(self, order: Order, events: list[OrderEvent]) -> None:
        """No `add` after one that may have been accepted, unless a person decided in between."""
        calls, doubt, earlier_doubt = iter(self.calls[order.pk]), False, False
        for event in events:
            if event.kind == Event.SETTLED:
                doubt = False
            elif event.kind == Event.SENDING:
                assert not doubt, f"order {order.pk} was sent again, and may have been placed before"
                call = next(calls)
                doubt = call.may_be_placed or (call.hints and earlier_doubt)
                earlier_doubt |= call.may_be_placed
        assert next(calls, None) is None, f"order {order.pk}: a call without a trace"


def owed(order: Order) -> Decimal:
    """Return what must have gone back of an order that stands so."""
    if order.status == Status.CANCELED:
        return order.charge
    if order.status == Status.PARTIAL:
        share = order.charge * order.remains / order.quantity  # type: ignore[operator]
        return share.quantize(Decimal("0.00001"), rounding=ROUND_HALF_UP)
    return Decimal(0)


def decisions_about(order_id: int) -> int:
    """Return how many decisions of a person there were about an order."""
    return OrderEvent.objects.filter(order=order_id, kind=Event.SETTLED).count()


def check_chain(order: Order, events: Iterable[OrderEvent]) -> None:
    """Each change of status starts where the one before it ended, and the last one ends where it stands."""
    at = ""
    for event in events:
        if event.to_status:
            assert event.from_status == at, f"order {order.pk}: {event.kind} from {event.from_status}"
            at = event.to_status
    assert at == order.status, f"order {order.pk} is {order.status}, its events end at {at}"


def check_way_out(order: Order, *, leases: list[object], alerts: set[tuple[str, str]]) -> None:
    """Something, or somebody, will take each order on from where it stands."""
    status, where = order.status, f"order {order.pk} is {order.status}"
    assert len(leases) == (status == Status.SENDING), f"{where} with {len(leases)} calls under way"
    assert (order.ended_at is not None) == (status in Order.ENDED), f"{where}, ended at {order.ended_at}"
    assert order.refunded == 0 or status not in Order.UNSENT, f"{where} with a refund"
    if status == Status.QUEUED:
        assert order.due_at is not None, f"{where} and never due"
    elif status in Order.FOR_A_PERSON:
        kinds = (Alert.Kind.ORDER_UNCERTAIN, Alert.Kind.ORDER_HELD)
        assert any((kind.value, f"order:{order.pk}") in alerts for kind in kinds), f"{where}, nobody is told"
    elif status in Order.OPEN_UPSTREAM:
        assert order.provider_order_id, f"{where} without an id"
        assert order.due_at is not None, f"{where} and never asked about"
        is_wanted = order.cancel_state == Order.CancelState.WANTED
        assert not is_wanted or order.cancel_due_at is not None, f"{where}, its cancel is never asked for"

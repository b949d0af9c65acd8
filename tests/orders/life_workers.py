"""What workers may do next, what providers answer them, and where they may die."""

from datetime import timedelta

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule

from catalog.models import TaughtText
from orders import canceling, forwarding, overdue, polling
from orders.adopting import adopt
from orders.forwarding import claim_next, due_to_send
from orders.models import Attempt, LostAnswer, Order
from orders.outcomes import record_outcome
from tests.interrupting import cutting_in
from tests.orders.acting import said
from tests.orders.life_answers import (
    ADD_ANSWERS,
    ADD_FAULTS,
    CANCEL_ANSWERS,
    PLACED,
    PLACED_AS_ANOTHER,
    REMAINS,
    STATUS_FAULTS,
    STATUSES,
)
from tests.orders.life_machine import AT_PROVIDER, Life, accounts, calls, deaths, orders
from tests.orders.life_model import Call, decisions_about
from upstream.answers import OrderStatus, Placed
from upstream.errors import Halt, Later, ProviderError, Refused, UnknownText
from upstream.taught import RULE

Status = Order.Status
Meaning = TaughtText.Meaning

answers = st.just(PLACED) | st.sampled_from(ADD_ANSWERS)
"""Half of the calls are answered well, so that there is something to ask about."""
LEASE = timedelta(seconds=301)


class Senders(Life):
    """They claim, call, record what they hear, and find the dead ones among them."""

    @rule(target=calls, account=accounts, rival=st.booleans(), dies=deaths)
    def claim(self, account: int, rival: bool, dies: int | None) -> object:
        """Take an order and call the provider; a rival looks at the same order before it is taken."""
        provider_id, sends = self.sending(account), []

        def take() -> None:
            sends.append(claim_next(provider_id))

        if rival:
            with cutting_in(take, before='UPDATE "orders_order"'):
                take()
        else:
            self.lives(take, dies=dies)
        return multiple(*[self.call_of(send) for send in sends if send])

    @rule(target=calls, account=accounts, name=answers)
    def send(self, account: int, name: str) -> object:
        """Send all that is due, and hear the same of each."""
        provider_id, made = self.sending(account), []
        while len(made) < 4 and (send := claim_next(provider_id)):
            made.append(self.call_of(send))
            self.hear(made[-1], name)
        return multiple(*made)

    @rule(target=calls, account=accounts)
    def send_and_die(self, account: int) -> object:
        """Call the provider and record nothing, until the attempt is found dead."""
        send = claim_next(self.sending(account))
        made = [self.call_of(send)] if send else []
        self.time.shift(LEASE)
        forwarding.expire_attempts()
        return multiple(*made)

    @rule(call=calls, name=answers, dies=deaths, again=st.booleans())
    def answer(self, call: Call, name: str, dies: int | None, again: bool) -> None:
        """Record what a call was answered: at any time, dying in the middle, and more than once."""
        self.hear(call, name, dies=dies)
        if again:
            self.hear(call, name)

    def sending(self, account: int) -> int:
        """Return the provider, or the other one if only that has work, after a wait for the next order."""
        queued = Order.objects.filter(status=Status.QUEUED).select_related("provider")
        next_due = queued.order_by("due_at").first()
        if next_due is not None:
            times = (timezone.now(), next_due.due_at, next_due.provider.paced_until)
            self.time.move_to(max(at for at in times if at is not None))
        due = set(Order.objects.filter(due_to_send()).values_list("provider", flat=True))
        chosen = self.cast.providers[account].pk
        return chosen if chosen in due else min(due, default=chosen)

    def hear(self, call: Call, name: str, *, dies: int | None = None) -> None:
        order = Order.objects.get(pk=call.order_id)
        if call.answer is None:
            call.answer = self.answer_of(order, name)
        is_open = Attempt.objects.filter(pk=call.attempt_id, outcome="")
        counts = order.status == Status.SENDING and is_open.exists()
        expected = self.expected(order, call)
        self.lives(lambda: record_outcome(call.attempt_id, call.answer), dies=dies)
        if call.heard_after is None and self.is_heard(call):
            call.heard_after = decisions_about(call.order_id)
            call.meaning = self.taught(order) if Attempt.objects.get(pk=call.attempt_id).rule == RULE else ""
            if counts:
                status = Order.objects.get(pk=call.order_id).status
                assert status in expected, f"{call} made it {status}, not {expected}"

    def is_heard(self, call: Call) -> bool:
        """Tell whether an answer was recorded, by its worker and not for a dead one."""
        attempt = Attempt.objects.get(pk=call.attempt_id)
        return attempt.outcome != Attempt.Outcome.OPEN and attempt.rule != "worker_died"

    def taught(self, order: Order) -> str:
        return (
            TaughtText.objects.filter(provider=order.provider_id).values_list("meaning", flat=True).first()
            or ""
        )

    def answer_of(self, order: Order, name: str) -> Placed | ProviderError:
        if name in ADD_FAULTS:
            return ADD_FAULTS[name]
        taken = self.id_of_another(order) if name == PLACED_AS_ANOTHER else None
        return Placed(taken or self.next_number(), raw="")

    def expected(self, order: Order, call: Call) -> set[str]:
        """Return what an order that is being sent may become by an answer."""
        unsent = {Status.CANCELED if order.cancel_state == Order.CancelState.WANTED else Status.QUEUED}
        earlier = Attempt.objects.filter(order=order, pk__lt=call.attempt_id, outcome=Attempt.Outcome.PLACED)
        if earlier.exists() and not isinstance(call.answer, Placed):
            unsent = {Status.PENDING, Status.UNCERTAIN}  # an answer that came late says that it is placed
        match call.answer:
            case Placed(order_id=number):
                taken = Order.objects.filter(provider=order.provider_id, provider_order_id=number).exists()
                return {Status.UNCERTAIN if taken else Status.PENDING}
            case Refused():
                return unsent if earlier.exists() else {Status.CANCELED}
            case Halt():
                return unsent
            case Later(rule="active_order"):
                return unsent | {Status.UNCERTAIN, Status.CANCELED}
            case Later(hints_at_earlier=True):
                return unsent | {Status.UNCERTAIN}
            case Later():
                return unsent
            case UnknownText() if not self.taught(order):
                return {Status.HELD}
            case UnknownText():
                meant = {Meaning.REFUSED: unsent | {Status.CANCELED}, Meaning.UNCERTAIN: {Status.UNCERTAIN}}
                return meant.get(Meaning(self.taught(order)), unsent | {Status.UNCERTAIN})
        return {Status.UNCERTAIN}

    @rule(dies=deaths)
    def expire(self, dies: int | None) -> None:
        self.lives(forwarding.expire_attempts, dies=dies)

    @rule(call=calls, name=answers)
    def expire_while_answered(self, call: Call, name: str) -> None:
        """A slow worker records its answer after its attempt was found dead, and before it is expired."""
        with cutting_in(lambda: self.hear(call, name), before="SAVEPOINT"):
            forwarding.expire_attempts()


class Pollers(Life):
    """They ask about orders, ask to cancel them, and adopt what was lost."""

    @rule(
        order_id=orders,
        status=st.sampled_from(STATUSES),
        remains=st.sampled_from(REMAINS),
        again=st.integers(0, 2),
        dies=deaths,
    )
    def poll(
        self, order_id: int, status: str | None, remains: int | None, again: int, dies: int | None
    ) -> None:
        """Take an answer about an order that the provider has, many times over."""
        order = self.nearest(order_id, **AT_PROVIDER)
        if order.provider_order_id is None:
            return
        answer = self.status_of(status, remains)
        is_taken = self.lives(lambda: polling.record_answer(order.pk, answer), dies=dies)
        for _ in range(again):
            polling.record_answer(order.pk, answer)
        if is_taken or again:
            assert Order.objects.get(pk=order.pk).status == self.polled(order, answer)

    def status_of(self, status: str | None, remains: int | None) -> OrderStatus:
        return said(status, remains=remains, unreadable=() if remains is not None else ("remains",))

    def polled(self, order: Order, answer: OrderStatus) -> str:
        """Return what an order must be after an answer about it."""
        to = answer.status and answer.status.value
        if to is None or (to == Status.PARTIAL and answer.remains is None):
            return order.status
        if not order.is_ended:
            return to
        further = {Status.COMPLETED: {Status.PARTIAL, Status.CANCELED}, Status.PARTIAL: {Status.CANCELED}}
        return to if to in further.get(Status(order.status), set()) else order.status

    @rule(
        order_id=orders,
        statuses=st.sampled_from([("partial", "canceled"), ("partial", "partial"), ("canceled", "partial")]),
        remains=st.tuples(st.sampled_from([77, 333]), st.sampled_from(REMAINS)),
    )
    def poll_twice_at_once(self, order_id: int, statuses: tuple, remains: tuple) -> None:
        """Another poller takes another answer right before the first one's refund is counted."""
        order = self.nearest(order_id, status__in=Order.OPEN_UPSTREAM)
        if order.provider_order_id is None:
            return
        first, second = map(self.status_of, statuses, remains)
        with cutting_in(
            lambda: polling.record_answer(order.pk, second), before='UPDATE "orders_order" SET "refunded"'
        ):
            polling.record_answer(order.pk, first)

    @rule(order_id=orders, name=st.sampled_from(sorted(STATUS_FAULTS)), dies=deaths)
    def poll_in_vain(self, order_id: int, name: str, dies: int | None) -> None:
        order = self.nearest(order_id, **AT_PROVIDER)
        if order.provider_order_id is not None:
            self.lives(lambda: polling.record_answer(order.pk, STATUS_FAULTS[name]), dies=dies)
            assert Order.objects.get(pk=order.pk).status == order.status

    @rule(order_id=orders, name=st.sampled_from(sorted(CANCEL_ANSWERS)), dies=deaths)
    def cancel_answered(self, order_id: int, name: str, dies: int | None) -> None:
        order = self.nearest(order_id, cancel_due_at__isnull=False)
        if order.provider_order_id is not None:
            self.lives(lambda: canceling.record_answer(order.pk, CANCEL_ANSWERS[name]), dies=dies)
            assert Order.objects.get(pk=order.pk).status == order.status

    @rule(account=accounts, dies=deaths)
    def take_jobs(self, account: int, dies: int | None) -> None:
        """Take a poll and a cancel, and die with them."""
        provider_id = self.cast.providers[account].pk
        self.lives(lambda: polling.take_next(provider_id), dies=dies)
        self.lives(lambda: canceling.take_next(provider_id), dies=dies)

    @rule(order_id=orders, by_another=st.booleans(), dies=deaths)
    def find(self, order_id: int, by_another: bool, dies: int | None) -> None:
        """Adopt an id that was found for a lost order."""
        order = self.nearest(order_id, status__in=Order.FOR_A_PERSON)
        lost = LostAnswer.objects.filter(attempt__order=order).order_by("-pk").first()
        taken = self.id_of_another(order) if by_another else None
        if lost is not None:
            self.lives(lambda: adopt(lost, number=int(taken or self.next_number())), dies=dies)

    @rule(dies=deaths)
    def refund_overdue(self, dies: int | None) -> None:
        self.lives(overdue.refund_overdue, dies=dies)

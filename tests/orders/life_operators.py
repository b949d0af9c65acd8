"""What operators may decide next, and time."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.db.models import F
from hypothesis import strategies as st
from hypothesis.stateful import rule

from catalog.halting import BY_HAND, halt, resume
from catalog.models import Provider, Service, TaughtText
from catalog.teaching import TaughtOtherwise, forget, teach
from money.amounts import round_charge
from orders import settling
from orders.ending import seen_of, settle_end
from orders.errors import (
    NotForEnding,
    NotForRefund,
    NotForSettling,
    ProviderIdTaken,
    RefundOutOfBounds,
    RefundSeenOtherwise,
    RemainsOutOfBounds,
)
from orders.models import Attempt, Order
from orders.refunding_by_hand import FROM, refund_by_hand
from orders.teaching import settle_held
from tests.orders.life_answers import REMAINS, UNHEARD_OF
from tests.orders.life_machine import Life, accounts, deaths, orders
from upstream.taught import RULE

Status = Order.Status
Meaning = TaughtText.Meaning


class Operators(Life):
    """They settle what waits for a person, teach texts, and stop providers and let them go on."""

    @rule(
        order_id=orders,
        decision=st.sampled_from(["placed", "placed as another", "send again", "refund"]),
        dies=deaths,
    )
    def decide(self, order_id: int, decision: str, dies: int | None) -> None:
        order = self.nearest(order_id, status__in=Order.FOR_A_PERSON)
        taken = self.id_of_another(order) if decision == "placed as another" else None
        who = {"actor": self.cast.operator, "why": "looked at"}
        decisions: dict[str, Callable[[], Order]] = {
            "send again": lambda: settling.settle_send_again(order.pk, **who),
            "refund": lambda: settling.settle_refund(order.pk, **who),
        }
        placed_as = taken or self.next_number()
        act = decisions.get(
            decision, lambda: settling.settle_placed(order.pk, provider_order_id=placed_as, **who)
        )
        try:
            self.lives(act, dies=dies)
        except NotForSettling:
            assert order.status not in Order.FOR_A_PERSON
        except ProviderIdTaken:
            assert taken

    @rule(
        order_id=orders,
        status=st.sampled_from(sorted(Order.ENDED)),
        remains=st.sampled_from(REMAINS),
        dies=deaths,
    )
    def end_by_hand(self, order_id: int, status: str, remains: int | None, dies: int | None) -> None:
        order = self.nearest(order_id, status__in=Order.OPEN_UPSTREAM)
        who = {"actor": self.cast.operator, "why": "gone"}
        try:
            self.lives(
                lambda: settle_end(order.pk, status=status, remains=remains, seen=seen_of(order), **who),
                dies=dies,
            )
        except NotForEnding:
            assert order.status not in Order.OPEN_UPSTREAM
        except RemainsOutOfBounds:
            assert status == Status.PARTIAL

    @rule(
        order_id=orders,
        part=st.sampled_from([Decimal("0.1"), Decimal("0.5"), Decimal(1), Decimal("1.5")]),
        stale=st.booleans(),
        dies=deaths,
    )
    def refund_by_hand(self, order_id: int, part: Decimal, stale: bool, dies: int | None) -> None:
        """Give a part of what is left back, the rest, or try too much; or decide on what was seen before."""
        order = self.nearest(order_id, status__in=FROM, refunded__lt=F("charge"))
        amount = round_charge(order.kept * part) or order.kept
        seen = order.refunded - Decimal("0.00001") if stale else order.refunded
        actor = self.cast.operator

        def give() -> Order:
            return refund_by_hand(order.pk, amount=amount, seen=seen, actor=actor, why="sorry")

        try:
            if self.lives(give, dies=dies):
                self.books.by_hand[order.pk] = order.refunded + amount
        except RefundSeenOtherwise:
            assert stale
        except RefundOutOfBounds:
            assert part > 1
        except NotForRefund:
            assert order.status not in FROM or order.kept == 0

    @rule(account=accounts, meaning=st.sampled_from(Meaning.values), dies=deaths)
    def teach_text(self, account: int, meaning: str, dies: int | None) -> None:
        """Teach the text that no row knows a class, or forget it if it has another."""
        provider = self.cast.providers[account]
        try:
            teach(provider, text=UNHEARD_OF, meaning=meaning, actor=self.cast.operator)
        except TaughtOtherwise as refusal:
            forget(refusal.taught)
            return
        self.lives(lambda: settle_held(provider.pk), dies=dies)
        taught = Attempt.objects.filter(provider=provider, rule=RULE).values_list("pk", flat=True)
        for call in self.books.all_calls():
            if not call.meaning and call.attempt_id in taught:
                call.meaning = meaning

    @rule(account=accounts, change=st.sampled_from(["halt", "resume", "off", "on"]))
    def change_provider(self, account: int, change: str) -> None:
        provider = Provider.objects.get(pk=self.cast.providers[account].pk)
        if change == "halt":
            halt(provider, rule=BY_HAND, text="by hand")
        elif change == "resume":
            resume(provider)
        else:
            Provider.objects.filter(pk=provider.pk).update(is_active=change == "on")

    @rule()
    def sell_again(self) -> None:
        Service.objects.update(is_listed=True, held_text="", min_quantity=100)

    # --- Time ---------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([10, 301, 700, 4000, 90_000, 300_000]))
    def pass_time(self, seconds: int) -> None:
        self.time.shift(timedelta(seconds=seconds))

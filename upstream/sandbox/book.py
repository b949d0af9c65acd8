"""The account's book: balance, orders, spam protection, cancels; changes are rows of the journal first."""

import heapq
import math
import random
import threading
from collections import deque
from collections.abc import Callable
from decimal import Decimal

from upstream.sandbox.catalogue import Service
from upstream.sandbox.journal import Accepted, Ended, Journal, PaidIn, Row
from upstream.sandbox.life import (
    CANCELED,
    ENDS,
    Order,
    Plan,
    State,
    Wish,
    charge_for,
    draw_plan,
    ended,
    state_at,
    usual_remains,
    wished,
)
from upstream.sandbox.refusals import (
    ALREADY_CANCELED,
    NO_FUNDS,
    ORDER_INVALID,
    QUANTITY_OUT_OF_BOUNDS,
    Refused,
    spam_wait,
    too_late_to_cancel,
)
from upstream.sandbox.settings import Settings


class Book:
    """One account at the provider; may be used by many threads at once.

    Nothing changes but by `_apply` of a row, which is written first: a journal read again gives the same
    book. `clock` gives seconds since 1970. Orders end when their time is up, at the next look at the book.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.journal = Journal(settings.journal)
        self._settings = settings
        self._clock = clock
        self._lock = threading.RLock()
        self._chance = random.Random(f"{settings.seed}:ids")  # noqa: S311 (reproducible, guards nothing)
        self._balance = settings.balance
        self._orders: dict[str, Order] = {}
        self._last_id = 0
        self._accepted_at: dict[tuple[int, str], float] = {}
        self._due: list[tuple[float, str]] = []
        self._wishes: deque[Wish] = deque()
        for row in self.journal.rows:
            self._apply(row)

    @property
    def balance(self) -> Decimal:
        """Return what the account holds now."""
        with self._lock:
            self._end_what_is_due()
            return self._balance

    def set_balance(self, amount: Decimal) -> None:
        """Pay in, or take out, what makes the balance this amount."""
        with self._lock:
            self._record(PaidIn(self._clock(), amount - self.balance))

    def wish(self, wish: Wish) -> None:
        """Let the next accepted order's plan be as wished."""
        with self._lock:
            self._wishes.append(wish)

    def place(self, service: Service, *, link: str, quantity: int | None) -> Order:
        """Accept and charge an order; `quantity` is None when the call's was no number.

        Raises `Refused` in the order of "Создать заказ", errors 9, 10, 12.
        """
        with self._lock:
            self._end_what_is_due()
            charge = charge_for(service.rate, quantity or 0)
            if charge > self._balance:
                raise Refused(NO_FUNDS)
            if quantity is None or not service.min <= quantity <= service.max:
                raise Refused(QUANTITY_OUT_OF_BOUNDS)
            now = self._clock()
            self._refuse_spam(service.service, link, now)
            order_id = self._next_id()
            plan = self._plan(order_id, quantity)
            self._record(Accepted(now, order_id, service.service, link, quantity, charge, plan))
            return self._orders[order_id]

    def look_up(self, order_id: str) -> tuple[Order, State]:
        """Return an order and how it stands now. Raises `Refused` for an unknown one."""
        with self._lock:
            self._end_what_is_due()
            order = self._orders.get(order_id)
            if order is None:
                raise Refused(ORDER_INVALID)
            return order, state_at(order, self._clock())

    def cancel(self, order_id: str) -> None:
        """Cancel an order that has not ended and is young enough; what was undelivered then remains.

        Raises `Refused` as in "Отмена заказа"; the document has no words for an order that ended otherwise
        than by a cancel, which is answered as one that is too old.
        """
        with self._lock:
            order, state = self.look_up(order_id)
            if state.status == CANCELED:
                raise Refused(ALREADY_CANCELED)
            minutes = self._settings.cancel_minutes
            if state.status in ENDS or self._clock() - order.accepted_at > minutes * 60:
                raise Refused(too_late_to_cancel(minutes))
            self._end(order, CANCELED, state.remains, at=self._clock(), cause="cancel")

    def end(self, order_id: str, status: str, remains: int | None) -> None:
        """End an order by hand, or change its end, and settle the charge; see `Sandbox.end_order`."""
        with self._lock:
            order, _ = self.look_up(order_id)
            remains = usual_remains(status, order.quantity) if remains is None else remains
            self._end(order, status, remains, at=self._clock(), cause="hand")

    def close(self) -> None:
        """Close the journal's file."""
        with self._lock:
            self.journal.close()

    def _refuse_spam(self, service: int, link: str, now: float) -> None:
        left = self._accepted_at.get((service, link), -math.inf) + self._settings.spam_seconds - now
        if left > 0:
            raise Refused(
                spam_wait(math.ceil(left if self._settings.spam_counts_down else self._settings.spam_seconds))
            )

    def _next_id(self) -> str:
        if not self._last_id:
            return str(self._settings.first_order)
        return str(self._last_id + self._chance.randint(1, self._settings.order_gap))

    def _plan(self, order_id: str, quantity: int) -> Plan:
        plan = draw_plan(order_id, quantity, self._settings)
        return wished(plan, self._wishes.popleft(), quantity) if self._wishes else plan

    def _end_what_is_due(self) -> None:
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            ends_at, order_id = heapq.heappop(self._due)
            order = self._orders[order_id]
            if order.ending is None:  # not canceled, nor ended by hand, before its time
                self._end(order, order.plan.end, order.plan.end_remains, at=ends_at, cause="life")

    def _end(self, order: Order, status: str, remains: int, *, at: float, cause: str) -> None:
        ending = ended(order, status, remains)
        self._record(Ended(at, order.id, ending.status, ending.remains, ending.charge, cause))

    def _record(self, row: Row) -> None:
        self.journal.write(row)
        self._apply(row)

    def _apply(self, row: Row) -> None:
        match row:
            case Accepted():
                self._take_in(row)
            case Ended():
                order = self._orders[row.order]
                kept = order.charge if order.ending is None else order.ending.charge
                order.ending = State(row.status, row.remains, row.charge)
                self._balance += kept - row.charge
            case PaidIn():
                self._balance += row.amount

    def _take_in(self, row: Accepted) -> None:
        order = Order(row.order, row.service, row.link, row.quantity, row.charge, row.at, row.plan)
        self._orders[order.id] = order
        self._last_id = max(self._last_id, int(order.id))
        self._accepted_at[row.service, row.link] = row.at
        self._balance -= row.charge
        heapq.heappush(self._due, (order.ends_at, order.id))

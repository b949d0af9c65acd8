"""Customers who order, look and cancel, and who send a form again whose answer did not come."""

import random
import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import requests

from tests.chaos.planning import Plan, Wish
from tests.site.customers import Customer

PATIENCE_SECONDS = 90.0
PAUSE_SECONDS = 0.5

LOOK_SHARE = 0.1
CANCEL_SHARE = 0.05

PLACED, REFUSED = 302, 422
NO_FUNDS = "Top up and order again"


@dataclass(frozen=True, slots=True)
class Told:
    """What a customer was told of an order: its number, or None for a refusal for want of funds."""

    wish: Wish
    order_id: int | None


@dataclass(slots=True)
class Tally:
    """What all customers of a run saw, gathered from their threads."""

    told: list[Told] = field(default_factory=list)
    cancels: set[int] = field(default_factory=set)
    sent_again: int = 0
    complaints: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def tell(self, told: Told) -> None:
        with self._lock:
            self.told.append(told)

    def cancel(self, order_id: int) -> None:
        with self._lock:
            self.cancels.add(order_id)

    def send_again(self) -> None:
        with self._lock:
            self.sent_again += 1

    def complain(self, what: str) -> None:
        with self._lock:
            self.complaints.append(what)


class Shopper:
    """One customer with a session, who does one thing after the other.

    `pause_seconds` is how long they think before each order, on average.
    """

    def __init__(
        self, customer: Customer, plan: Plan, *, seed: int, tally: Tally, pause_seconds: float
    ) -> None:
        self._customer = customer
        self._plan = plan
        self._chance = random.Random(f"{seed}:{plan.email}")
        self._tally = tally
        self._pause_seconds = pause_seconds
        self._placed: list[int] = []

    def shop(self) -> None:
        """Place most of the plan, and look at and cancel some of it between."""
        self._customer.get("/orders/new/")  # brings the token that forms need
        for wish in self._plan.at_once:
            time.sleep(self._chance.uniform(0, 2 * self._pause_seconds))
            self._place(wish)
            if self._placed and self._chance.random() < LOOK_SHARE:
                self._look(self._chance.choice(self._placed))
            if self._placed and self._chance.random() < CANCEL_SHARE:
                self._cancel(self._chance.choice(self._placed))

    def shop_on(self) -> None:
        """Place the rest of the plan."""
        for wish in self._plan.later:
            self._place(wish)

    def _place(self, wish: Wish) -> None:
        fields = {
            "service": str(wish.service.id),
            "request_id": f"{self._chance.getrandbits(128):032x}",
            "agreed_price": str(wish.service.price),
            "link": wish.link,
            "quantity": str(wish.quantity),
        }
        answer = self._send("/orders/new/", fields)
        if answer is None or answer.status_code not in (PLACED, REFUSED):
            said = "nothing" if answer is None else answer.status_code
            self._tally.complain(f"{wish.email} ordered for {wish.link} and was answered {said}")
        elif answer.status_code == REFUSED:
            self._refused(wish, answer)
        else:
            self._is_placed(wish, fields, _order_id(answer))

    def _refused(self, wish: Wish, answer: requests.Response) -> None:
        if NO_FUNDS in answer.text:
            self._tally.tell(Told(wish, None))
        else:
            self._tally.complain(f"{wish.email} was refused {wish.link}, and not for want of funds")

    def _is_placed(self, wish: Wish, fields: dict[str, str], order_id: int) -> None:
        self._placed.append(order_id)
        self._tally.tell(Told(wish, order_id))
        if not wish.is_sent_twice:
            return
        again = self._send("/orders/new/", fields)
        if again is None or again.status_code != PLACED or _order_id(again) != order_id:
            self._tally.complain(f"the form of order {order_id} was sent again, and answered by another")

    def _look(self, order_id: int) -> None:
        try:
            answer = self._customer.session.get(f"{self._customer.base}/orders/{order_id}/", timeout=30)
        except requests.RequestException:
            return  # who only looks comes back another time
        if answer.status_code not in (200, *range(500, 600)):
            self._tally.complain(f"the page of order {order_id} was answered {answer.status_code}")

    def _cancel(self, order_id: int) -> None:
        self._tally.cancel(order_id)  # before it is sent: an answer that is lost may have canceled it
        answer = self._send(f"/orders/{order_id}/cancel/", {})
        if answer is None or answer.status_code != PLACED or _order_id(answer) != order_id:
            self._tally.complain(f"canceling order {order_id} was not answered by its page")

    def _send(self, path: str, fields: dict[str, str]) -> requests.Response | None:
        """Send a form until it is answered, as people do who see an error page; None when patience ends."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            try:
                answer = self._customer.send(path, fields, follow=False)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code < 500:
                return answer
            self._tally.send_again()
            time.sleep(PAUSE_SECONDS)
        return None


def _order_id(answer: requests.Response) -> int:
    found = re.search(r"/orders/(\d+)/$", answer.headers.get("Location", ""))
    return int(found[1]) if found else 0


def all_at_once(shoppers: Iterable[Shopper], *, later: bool = False) -> None:
    """Let all customers shop side by side until each is done; `later`: what they left for afterwards."""
    people = list(shoppers)
    with ThreadPoolExecutor(max_workers=len(people), thread_name_prefix="shopper") as pool:
        for done in [pool.submit(one.shop_on if later else one.shop) for one in people]:
            done.result()

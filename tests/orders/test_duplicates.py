"""A second order of a service for a link whose first one is open: the rule, its cost, and two at once."""

import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import DuplicateLinks, Service
from orders import duplicates, placing
from orders.duplicates import open_orders, policy_of
from orders.errors import DuplicateLink, OrderError
from orders.models import Order
from orders.placing import place_order
from orders.polling import record_answer
from tests.factories import LINK, credit, fill_table, make_service, place
from tests.orders.acting import accept, charges, held_by, said
from tests.wallet.threads import side_by_side

threads = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_messages(tasks: list[Any]) -> None:
    """Keep the broker out: the database is the queue."""


def order_again(customer: User, service: Service, **more: Any) -> Order:
    """Place an order without saying that a second one for its link is meant."""
    return place(customer, service, duplicate_agreed=False, **more)


def under(policy: str, service: Service) -> Service:
    """Give a service its own policy."""
    Service.objects.filter(pk=service.pk).update(duplicate_links=policy)
    service.refresh_from_db()
    return service


# --- Whose policy -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", ["", "off", "warn", "refuse"])
@pytest.mark.parametrize("site", ["off", "warn", "refuse"])
def test_a_services_own_policy_comes_before_the_sites(settings: Any, own: str, site: str) -> None:
    settings.DUPLICATE_LINKS = site
    assert policy_of(Service(duplicate_links=own)) == DuplicateLinks(own or site)


def test_the_site_warns_unless_it_is_told_otherwise(service: Service) -> None:
    assert policy_of(service) == DuplicateLinks.WARN


# --- What is refused, and what is not ---------------------------------------------------------------------


@pytest.mark.parametrize("agreed", [True, False])
@pytest.mark.parametrize(("policy", "passes"), [("off", (True, True)), ("warn", (True, False))])
def test_off_and_warn(
    customer: User, service: Service, policy: str, passes: tuple[bool, bool], agreed: bool
) -> None:
    under(policy, service)
    first = place(customer, service)
    if passes[0] if agreed else passes[1]:
        assert place(customer, service, duplicate_agreed=agreed) != first
        return

    with pytest.raises(DuplicateLink) as refusal:
        place(customer, service, duplicate_agreed=agreed)
    assert (refusal.value.own_order_id, refusal.value.may_agree) == (first.pk, True)
    assert (Order.objects.count(), charges(), held_by(customer)) == (1, 1, 870)


@pytest.mark.parametrize("agreed", [True, False])
def test_refuse_refuses_whatever_was_agreed(customer: User, service: Service, agreed: bool) -> None:
    first = place(customer, under("refuse", service))

    with pytest.raises(DuplicateLink) as refusal:
        place(customer, service, duplicate_agreed=agreed)

    assert (refusal.value.own_order_id, refusal.value.may_agree) == (first.pk, False)
    assert (Order.objects.count(), charges(), held_by(customer)) == (1, 1, 870)


@pytest.mark.parametrize("policy", ["warn", "refuse"])
@pytest.mark.parametrize("status", sorted(Order.UNSENT | Order.OPEN_UPSTREAM))
def test_what_has_not_ended_is_open(customer: User, service: Service, policy: str, status: str) -> None:
    order = place(customer, under(policy, service))
    if status in Order.OPEN_UPSTREAM:
        accept(order)
    Order.objects.update(status=status)

    with pytest.raises(DuplicateLink):
        order_again(customer, service)


@pytest.mark.parametrize("policy", ["warn", "refuse"])
@pytest.mark.parametrize("status", sorted(Order.ENDED))
def test_what_has_ended_is_not(customer: User, service: Service, policy: str, status: str) -> None:
    order = accept(place(customer, under(policy, service)))
    record_answer(order.pk, said(status, remains=300 if status == "partial" else 0))

    assert order_again(customer, service).status == "queued"


@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_of_anothers_order_nothing_is_told(
    customer: User, boris: User, service: Service, policy: str
) -> None:
    credit(boris)
    place(customer, under(policy, service))

    with pytest.raises(DuplicateLink) as refusal:
        order_again(boris, service)

    assert refusal.value.own_order_id is None
    assert held_by(boris) == 1000


def test_of_several_the_customers_own_newest_is_named(customer: User, boris: User, service: Service) -> None:
    credit(boris)
    place(boris, service)
    place(customer, service)
    mine = place(customer, service)
    place(boris, service)

    with pytest.raises(DuplicateLink) as refusal:
        order_again(customer, service)
    assert refusal.value.own_order_id == mine.pk


@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_another_service_is_another_count(customer: User, service: Service, policy: str) -> None:
    place(customer, under(policy, service))
    assert order_again(customer, under(policy, make_service(service.provider)))


@pytest.mark.parametrize(
    "same", ["HTTPS://EXAMPLE.COM/channel", " https://Example.com/channel\n", f"{LINK}#part"]
)
def test_the_same_page_spelled_otherwise(customer: User, service: Service, same: str) -> None:
    for first, second in ((same, LINK), (LINK, same)):
        Order.objects.update(link="https://example.com/gone")
        place(customer, service, link=first)
        with pytest.raises(DuplicateLink):
            order_again(customer, service, link=second)


@pytest.mark.parametrize(
    "other",
    [
        "https://example.com/channel/",
        "http://example.com/channel",
        "https://www.example.com/channel",
        "https://example.com/Channel",
        "https://example.com/channel?x=1",
        "https://example.com/channe",
    ],
)
def test_what_may_be_another_page(customer: User, service: Service, other: str) -> None:
    place(customer, service)
    assert order_again(customer, service, link=other)


def test_long_links_differ_past_what_the_index_holds(customer: User, service: Service) -> None:
    start = "https://example.com/" + "ж" * 300
    place(customer, service, link=start + "1")

    assert order_again(customer, service, link=start + "2")
    with pytest.raises(DuplicateLink):
        order_again(customer, service, link=start + "1")


def test_it_is_a_refusal_of_the_room() -> None:
    assert issubclass(DuplicateLink, OrderError)


# --- The same request again -------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_a_repeat_is_answered_by_its_own_order(customer: User, service: Service, policy: str) -> None:
    first = order_again(customer, under(policy, service), request_id="r-1")

    assert order_again(customer, service, request_id="r-1") == first
    assert (charges(), held_by(customer)) == (1, 870)


@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_a_repeat_whose_order_is_written_between_look_and_look(
    customer: User, service: Service, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    under(policy, service)
    real, first = placing.quote, []

    def quote(*args: Any, **kwargs: Any) -> Any:
        if not first:
            first.append(None)
            first.append(order_again(customer, service, request_id="r-1"))
        return real(*args, **kwargs)

    monkeypatch.setattr(placing, "quote", quote)

    assert order_again(customer, service, request_id="r-1") == first[1]
    assert (charges(), held_by(customer)) == (1, 870)


@threads
@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_a_form_sent_many_times_is_one_order(customer: User, service: Service, policy: str) -> None:
    under(policy, service)

    came_of = side_by_side(*[partial(order_again, customer, service, request_id="the same")] * 8)

    assert came_of == [Order.objects.get()] * 8
    assert (charges(), held_by(customer)) == (1, 870)


# --- What it costs ----------------------------------------------------------------------------------------


def statements_of(place_it: Callable[[], Order]) -> list[str]:
    with CaptureQueriesContext(connection) as statements:
        place_it()
    return [each["sql"] for each in statements]


def test_off_and_agreed_cost_nothing_and_warn_one_statement(customer: User, service: Service) -> None:
    counts: dict[str, set[int]] = {"off": set(), "agreed": set(), "warn": set(), "refuse": set()}
    credit(customer, 100_000)
    for size in (10, 200):
        while Order.objects.count() < size:
            place(customer, under("off", service))
        for number, policy in enumerate(("off", "warn", "refuse")):
            under(policy, service)
            link = f"https://example.com/{size}/{number}"
            asked = statements_of(partial(order_again, customer, service, link=link))
            counts[policy].add(len(asked))
        under("warn", service)
        counts["agreed"].add(len(statements_of(partial(place, customer, service))))

    [off] = counts["off"]
    assert counts["agreed"] == {off}
    assert counts["warn"] == {off + 1}
    # The look, and on PostgreSQL the lock.
    assert counts["refuse"] == {off + (2 if connection.vendor == "postgresql" else 1)}


def test_only_refuse_makes_orders_wait(customer: User, service: Service) -> None:
    for policy in ("off", "warn"):
        under(policy, service)
        asked = statements_of(partial(order_again, customer, service, link=f"https://example.com/{policy}"))
        assert not [sql for sql in asked if "advisory" in sql or "FOR UPDATE" in sql]


@pytest.mark.tampers  # the orders that fill the table were paid by nobody
def test_the_look_meets_its_index(customer: User, service: Service) -> None:
    order = place(customer, service)
    fill_table([{"link": f"{LINK}/{number}"} for number in range(500)], like=order)

    with CaptureQueriesContext(connection) as statements, pytest.raises(DuplicateLink):
        duplicates.require_no_twin(customer, service_id=service.pk, link=LINK, may_agree=True)
    plan = open_orders(service_id=service.pk, link=LINK).order_by().explain()

    assert len(statements) == 1
    assert re.search("orders_order_open_link", plan)
    assert "SCAN orders_order\n" not in f"{plan}\n"
    if connection.vendor == "sqlite":
        assert "(service_id=? AND <expr>=?)" in plan
    else:
        assert re.search(r'Index Cond: .*service_id.*substr\(\(?"?link', plan)


# --- Two at once ------------------------------------------------------------------------------------------


@threads
def test_of_many_at_once_one_passes(customer: User, service: Service) -> None:
    under("refuse", service)

    came_of = side_by_side(*[partial(order_again, customer, service)] * 8)

    assert sorted(type(each).__name__ for each in came_of) == ["DuplicateLink"] * 7 + ["Order"]
    assert (Order.objects.count(), charges(), held_by(customer)) == (1, 1, 870)


@threads
@pytest.mark.needs_postgres  # SQLite takes one writer at a time, whatever they write
def test_orders_for_other_links_do_not_wait(customer: User, boris: User, service: Service) -> None:
    """An order that is under way for one link, and takes its time, keeps none for another link back."""
    under("refuse", service)
    credit(boris)
    held, done = threading.Event(), threading.Event()

    def hold() -> bool:
        with transaction.atomic():
            duplicates.queue_for(service_id=service.pk, link=LINK)
            held.set()
            return done.wait(timeout=30)

    def order_another() -> Order:
        assert held.wait(timeout=30)
        try:
            return order_again(boris, service, link=f"{LINK}/other")
        finally:
            done.set()

    waited, other = side_by_side(hold, order_another)
    assert (waited, type(other)) == (True, Order)


WINDOW_SECONDS = 1.0


def another_in_the_window(monkeypatch: pytest.MonkeyPatch, other: Callable[[], Any]) -> list[Any]:
    """Let another customer's order begin once the first has looked, and give it time to be written.

    Where it must wait for the first one, the time passes, and the first one goes on.
    """
    real, came_of = duplicates.require_no_twin, []

    def run() -> None:
        [outcome] = side_by_side(other)
        came_of.append(outcome)

    thread = threading.Thread(target=run)

    def require_no_twin(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        if not thread.ident:
            thread.start()
            thread.join(timeout=WINDOW_SECONDS)

    monkeypatch.setattr(placing, "require_no_twin", require_no_twin)
    return [thread, came_of]


def both_orders(
    monkeypatch: pytest.MonkeyPatch, customer: User, boris: User, service: Service
) -> tuple[int, list[str]]:
    """Return how many orders came of two whose looks overlap, and what became of the later one."""
    credit(boris)
    thread, came_of = another_in_the_window(monkeypatch, partial(order_again, boris, service))
    order_again(customer, service)
    thread.join(timeout=30)
    return Order.objects.count(), [type(each).__name__ for each in came_of]


@threads
def test_an_order_between_look_and_insert_waits_and_is_refused(
    customer: User, boris: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    under("refuse", service)
    assert both_orders(monkeypatch, customer, boris, service) == (1, ["DuplicateLink"])
    assert (charges(), held_by(boris)) == (1, 1000)


@threads
@pytest.mark.needs_postgres
def test_control_without_the_queue_both_are_placed(
    customer: User, boris: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    under("refuse", service)
    monkeypatch.setattr(placing, "queue_for", lambda **_: None)
    assert both_orders(monkeypatch, customer, boris, service) == (2, ["Order"])


@threads
def test_control_looking_before_the_transaction_both_are_placed(
    customer: User, boris: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `warn` looks, which is therefore no promise; on SQLite the transaction is the queue."""
    under("warn", service)
    assert both_orders(monkeypatch, customer, boris, service) == (2, ["Order"])


def test_the_parameter_asks_unless_it_is_given(customer: User, service: Service) -> None:
    place(customer, service)
    with pytest.raises(DuplicateLink):
        place_order(customer, service_id=service.pk, link=LINK, quantity=1000, request_id="r")

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import User
from catalog.halting import halt, pace_down
from catalog.models import Provider, Service
from operations.models import Alert
from orders.models import Order
from orders.polling import ask_now, due_to_ask, poll_due, poll_interval, record_answer, take_next
from tests.factories import credit, make_provider, make_service, place
from tests.operations.reading import in_english, texts_within
from tests.orders.acting import (
    accept,
    fault,
    findings,
    forward,
    fresh,
    held_by,
    kinds,
    poll_at_once,
    refunds,
    said,
)
from tests.upstream.scripted import answer, scripted_server
from upstream.errors import Halt, Later, OrderUnknown
from upstream.sandbox import MovedClock, SandboxServer
from upstream.sandbox.faults import CUT, DROPPED, ERROR_BEFORE, HTML_BEFORE, Fault, saying, too_many

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def open_order(order: Order) -> Order:
    """Alice's order of 1000 for 130, which the provider has as "77"."""
    return accept(order, "77")


# --- From the first answer to the end, over a socket ------------------------------------------------------


def test_an_order_is_followed_to_its_end(order: Order, sandbox: SandboxServer, clock: MovedClock) -> None:
    sandbox.plan_next(end="Completed", life_seconds=100, start_count=1500)
    forward(order.provider)
    seen = []
    for _ in range(6):
        order = poll_at_once(order)
        seen.append((order.status, order.remains))
        clock.move(20)
    assert [status for status, _ in seen] == [
        "pending",
        "processing",
        "in_progress",
        "in_progress",
        "in_progress",
        "completed",
    ]
    assert [remains for _, remains in seen] == [1000, 1000, 800, 534, 267, 0]
    assert (order.start_count, order.provider_charge) == (1500, 100)
    assert (order.refunded, held_by(order.customer)) == (0, 870)
    assert kinds(order) == ["placed", "sending", "accepted", "status", "status", "status"]
    assert order.ended_at is not None


@pytest.mark.parametrize(
    ("end", "remains", "back"),
    [
        ("Completed", 0, "0"),
        ("Partial", 300, "39"),
        ("Partial", 333, "43.29"),
        ("Partial", 1000, "130"),
        ("Partial", 0, "0"),
        ("Canceled", 1000, "130"),
        ("Canceled", 400, "130"),
    ],
)
def test_each_end_gives_back_what_it_must(
    order: Order, sandbox: SandboxServer, end: str, remains: int, back: str
) -> None:
    forward(order.provider)
    sandbox.end_order(fresh(order).provider_order_id or "", end, remains)

    order = poll_at_once(order)

    assert (order.status, order.remains) == (end.lower(), remains)
    assert order.refunded == Decimal(back) == sum(refunds(order))
    assert held_by(order.customer) == 870 + Decimal(back)
    assert (order.due_at is None) == (Decimal(back) == 130)  # nothing more can come of it


@pytest.mark.parametrize(
    "meets",
    [
        ERROR_BEFORE,
        HTML_BEFORE,
        DROPPED,
        CUT,
        too_many(30),
        saying("[]"),
        saying(""),
        saying('{"error": "x"}'),
    ],
    ids=["500", "html", "dropped", "cut", "429", "list", "empty", "words"],
)
def test_bad_answers_change_nothing(order: Order, sandbox: SandboxServer, meets: Fault) -> None:
    forward(order.provider)
    before = fresh(order)
    sandbox.script("status", meets)

    after = poll_at_once(order)

    assert (after.status, after.refunded, after.remains, after.unknown_answers) == (before.status, 0, None, 0)
    assert after.due_at is not None
    assert after.due_at > timezone.now()
    assert after.provider.halted_at is None


def test_a_refused_key_halts_and_asks_no_more(
    order: Order, customer: User, service: Service, sandbox: SandboxServer
) -> None:
    other = place(customer, service)
    forward(service.provider)
    Provider.objects.update(key="another", calls_at_once=1)

    poll_at_once(order, other)

    assert Provider.objects.get().halt_rule == "key"
    assert sandbox.calls["status"] == 1
    assert {fresh(order).status, fresh(other).status} == {"pending"}


def test_the_errors_of_the_document(order: Order) -> None:
    texts = {
        "Action should not be empty": "action",
        "API key should not be empty": "key",
        "Order ID should not be empty": "",
        "Invalid API key": "key",
        "Invalid order ID": "",
        "Invalid Action": "action",
    }
    for text, rule in texts.items():
        with scripted_server(status=answer([{"error": text}])) as server:
            Provider.objects.update(url=server.url, halted_at=None, halt_rule="")
            after = poll_at_once(accept(order, "77"))
            assert (after.status, after.refunded, after.provider.halt_rule) == ("pending", 0, rule), text


def test_the_document_s_own_example(order: Order) -> None:
    example = [
        {
            "charge": "0.27819",
            "start_count": "1.000",
            "status": "Pending",
            "remains": "500",
            "currency": "RUB",
        }
    ]
    with scripted_server(status=answer(example)) as server:
        Provider.objects.update(url=server.url)
        order = poll_at_once(accept(order, "77"))
    assert (order.status, order.start_count, order.remains) == ("pending", 1000, 500)
    assert order.provider_charge == Decimal("0.27819")
    assert server.calls[0].fields == {"key": "sandbox-key", "action": "status", "order": "77"}


# --- What is taken of an answer ---------------------------------------------------------------------------


def test_a_status_and_its_numbers(open_order: Order) -> None:
    record_answer(
        open_order.pk,
        said("in_progress", remains=600, start_count=5, charge=Decimal("99.5"), currency="RUB"),
    )
    order = fresh(open_order)
    assert (order.status, order.remains, order.start_count) == ("in_progress", 600, 5)
    assert order.provider_charge == Decimal("99.5")
    assert Alert.objects.count() == 0


def test_what_is_not_said_stays(open_order: Order) -> None:
    record_answer(open_order.pk, said("processing", remains=600, start_count=5, charge=Decimal(99)))
    record_answer(open_order.pk, said("processing"))
    order = fresh(open_order)
    assert (order.remains, order.start_count, order.provider_charge) == (600, 5, 99)


def test_an_unknown_status_keeps_the_old_one_and_is_told(open_order: Order) -> None:
    record_answer(open_order.pk, said(None, status_text="Fail", remains=600))
    order = fresh(open_order)
    assert (order.status, order.remains, order.refunded) == ("pending", 600, 0)
    assert order.due_at is not None
    assert "Fail" in in_english(Alert.objects.get())


@pytest.mark.parametrize(
    ("remains", "kept", "back", "told"),
    [
        (-50, 0, "0", False),
        (0, 0, "0", False),
        (1000, 1000, "130", False),
        (1001, 1000, "130", True),
        (10**17, 1000, "130", True),
    ],
)
def test_remains_beyond_the_quantity_move_no_more_than_there_is(
    open_order: Order, remains: int, kept: int, back: str, told: bool
) -> None:
    record_answer(open_order.pk, said("partial", remains=remains))
    order = fresh(open_order)
    assert (order.status, order.remains, order.refunded) == ("partial", kept, Decimal(back))
    assert [in_english(alert) for alert in Alert.objects.all()] == [
        f"Order {order.pk}: the provider says that {remains} of 1000 remain."
    ] * told


@pytest.mark.parametrize("unreadable", [(), ("remains",)])
def test_partial_without_remains_waits_for_a_person(open_order: Order, unreadable: tuple[str, ...]) -> None:
    for _ in range(3):
        record_answer(open_order.pk, said("partial", unreadable=unreadable))
    order = fresh(open_order)
    assert (order.status, order.refunded, order.ended_at) == ("pending", 0, None)
    alert = Alert.objects.get()
    assert (alert.kind, in_english(alert).endswith("the refund cannot be counted.")) == (
        "order_unreadable",
        True,
    )


def test_what_cannot_be_read_is_told(open_order: Order) -> None:
    record_answer(open_order.pk, said("processing", unreadable=("charge", "start_count")))
    assert in_english(Alert.objects.get()).endswith("cannot be read: charge, start_count.")


def test_partial_without_remains_does_not_guess_from_before(open_order: Order) -> None:
    record_answer(open_order.pk, said("in_progress", remains=600))
    record_answer(open_order.pk, said("partial"))
    assert (fresh(open_order).status, fresh(open_order).refunded) == ("in_progress", 0)


def test_a_charge_in_another_currency_is_told_and_not_kept(
    open_order: Order, customer: User, service: Service
) -> None:
    other = accept(place(customer, service), "78")
    for order in (open_order, other):
        record_answer(order.pk, said("pending", charge=Decimal(20_000), currency="USD"))
    assert fresh(open_order).provider_charge is None
    alert = Alert.objects.get()  # one for the account, not one for each order
    assert (alert.kind, alert.times) == (Alert.Kind.MONEY_WRONG, 2)
    assert "USD" in in_english(alert)
    assert Service.objects.get().held_text == ""  # 20,000 of those are no wrong cost of ours


@pytest.mark.parametrize(("charge", "held"), [("9999.99999", False), ("10000", True), ("1e20", True)])
def test_a_cost_far_above_ours_holds_the_service(open_order: Order, charge: str, held: bool) -> None:
    record_answer(open_order.pk, said("pending", charge=Decimal(charge), currency="RUB"))
    assert bool(Service.objects.get().held_text) == held
    told = ["The provider charged %(charge)s where %(expected)s was expected."] if held else []
    assert [text for alert in Alert.objects.all() for text in texts_within(alert)] == told
    assert fresh(open_order).status == "pending"


@pytest.mark.parametrize("charge", [Decimal(10) ** 12, Decimal("1e30")])
def test_a_charge_that_no_column_holds_is_not_kept(open_order: Order, charge: Decimal) -> None:
    record_answer(open_order.pk, said("processing", charge=charge))
    assert (fresh(open_order).status, fresh(open_order).provider_charge) == ("processing", None)


def test_a_service_that_was_let_go_on_is_not_held_for_the_same_charge(open_order: Order) -> None:
    record_answer(open_order.pk, said("pending", charge=Decimal(10_000)))
    Service.objects.update(held_text="")
    record_answer(open_order.pk, said("pending", charge=Decimal(10_000)))
    assert Service.objects.get().held_text == ""


def test_an_order_that_the_provider_does_not_know_is_told_after_three_times(open_order: Order) -> None:
    for times, told in ((1, 0), (2, 0), (3, 1), (4, 1)):
        record_answer(open_order.pk, fault(OrderUnknown, "Invalid order ID"))
        assert (fresh(open_order).unknown_answers, Alert.objects.count()) == (times, told)
    assert "does not know 77" in in_english(Alert.objects.get())
    assert (fresh(open_order).status, fresh(open_order).refunded) == ("pending", 0)  # never a refund
    record_answer(open_order.pk, said("processing"))
    assert fresh(open_order).unknown_answers == 0


@pytest.mark.parametrize(
    "status", ["pending", "processing", "in_progress", "completed", "partial", "canceled"]
)
def test_the_same_answer_a_hundred_times(open_order: Order, status: str) -> None:
    same = said(status, remains=300, start_count=5, charge=Decimal(70))
    record_answer(open_order.pk, same)
    first, events, held = fresh(open_order), kinds(open_order), held_by(open_order.customer)
    for _ in range(99):
        record_answer(open_order.pk, same)
    last = fresh(open_order)
    assert (kinds(last), held_by(last.customer)) == (events, held)
    for name in ("status", "refunded", "remains", "ended_at", "rechecks"):
        assert getattr(last, name) == getattr(first, name), name
    if last.is_ended:
        assert last.due_at == first.due_at


# --- After the end ----------------------------------------------------------------------------------------

END = {"completed": 0, "partial": 39, "canceled": 130}


@pytest.mark.parametrize("second", END)
@pytest.mark.parametrize("first", END)
def test_what_an_end_may_still_turn_into(open_order: Order, first: str, second: str) -> None:
    record_answer(open_order.pk, said(first, remains=300))
    ended_at = fresh(open_order).ended_at

    record_answer(open_order.pk, said(second, remains=300))

    allowed = {("completed", "partial"), ("completed", "canceled"), ("partial", "canceled")}
    comes = second if (first, second) in allowed else first
    order = fresh(open_order)
    assert (order.status, order.refunded, order.ended_at) == (comes, END[comes], ended_at)
    assert held_by(order.customer) == 870 + END[comes]


@pytest.mark.parametrize("status", ["pending", "processing", "in_progress"])
@pytest.mark.parametrize("end", END)
def test_an_ended_order_does_not_open_again(open_order: Order, end: str, status: str) -> None:
    record_answer(open_order.pk, said(end, remains=300))
    record_answer(open_order.pk, said(status, remains=900))
    order = fresh(open_order)
    assert (order.status, order.remains, order.refunded) == (end, 300, END[end])


@pytest.mark.parametrize(("later", "back"), [(200, 39), (300, 39), (301, "39.13"), (1000, 130), (5000, 130)])
def test_a_partial_order_may_give_back_more_and_never_less(
    open_order: Order, later: int, back: int | str
) -> None:
    record_answer(open_order.pk, said("partial", remains=300))
    record_answer(open_order.pk, said("partial", remains=later))
    assert fresh(open_order).refunded == Decimal(back)


def test_a_partial_order_without_remains_gives_back_what_comes_later_and_notes_it_once(
    open_order: Order,
) -> None:
    for _ in range(2):
        record_answer(open_order.pk, said("partial", remains=0))
    assert kinds(open_order) == ["placed", "status"]
    record_answer(open_order.pk, said("partial", remains=1))
    assert fresh(open_order).refunded == Decimal("0.13")


def test_a_status_is_noted_in_the_provider_s_words(open_order: Order) -> None:
    for word, status in (("In Work", "processing"), ("Half Done", "partial"), ("Refunded", "canceled")):
        record_answer(open_order.pk, said(status, remains=500, status_text=word))
    noted = open_order.events.filter(kind="status").order_by("pk").values_list("detail", flat=True)
    assert list(noted) == ["In Work", "Half Done", "Refunded"]


def test_an_answer_is_of_one_order_alone(open_order: Order) -> None:
    other = accept(place(open_order.customer, open_order.service))
    record_answer(open_order.pk, said("pending", remains=900, start_count=7))
    assert (fresh(open_order).remains, fresh(open_order).start_count) == (900, 7)
    assert (fresh(other).remains, fresh(other).start_count) == (None, None)


def test_partial_without_remains_after_the_end_changes_nothing(open_order: Order) -> None:
    record_answer(open_order.pk, said("completed", remains=0))
    record_answer(open_order.pk, said("partial"))
    assert (fresh(open_order).status, fresh(open_order).refunded) == ("completed", 0)
    assert Alert.objects.count() == 1


def test_ended_orders_are_asked_three_times_more(order: Order, sandbox: SandboxServer) -> None:
    forward(order.provider)
    sandbox.end_order(fresh(order).provider_order_id or "", "Completed")
    with time_machine.travel(timezone.now() + timedelta(seconds=60), tick=False) as time:
        order = poll_at_once(order)
        ended_at, asked = order.ended_at, []
        assert ended_at is not None
        while order.due_at is not None and len(asked) < 10:
            time.move_to(order.due_at)
            asked.append(order.due_at - ended_at)
            order = poll_at_once(order)
    assert asked == [timedelta(hours=1), timedelta(days=1), timedelta(days=3)]
    assert (order.rechecks, sandbox.calls["status"]) == (3, 4)


def test_how_often_is_a_setting(open_order: Order, settings: Any) -> None:
    settings.RECHECK_ENDED_SECONDS = []
    record_answer(open_order.pk, said("completed", remains=0))
    assert fresh(open_order).due_at is None


def test_a_fully_refunded_order_is_asked_no_more(open_order: Order) -> None:
    record_answer(open_order.pk, said("canceled"))
    assert (fresh(open_order).due_at, fresh(open_order).rechecks) == (None, 0)


def test_no_late_ask_is_behind_one_that_has_just_ended(open_order: Order) -> None:
    record_answer(open_order.pk, said("completed", remains=0))
    assert fresh(open_order).rechecks == 0


def test_a_late_refund_is_taken_once_and_what_is_planned_stays(open_order: Order) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        record_answer(open_order.pk, said("completed", remains=0))
        time.shift(timedelta(hours=1))
        record_answer(open_order.pk, said("partial", remains=300))
        order = fresh(open_order)
        assert (order.refunded, order.due_at) == (39, NOW + timedelta(days=1))
        time.shift(timedelta(hours=23))
        record_answer(open_order.pk, said("partial", remains=300))
    order = fresh(open_order)
    assert (order.refunded, refunds(order)) == (39, [39])
    assert order.due_at == NOW + timedelta(days=3)


def test_after_days_without_workers_an_ended_order_is_still_asked(open_order: Order) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        record_answer(open_order.pk, said("completed", remains=0))
        time.shift(timedelta(days=30))
        assert take_next(open_order.provider_id) is not None
        record_answer(open_order.pk, said("canceled"))
    assert (fresh(open_order).refunded, fresh(open_order).due_at) == (130, None)


def test_a_lost_answer_about_an_ended_order_is_asked_for_again(open_order: Order) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        record_answer(open_order.pk, said("completed", remains=0))
        time.shift(timedelta(days=10))
        record_answer(open_order.pk, fault(Later, rule="no_answer"))
        assert fresh(open_order).due_at == timezone.now() + timedelta(hours=1)


@pytest.mark.parametrize(
    "gone", [fault(OrderUnknown), fault(Later, rule="unknown_text")], ids=["id", "words"]
)
def test_an_ended_order_that_the_provider_forgot_is_not_asked_for_ever(open_order: Order, gone: Any) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        record_answer(open_order.pk, said("completed", remains=0))
        asked = 0
        while (due_at := fresh(open_order).due_at) is not None and asked < 10:
            time.move_to(due_at)
            record_answer(open_order.pk, gone)
            asked += 1
    assert asked == 3
    assert fresh(open_order).status == "completed"


@hypothesis_settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    answers=st.lists(
        st.tuples(
            st.sampled_from(
                ["pending", "processing", "in_progress", "completed", "partial", "canceled", None]
            ),
            st.none() | st.integers(-10, 2000),
        ),
        max_size=8,
    )
)
def test_whatever_comes_in_whichever_order_the_books_agree(
    customer: User, service: Service, answers: list[tuple[str | None, int | None]]
) -> None:
    credit(customer, 130)
    order = accept(place(customer, service))
    given = Decimal(0)
    for status, remains in answers:
        was_ended = fresh(order).is_ended
        record_answer(order.pk, said(status, remains=remains))
        after = fresh(order)
        assert given <= after.refunded <= after.charge
        assert after.is_ended or not was_ended
        given = after.refunded
    assert findings() == []


# --- When it is asked -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "wait"),
    [(0, 30), (299, 30), (300, 30), (600, 60), (3600, 360), (36_000, 3600), (10**7, 3600)],
)
def test_ever_more_seldom_as_it_ages(age: int, wait: int) -> None:
    order = Order(sent_at=NOW - timedelta(seconds=age), created_at=NOW - timedelta(days=9))
    assert poll_interval(order, now=NOW) == wait


def test_an_answer_says_when_it_is_asked_next(open_order: Order) -> None:
    with time_machine.travel(NOW, tick=False):
        Order.objects.update(sent_at=NOW - timedelta(hours=1))
        record_answer(open_order.pk, said("processing"))
        assert fresh(open_order).due_at == NOW + timedelta(minutes=6)


def test_one_that_is_taken_is_due_again_if_the_worker_dies(open_order: Order) -> None:
    with time_machine.travel(timezone.now(), tick=False) as time:
        ask = take_next(open_order.provider_id)
        assert ask is not None
        assert (ask.order_id, ask.provider_order_id) == (open_order.pk, "77")
        assert take_next(open_order.provider_id) is None
        time.shift(59)
        assert take_next(open_order.provider_id) is None
        time.shift(1)
        assert take_next(open_order.provider_id) == ask


@pytest.mark.parametrize("status", sorted(Order.UNSENT))
def test_what_was_not_sent_is_not_asked_about(order: Order, status: str) -> None:
    Order.objects.update(status=status, due_at=timezone.now())
    assert take_next(order.provider_id) is None


def test_a_refused_order_is_not_asked_about(order: Order, sandbox: SandboxServer) -> None:
    sandbox.script("add", saying('{"error": "Bad link"}'))
    forward(order.provider)
    with time_machine.travel(timezone.now() + timedelta(days=9)):
        assert take_next(order.provider_id) is None


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("funds", True),
        ("by_hand", True),
        ("missing_parameter", True),
        ("service_unknown", True),
        ("key", False),
        ("action", False),
        ("misconfigured", False),
        ("unreachable", False),
    ],
)
def test_which_halted_provider_is_asked(open_order: Order, rule: str, asked: bool) -> None:
    halt(open_order.provider, rule=rule, text="…")
    assert (take_next(open_order.provider_id) is not None) == asked


def test_an_inactive_provider_is_asked_about_what_it_has(open_order: Order) -> None:
    Provider.objects.update(is_active=False)
    assert take_next(open_order.provider_id) is not None


def test_a_paced_provider_is_not_asked(open_order: Order) -> None:
    pace_down(open_order.provider, 60)
    assert take_next(open_order.provider_id) is None
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert take_next(open_order.provider_id) is not None


@pytest.mark.parametrize(("said_seconds", "waited"), [(77, 77), (None, 30)])
def test_429_paces_the_provider(open_order: Order, said_seconds: int | None, waited: int) -> None:
    with time_machine.travel(NOW, tick=False):
        busy = fault(Later, rule="rate_limit", wait_seconds=said_seconds, paces_provider=True)
        record_answer(open_order.pk, busy)
    assert Provider.objects.get().paced_until == NOW + timedelta(seconds=waited)


def test_other_faults_pace_nobody(open_order: Order) -> None:
    record_answer(open_order.pk, fault(Later, rule="no_answer"))
    assert Provider.objects.get().paced_until is None


def test_a_halt_is_for_the_provider(open_order: Order) -> None:
    record_answer(open_order.pk, fault(Halt, "Invalid API key", rule="key"))
    assert Provider.objects.get().halt_rule == "key"


def test_the_orders_of_another_provider_are_left(open_order: Order, customer: User) -> None:
    accept(place(customer, make_service(make_provider())))
    taken = [take_next(open_order.provider_id) for _ in range(2)]
    assert [ask and ask.order_id for ask in taken] == [open_order.pk, None]
    Order.objects.filter(pk=open_order.pk).update(due_at=timezone.now())
    assert poll_due(make_provider().pk) == 0
    assert take_next(open_order.provider_id) is not None


def test_the_one_that_waits_longest_is_asked_about_first(open_order: Order) -> None:
    now = timezone.now()
    orders = [open_order, *(accept(place(open_order.customer, open_order.service)) for _ in range(3))]
    for order, seconds in zip(orders, (1, 3, 2, 2), strict=True):  # two are due at one moment
        Order.objects.filter(pk=order.pk).update(due_at=now - timedelta(seconds=seconds))

    taken = [take_next(open_order.provider_id) for _ in range(4)]

    assert [ask and ask.order_id for ask in taken] == [orders[number].pk for number in (1, 2, 3, 0)]


def test_only_what_the_provider_has_or_had_is_due(order: Order) -> None:
    assert not Order.objects.filter(due_to_ask()).exists()
    Order.objects.update(status="canceled", ended_at=timezone.now(), due_at=timezone.now())
    assert take_next(order.provider_id) is None  # it never had an id
    Order.objects.update(status="queued", ended_at=None)


def test_two_hundred_orders_take_as_many_statements_each_as_ten(customer: User, service: Service) -> None:
    credit(customer, 100_000)
    counts = []
    for size in (10, 200):
        while Order.objects.count() < size:
            accept(place(customer, service))
        with CaptureQueriesContext(connection) as statements:
            ask = take_next(service.provider_id)
            assert ask is not None
            record_answer(ask.order_id, said("processing", remains=900))
        counts.append(len(statements))
    assert counts[0] == counts[1]


# --- Asked at once, by a person ---------------------------------------------------------------------------


def test_asking_now(open_order: Order, commits: Any) -> None:
    Order.objects.update(due_at=timezone.now() + timedelta(hours=1))
    with commits as sent:
        assert ask_now(open_order.pk)
    assert take_next(open_order.provider_id) is not None
    assert sent == [("orders.tasks.poll_provider", (open_order.provider_id,))]


def test_asking_now_about_one_that_is_asked_no_more(open_order: Order) -> None:
    record_answer(open_order.pk, said("canceled"))
    assert ask_now(open_order.pk)
    assert take_next(open_order.provider_id) is not None


def test_asking_now_about_what_was_never_accepted(order: Order, commits: Any) -> None:
    with commits as sent:
        assert not ask_now(order.pk)
    assert sent == []


def test_asking_now_about_an_ended_order_uses_up_no_planned_ask(open_order: Order) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        record_answer(open_order.pk, said("completed", remains=0))
        for _ in range(5):
            time.shift(60)
            assert ask_now(open_order.pk)
            record_answer(open_order.pk, said("completed", remains=0))
    assert fresh(open_order).due_at == NOW + timedelta(hours=1)

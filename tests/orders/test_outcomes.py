"""Every class of answer to `add`, by the document's own words and over a socket, to its end in our books."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from operations.models import Alert
from orders.canceling import request_cancel
from orders.forwarding import claim_next, expire_attempts
from orders.models import Attempt, LostAnswer, Order
from orders.outcomes import record_outcome
from orders.settling import settle_placed, settle_refund, settle_send_again
from tests.factories import make_service, place
from tests.operations.reading import in_english, texts_within
from tests.orders.acting import (
    accept,
    fault,
    forward,
    forward_at_once,
    fresh,
    held_by,
    kinds,
    outcomes,
    refunds,
)
from tests.upstream.scripted import answer, close, reset, scripted_server, send, unused_url
from upstream.answers import Placed
from upstream.errors import Halt, Later, Refused, Uncertain, UnknownText
from upstream.sandbox import SandboxServer, Settings
from upstream.sandbox.faults import (
    CUT,
    DROPPED,
    ERROR_AFTER,
    ERROR_BEFORE,
    HTML_AFTER,
    HTML_BEFORE,
    LOST,
    Fault,
    saying,
    too_many,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Comes:
    """What an answer comes to."""

    status: str
    outcome: str
    rule: str
    halted_by: str = ""
    service_off: bool = False

    @property
    def refunded(self) -> int:
        return 130 if self.status == "canceled" else 0


def check(order: Order, comes: Comes) -> None:
    order = fresh(order)
    assert (order.status, outcomes(order)) == (comes.status, [(comes.outcome, comes.rule)])
    assert (order.refunded, held_by(order.customer)) == (comes.refunded, 870 + comes.refunded)
    assert order.provider.halt_rule == comes.halted_by
    assert (order.provider.halted_at is not None) == bool(comes.halted_by)
    assert order.service.is_listed != comes.service_off
    assert order.provider_order_id is None
    assert (order.due_at is not None) == (comes.status == "queued")
    assert (order.ended_at is not None) == (comes.status == "canceled")


DOCUMENT = {
    "Action should not be empty": Comes("queued", "halt", "action", halted_by="action"),
    "API key should not be empty": Comes("queued", "halt", "key", halted_by="key"),
    "Service ID should not be empty": Comes("canceled", "refused", "missing_parameter"),
    "Requested link should not be empty": Comes("canceled", "refused", "missing_parameter"),
    "Order quantity should not be empty": Comes("canceled", "refused", "missing_parameter"),
    "Invalid API key": Comes("queued", "halt", "key", halted_by="key"),
    "Service Not Active": Comes("canceled", "refused", "service_inactive", service_off=True),
    "Invalid Service ID": Comes("canceled", "refused", "service_unknown", service_off=True),
    "Insuffcient Funds": Comes("queued", "halt", "funds", halted_by="funds"),
    "Quantity should be within min quantity to max quantity": Comes("canceled", "refused", "quantity"),
    "Invalid Action": Comes("queued", "halt", "action", halted_by="action"),
    "Spam protection, wait 7 seconds": Comes("queued", "later", "spam_wait"),
}
"""The twelve errors of `provider-api.txt`, "Создать заказ"."""


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
@pytest.mark.parametrize(("text", "comes"), DOCUMENT.items(), ids=DOCUMENT)
def test_each_error_of_the_document(
    order: Order, sandbox: SandboxServer, text: str, comes: Comes, wrapped: bool
) -> None:
    error = {"error": text}
    sandbox.script("add", saying(json.dumps([error] if wrapped else error)))

    forward(order.provider)

    check(order, comes)
    assert sandbox.calls["add"] == 1
    assert sandbox.journal.accepted == []
    assert Attempt.objects.get().http_status == 200
    assert text in Attempt.objects.get().answer


def test_a_refusal_tells_staff_why(order: Order, sandbox: SandboxServer) -> None:
    sandbox.script("add", saying('{"error": "Bad link"}'))

    order = forward_at_once(order)

    assert order.reason == "Bad link"
    assert kinds(order) == ["placed", "sending", "refused", "refunded"]
    assert order.events.get(kind="refused").detail == "Bad link"
    assert refunds(order) == [130]


# --- The sandbox's own refusals, by what is wrong indeed --------------------------------------------------


def test_a_wrong_key(order: Order, sandbox: SandboxServer) -> None:
    Provider.objects.update(key="another")
    forward(order.provider)
    check(order, DOCUMENT["Invalid API key"])
    assert Alert.objects.filter(kind=Alert.Kind.PROVIDER_HALTED, closed_at=None).count() == 1


def test_a_service_that_was_retired(order: Order, sandbox: SandboxServer) -> None:
    sandbox.services.retire(1)
    forward(order.provider)
    check(order, DOCUMENT["Service Not Active"])
    assert Alert.objects.get().kind == Alert.Kind.SERVICE_STOPPED


def test_a_service_that_never_was(order: Order, sandbox: SandboxServer) -> None:
    Service.objects.update(provider_service_id="4711")
    forward(order.provider)
    check(order, DOCUMENT["Invalid Service ID"])


def test_an_empty_account(order: Order, sandbox: SandboxServer) -> None:
    sandbox.set_balance("99.99999")
    forward(order.provider)
    check(order, DOCUMENT["Insuffcient Funds"])


def test_bounds_that_changed(order: Order, sandbox: SandboxServer) -> None:
    sandbox.services.change(1, min=5000)
    forward(order.provider)
    check(order, DOCUMENT["Quantity should be within min quantity to max quantity"])


def test_spam_protection(
    customer: User, service: Service, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.outcomes.random.uniform", lambda least, greatest: least)
    settings = Settings(services=5, spam_seconds=7)
    with SandboxServer(settings, clock=clock) as strict, time_machine.travel(NOW, tick=False) as time:
        strict.services.change(1, rate=Decimal(100), min=100, max=50_000)
        Provider.objects.update(url=strict.url, key=strict.key, calls_at_once=1)
        first, second = place(customer, service), place(customer, service)
        forward(service.provider)
        assert (fresh(first).status, fresh(second).status) == ("pending", "queued")
        assert fresh(second).due_at == NOW + timedelta(seconds=8)

        assert forward(service.provider) == 0  # not before its time
        time.shift(8)
        clock.move(8)
        assert forward(service.provider) == 1
    assert fresh(second).status == "pending"
    assert [row.quantity for row in strict.journal.accepted] == [1000, 1000]


# --- One or two rows for each class -----------------------------------------------------------------------


def test_placed(order: Order, sandbox: SandboxServer) -> None:
    Order.objects.update(waits=3)
    Provider.objects.update(failed_probes=3)
    with time_machine.travel(NOW, tick=False):
        order = forward_at_once(order)

    accepted = sandbox.journal.accepted
    assert [(row.service, row.link, row.quantity, row.charge) for row in accepted] == [
        (1, order.link, 1000, Decimal(100))
    ]
    assert (order.status, order.provider_order_id) == ("pending", accepted[0].order)
    assert (order.sent_at, order.due_at) == (NOW, NOW + timedelta(seconds=30))
    assert (order.waits, order.cancel_due_at, order.provider.failed_probes) == (0, None, 0)
    assert order.events.get(kind="accepted").detail == accepted[0].order
    assert (order.refunded, held_by(order.customer)) == (0, 870)
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.provider_order_id, attempt.ended_at) == (
        "placed",
        accepted[0].order,
        NOW,
    )
    assert kinds(order) == ["placed", "sending", "accepted"]
    assert Alert.objects.count() == 0


SAYINGS = [
    ("Bad link", Comes("canceled", "refused", "bad_link")),
    ("quantity less than minimal 50", Comes("canceled", "refused", "quantity")),
    (
        "neworder.error.service_disabled: disabled service",
        Comes("canceled", "refused", "service_inactive", service_off=True),
    ),
    ("You have active order with this link. Please wait", Comes("queued", "later", "active_order")),
    ("neworder.error.link_duplicate", Comes("queued", "later", "active_order")),
    ("We are under maintenance", Comes("queued", "later", "maintenance")),
    ("Account suspended", Comes("queued", "halt", "key", halted_by="key")),
    ("Incorrect request", Comes("queued", "halt", "action", halted_by="action")),
    ("neworder.error.not_enough_funds", Comes("queued", "halt", "funds", halted_by="funds")),
    ("Unknown error", Comes("uncertain", "uncertain", "unclear_error")),
    ("Something failed, please try again", Comes("uncertain", "uncertain", "unclear_error")),
    ("The moon is too bright", Comes("held", "unknown_text", "unknown_text")),
]


@pytest.mark.parametrize(("text", "comes"), SAYINGS, ids=[text for text, _ in SAYINGS])
def test_other_words(order: Order, sandbox: SandboxServer, text: str, comes: Comes) -> None:
    sandbox.script("add", saying(json.dumps({"error": text})))
    forward(order.provider)
    check(order, comes)


FAULTS = [
    ("error before", ERROR_BEFORE, Comes("uncertain", "uncertain", "http_5xx"), 0),
    ("error after", ERROR_AFTER, Comes("uncertain", "uncertain", "http_5xx"), 1),
    ("html before", HTML_BEFORE, Comes("uncertain", "uncertain", "no_clear_answer"), 0),
    ("html after", HTML_AFTER, Comes("uncertain", "uncertain", "no_clear_answer"), 1),
    ("dropped", DROPPED, Comes("uncertain", "uncertain", "no_answer"), 0),
    ("lost", LOST, Comes("uncertain", "uncertain", "no_answer"), 1),
    ("cut", CUT, Comes("uncertain", "uncertain", "no_clear_answer"), 1),
    ("empty", saying(""), Comes("uncertain", "uncertain", "no_clear_answer"), 0),
    ("no order", saying("[{}]"), Comes("uncertain", "uncertain", "no_clear_answer"), 0),
    ("order 0", saying('{"order": 0}'), Comes("uncertain", "uncertain", "no_clear_answer"), 0),
    (
        "order and error",
        saying('{"order": 5, "error": "Bad link"}'),
        Comes("uncertain", "uncertain", "order_and_error"),
        0,
    ),
    (
        "500 with a known text",
        saying('{"error": "Bad link"}', status=500),
        Comes("canceled", "refused", "bad_link"),
        0,
    ),
    ("429", too_many(30), Comes("queued", "later", "rate_limit"), 0),
    (
        "404 while balance answers",
        saying("Not Found", status=404),
        Comes("canceled", "refused", "service_unknown", service_off=True),
        0,
    ),
    (
        "403 while balance answers",
        saying("Forbidden", status=403),
        Comes("uncertain", "uncertain", "no_clear_answer"),
        0,
    ),
]


@pytest.mark.parametrize(
    ("meets", "comes", "accepted"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_faults_of_the_way(
    order: Order, sandbox: SandboxServer, meets: Fault, comes: Comes, accepted: int
) -> None:
    sandbox.script("add", meets)
    forward(order.provider)
    check(order, comes)
    assert (sandbox.calls["add"], len(sandbox.journal.accepted)) == (1, accepted)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_an_address_that_answers_nothing_halts(order: Order, sandbox: SandboxServer, status: int) -> None:
    for action in ("add", "balance"):
        sandbox.script(action, saying("no", status=status))
    forward(order.provider)
    check(order, Comes("queued", "halt", "misconfigured", halted_by="misconfigured"))


def test_a_connection_that_is_refused(order: Order) -> None:
    Provider.objects.update(url=unused_url())
    with time_machine.travel(NOW, tick=False):
        forward_at_once(order)
    check(order, Comes("queued", "later", "nothing_sent"))
    wait = fresh(order).due_at - NOW  # type: ignore[operator]
    assert timedelta(seconds=10) <= wait <= timedelta(seconds=12)


@pytest.mark.parametrize(
    "behaviour",
    [close, reset, send(b"nonsense"), send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")],
    ids=["closed", "reset", "nonsense", "cut"],
)
def test_a_connection_that_breaks(order: Order, behaviour: Any) -> None:
    def breaks(connection: Any) -> None:
        behaviour(connection)
        connection.close()

    with scripted_server(add=breaks) as server:
        Provider.objects.update(url=server.url)
        forward(order.provider)
    check(order, Comes("uncertain", "uncertain", "no_answer"))
    assert server.actions() == ["add"]
    assert texts_within(Alert.objects.get()) == ["no answer came"]


def test_the_key_is_in_nothing_that_is_kept(order: Order) -> None:
    Provider.objects.update(key="s3cret-k3y")
    with scripted_server(add=answer({"error": "no key s3cret-k3y here"})) as server:
        Provider.objects.update(url=server.url)
        forward(order.provider)
    kept = [fresh(order).reason, Attempt.objects.get().answer, in_english(Alert.objects.get())]
    kept += order.events.values_list("detail", flat=True)
    assert not any("s3cret" in text for text in kept)


# --- What follows from each class -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meets", [LOST, saying('{"error": "The moon is too bright"}')], ids=["lost", "unknown"]
)
def test_what_waits_for_a_person_is_not_sent_again(
    order: Order, sandbox: SandboxServer, meets: Fault
) -> None:
    sandbox.script("add", meets)
    forward(order.provider)
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        assert forward(order.provider) == 0
    assert sandbox.calls["add"] == 1
    assert (fresh(order).refunded, held_by(order.customer)) == (0, 870)
    assert Alert.objects.filter(cause=f"order:{order.pk}", closed_at=None).count() == 1


@pytest.mark.parametrize(
    ("kind", "status"), [(UnknownText, "held"), (Uncertain, "uncertain"), (Later, "waits")]
)
def test_the_provider_s_words_are_noted(order: Order, kind: Any, status: str) -> None:
    record_outcome(_attempt_at(order).pk, fault(kind, "Mind the moon"))
    assert order.events.get(kind=status).detail == "Mind the moon"
    assert fresh(order).reason == ("" if kind is Later else "Mind the moon")


@pytest.mark.parametrize("name", ["uncertain", "unknown"])
def test_a_lost_answer_is_looked_for_and_knows_what_began_before_its_end(
    order: Order, customer: User, service: Service, name: str
) -> None:
    first = _attempt_at(order)
    second = _attempt_at(place(customer, service))
    record_outcome(first.pk, ANSWERS[name])
    lost = LostAnswer.objects.get().attempt
    assert (lost, lost.last_seen) == (first, second.pk)


def test_words_that_mean_no_funds_halt_as_such(order: Order) -> None:
    record_outcome(_attempt_at(order).pk, fault(Halt, rule="taught", funds=True))
    assert fresh(order).provider.halt_rule == "funds"


def test_a_dead_service_is_told_of_in_the_provider_s_words(order: Order) -> None:
    answer = fault(Refused, "Service is gone", rule="service_inactive", switch_service_off=True)
    record_outcome(_attempt_at(order).pk, answer)
    assert "Service is gone" in in_english(Alert.objects.get())


def test_a_halt_keeps_the_other_orders_queued(
    order: Order, customer: User, service: Service, sandbox: SandboxServer
) -> None:
    others = [place(customer, service) for _ in range(3)]
    Provider.objects.update(calls_at_once=1)
    sandbox.set_balance(0)

    assert forward(service.provider) == 1  # the first one's answer is for all
    assert [fresh(other).status for other in [order, *others]] == ["queued"] * 4
    assert sandbox.calls["add"] == 1


def test_429_paces_the_whole_provider(
    order: Order, customer: User, service: Service, sandbox: SandboxServer
) -> None:
    other = place(customer, service, link="https://example.com/other")
    Provider.objects.update(calls_at_once=1)
    sandbox.script("add", too_many(30))
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as time:
        assert forward(service.provider) == 1
        time.shift(29)
        assert forward(service.provider) == 0
        time.shift(2)
        assert forward(service.provider) == 2
    assert [fresh(each).status for each in (order, other)] == ["pending", "pending"]


def test_a_spam_wait_of_one_link_leaves_the_others(
    order: Order, customer: User, service: Service, sandbox: SandboxServer
) -> None:
    other = place(customer, service, link="https://example.com/other")
    Provider.objects.update(calls_at_once=1)
    sandbox.script("add", saying('{"error": "Spam protection, wait 7 seconds"}'))

    forward(service.provider)

    assert (fresh(order).status, fresh(other).status) == ("queued", "pending")
    assert fresh(order).provider.paced_until is None


def test_waits_grow(order: Order, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.outcomes.random.uniform", lambda least, greatest: least)
    waits = []
    with time_machine.travel(NOW, tick=False):
        for _ in range(8):
            attempt = _attempt_at(order)
            record_outcome(attempt.pk, fault(Later, rule="whatever"))
            waits.append((fresh(order).due_at - NOW).total_seconds())  # type: ignore[operator]
    assert waits == [10, 30, 60, 120, 300, 600, 600, 600]
    assert fresh(order).waits == 8


def test_a_wait_that_the_provider_names_counts(order: Order) -> None:
    with time_machine.travel(NOW, tick=False):
        record_outcome(_attempt_at(order).pk, fault(Later, rule="rate_limit", wait_seconds=77))
    assert fresh(order).due_at == NOW + timedelta(seconds=77)


@pytest.mark.parametrize("drawn", [1.0, 1.2])
def test_a_spam_wait_is_spread(order: Order, monkeypatch: pytest.MonkeyPatch, drawn: float) -> None:
    """ "N+1 s plus jitter, parsed from the text, min 1, max 3600"."""
    monkeypatch.setattr("orders.outcomes.random.uniform", lambda least, greatest: drawn)
    waits = []
    with time_machine.travel(NOW, tick=False):
        for seconds in (8, 3600):
            record_outcome(_attempt_at(order).pk, fault(Later, rule="spam_wait", wait_seconds=seconds))
            waits.append((fresh(order).due_at - NOW).total_seconds())  # type: ignore[operator]
    assert waits == [8 * drawn, 3600]


BEHIND = fault(Later, rule="active_order", hints_at_earlier=True)


def _told_twice(order: Order, *, apart: timedelta) -> Order:
    """Let an order wait for 71 hours, and the provider say twice that the link has an order already."""
    with time_machine.travel(order.created_at + timedelta(hours=71), tick=False) as time:
        record_outcome(_attempt_at(order).pk, BEHIND)
        assert fresh(order).due_at == timezone.now() + timedelta(minutes=15)
        time.shift(apart)
        record_outcome(_attempt_at(order).pk, BEHIND)
    return fresh(order)


def test_an_order_behind_another_on_its_link_is_given_up_after_three_days(order: Order) -> None:
    """ "else every 10-30 min, up to 24-72 h, then REFUSED"."""
    order = _told_twice(order, apart=timedelta(hours=73))
    assert (order.status, refunds(order), held_by(order.customer)) == ("canceled", [130], 1000)


def test_what_waited_before_for_another_cause_does_not_count(order: Order) -> None:
    assert _told_twice(order, apart=timedelta(hours=2)).status == "queued"


@pytest.mark.parametrize(
    ("elsewhere", "status"),
    [({}, "queued"), ({"link": "https://example.com/b"}, "canceled"), ({"status": "completed"}, "canceled")],
    ids=["ours", "another link", "ended"],
)
def test_an_order_behind_one_of_ours_is_not_given_up(
    order: Order, customer: User, service: Service, elsewhere: dict[str, Any], status: str
) -> None:
    """ "queue behind our own open order on that link"."""
    first = accept(place(customer, service))
    ended_at = timezone.now() if "status" in elsewhere else None
    Order.objects.filter(pk=first.pk).update(ended_at=ended_at, **elsewhere)
    assert _told_twice(order, apart=timedelta(hours=73)).status == status


@pytest.mark.parametrize(
    ("end", "status"), [("ab", "queued"), ("bb", "canceled"), ("aa", "canceled"), ("", "canceled")]
)
def test_links_are_told_apart_to_their_last_letter(
    order: Order, customer: User, service: Service, end: str, status: str
) -> None:
    start = "https://example.com/".ljust(200, "x")
    accept(place(customer, service, link=f"{start}{end}"))
    Order.objects.filter(pk=order.pk).update(link=f"{start}ab")
    assert _told_twice(fresh(order), apart=timedelta(hours=73)).status == status


@pytest.mark.parametrize("rule", ["spam_wait", "active_order"])
def test_a_wait_after_an_uncertain_attempt_leaves_it_uncertain(
    order: Order, olga: User, sandbox: SandboxServer, rule: str
) -> None:
    sandbox.script("add", LOST)
    forward(order.provider)
    settle_send_again(order.pk, actor=olga, why="it is not there")
    text = {"spam_wait": "Spam protection, wait 7 seconds", "active_order": "active order with this link"}[
        rule
    ]
    sandbox.script("add", saying(json.dumps({"error": text})))

    order = forward_at_once(order)

    assert (order.status, order.refunded) == ("uncertain", 0)
    assert outcomes(order) == [("uncertain", "no_answer"), ("later", rule)]


def test_a_hint_is_of_the_order_s_own_calls(order: Order, customer: User, service: Service) -> None:
    Order.objects.update(due_at=timezone.now() + timedelta(hours=1))
    record_outcome(_attempt_at(place(customer, service)).pk, ANSWERS["uncertain"])
    hint = fault(Later, rule="spam_wait", wait_seconds=8, hints_at_earlier=True)
    record_outcome(_attempt_at(order).pk, hint)
    assert fresh(order).status == "queued"


def test_a_wait_that_hints_at_nothing_is_one_even_then(
    order: Order, olga: User, sandbox: SandboxServer
) -> None:
    sandbox.script("add", LOST)
    forward(order.provider)
    settle_send_again(order.pk, actor=olga, why="it is not there")
    sandbox.script("add", too_many(30))
    assert forward_at_once(order).status == "queued"


def test_an_id_that_another_order_has(order: Order, customer: User, service: Service, olga: User) -> None:
    other = accept(place(customer, service), "1242")

    record_outcome(_attempt_at(order).pk, Placed("1242", raw='{"order": "1242"}'))

    order = fresh(order)
    assert (order.status, order.provider_order_id) == ("uncertain", None)
    assert fresh(other).provider_order_id == "1242"
    assert outcomes(order) == [("uncertain", "id_taken")]
    attempt = order.attempts.get()
    assert attempt.provider_order_id == "", "which id it has, if any, is to be found out"
    assert "1242" in attempt.answer, "the evidence stays"
    assert Alert.objects.get().cause == f"order:{order.pk}"
    settle_refund(order.pk, actor=olga, why="counted twice")


def test_the_same_id_at_another_provider_is_another_order(order: Order, customer: User) -> None:
    other = accept(place(customer, make_service()), "1242")

    record_outcome(_attempt_at(order).pk, Placed("1242", raw=""))

    assert fresh(order).provider_order_id == fresh(other).provider_order_id == "1242"


# --- Once, late, and after somebody else --------------------------------------------------------------------

ANSWERS = {
    "placed": Placed("77", raw=""),
    "refused": fault(Refused, rule="bad_link"),
    "later": fault(Later, rule="rate_limit", wait_seconds=5),
    "halt": fault(Halt, rule="key"),
    "uncertain": fault(Uncertain, rule="no_answer"),
    "unknown": fault(UnknownText, rule="unknown_text"),
}


@pytest.mark.parametrize("second", ANSWERS)
@pytest.mark.parametrize("first", ANSWERS)
def test_the_first_outcome_counts(order: Order, first: str, second: str) -> None:
    attempt = _attempt_at(order)
    record_outcome(attempt.pk, ANSWERS[first])
    before, events, held = fresh(order), kinds(order), held_by(order.customer)
    rows = Attempt.objects.values().get()

    record_outcome(attempt.pk, ANSWERS[second])

    after = fresh(order)
    assert (after.status, after.refunded, after.due_at) == (before.status, before.refunded, before.due_at)
    assert (kinds(order), held_by(order.customer), Attempt.objects.values().get()) == (events, held, rows)


@pytest.mark.parametrize(
    ("late", "status", "held"),
    [
        ("placed", "pending", 870),
        ("refused", "canceled", 1000),
        ("later", "queued", 870),
        ("halt", "queued", 870),
        ("uncertain", "uncertain", 870),
        ("unknown", "held", 870),
    ],
)
def test_an_answer_after_the_lease_settles_what_nobody_settled(
    order: Order, late: str, status: str, held: int
) -> None:
    attempt = _dead_attempt_at(order)
    assert fresh(order).status == "uncertain"

    record_outcome(attempt.pk, ANSWERS[late])

    assert (fresh(order).status, held_by(order.customer)) == (status, held)
    alert = Alert.objects.get(kind=Alert.Kind.ORDER_UNCERTAIN)
    assert (alert.closed_at is None) == (status == "uncertain")


def test_placed_after_a_person_refunded_is_told_and_moves_nothing(order: Order, olga: User) -> None:
    attempt = _dead_attempt_at(order)
    settle_refund(order.pk, actor=olga, why="looks lost")

    record_outcome(attempt.pk, ANSWERS["placed"])

    order = fresh(order)
    assert (order.status, refunds(order), order.provider_order_id) == ("canceled", [130], None)
    assert "77" in in_english(Alert.objects.get(closed_at=None))
    assert Attempt.objects.get().provider_order_id == "77"


def test_placed_after_a_person_said_send_again_is_not_sent_again(
    order: Order, olga: User, sandbox: SandboxServer
) -> None:
    attempt = _dead_attempt_at(order)
    settle_send_again(order.pk, actor=olga, why="looks lost")

    record_outcome(attempt.pk, ANSWERS["placed"])

    assert (fresh(order).status, fresh(order).provider_order_id) == ("pending", "77")
    assert forward(order.provider) == 0
    assert sandbox.calls["add"] == 0


@pytest.mark.parametrize("late", [name for name in ANSWERS if name != "placed"])
def test_other_answers_after_a_person_said_send_again_change_nothing(
    order: Order, olga: User, late: str
) -> None:
    attempt = _dead_attempt_at(order)
    settle_send_again(order.pk, actor=olga, why="looks lost")

    record_outcome(attempt.pk, ANSWERS[late])

    assert (fresh(order).status, fresh(order).refunded) == ("queued", 0)


def test_placed_after_it_was_sent_again_stays_told(order: Order, olga: User) -> None:
    first = _dead_attempt_at(order)
    settle_send_again(order.pk, actor=olga, why="looks lost")
    second = _attempt_at(order)

    record_outcome(first.pk, ANSWERS["placed"])
    record_outcome(second.pk, Placed("78", raw=""))

    assert (fresh(order).status, fresh(order).provider_order_id) == ("pending", "78")
    # Two are under way: a person must know.
    assert "placed as 77" in in_english(Alert.objects.get(closed_at=None))


def test_an_id_of_the_first_call_that_another_order_has_by_now(
    order: Order, customer: User, service: Service, olga: User
) -> None:
    first = _dead_attempt_at(order)
    settle_send_again(order.pk, actor=olga, why="looks lost")
    second = _attempt_at(order)
    record_outcome(first.pk, ANSWERS["placed"])
    accept(place(customer, service), "77")

    record_outcome(second.pk, ANSWERS["refused"])

    assert (fresh(order).status, fresh(order).refunded) == ("uncertain", 0)
    assert outcomes(order) == [("uncertain", "id_taken"), ("refused", "bad_link")]


def test_placed_as_a_person_said_is_no_news(order: Order, olga: User) -> None:
    attempt = _dead_attempt_at(order)
    settle_placed(order.pk, provider_order_id="77", actor=olga, why="seen there")

    record_outcome(attempt.pk, ANSWERS["placed"])

    assert (fresh(order).status, fresh(order).provider_order_id) == ("pending", "77")
    assert not Alert.objects.filter(closed_at=None).exists()


# --- A wish to cancel meanwhile ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "held"),
    [
        ("placed", "pending", 870),
        ("refused", "canceled", 1000),
        ("later", "canceled", 1000),
        ("halt", "canceled", 1000),
        ("uncertain", "uncertain", 870),
        ("unknown", "held", 870),
    ],
)
def test_a_cancel_that_was_wanted_during_the_send(
    order: Order, commits: Any, name: str, status: str, held: int
) -> None:
    attempt = _attempt_at(order)
    request_cancel(order.pk, actor=order.customer)
    assert (fresh(order).status, fresh(order).cancel_state) == ("sending", "wanted")

    with commits as tasks:
        record_outcome(attempt.pk, ANSWERS[name])

    order = fresh(order)
    assert (order.status, held_by(order.customer)) == (status, held)
    assert (order.cancel_due_at is not None) == (name == "placed")
    asked = ("orders.tasks.cancel_provider", (order.provider_id,))
    assert (asked in tasks) == (name == "placed")


def _attempt_at(order: Order) -> Attempt:
    Order.objects.filter(pk=order.pk).update(due_at=timezone.now())
    send_it = claim_next(order.provider_id)
    assert send_it is not None
    return Attempt.objects.get(pk=send_it.attempt_id, order=order)


def _dead_attempt_at(order: Order) -> Attempt:
    attempt = _attempt_at(order)
    Attempt.objects.filter(pk=attempt.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert expire_attempts() == 1
    return attempt

"""Orders whose answer to `add` was lost, found again at a sandbox that has them."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from catalog.pacing import pace_of
from catalog.providers import save_provider
from operations.models import Alert
from orders import windows
from orders.adopting import adopt
from orders.canceling import request_cancel
from orders.errors import ProviderIdTaken
from orders.evidence import evidence_for
from orders.forwarding import claim_next, expire_attempts
from orders.models import Attempt, Candidate, LostAnswer, Order
from orders.outcomes import record_outcome
from orders.settling import settle_placed, settle_refund, settle_send_again
from orders.tracing import search_due, search_now
from tests.factories import credit, make_provider, make_service, place
from tests.orders.acting import (
    accept,
    fault,
    findings,
    forward,
    forward_at_once,
    fresh,
    held_by,
    kinds,
    poll_at_once,
)
from tests.orders.losses import candidate, lose
from upstream.answers import Placed
from upstream.client import Client
from upstream.errors import ProviderError, Refused, Uncertain
from upstream.sandbox import SandboxServer, Settings
from upstream.sandbox.faults import DROPPED, ERROR_BEFORE, LOST, Answer, saying, too_many
from upstream.sandbox.journal import Accepted

State = LostAnswer.State


@pytest.fixture(autouse=True)
def _no_margin(settings: Any, tasks: list[Any]) -> None:
    """Let the very next order bound a search; the margin has tests of its own. No message is sent."""
    settings.LOST_ANSWER_MARGIN_SECONDS = 0


@pytest.fixture
def adopting(provider: Provider) -> Provider:
    """The provider, set to take up what is found."""
    Provider.objects.filter(pk=provider.pk).update(lost_answers="adopt")
    provider.refresh_from_db()
    return provider


@pytest.fixture
def buy(customer: User, service: Service, sandbox: SandboxServer) -> Callable[..., Order]:
    """Place an order and send it, with a fault if one is given; each for a link of its own."""
    return buyer(customer, service, sandbox)


def buyer(customer: User, service: Service, server: SandboxServer) -> Callable[..., Order]:
    credit(customer, 100_000)
    count = iter(range(1000))

    def buy(quantity: int = 1000, *faults: Any) -> Order:
        order = place(customer, service, quantity=quantity, link=f"https://example.com/{next(count)}")
        for each in faults:
            server.script("add", each)
        return forward_at_once(order)

    return buy


@pytest.fixture
def asked(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that the provider is asked about, as each call names them."""
    return asked_of(sandbox, monkeypatch)


def asked_of(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    handle = server.handle

    def noting(fields: Mapping[str, str]) -> Answer | None:
        if fields["action"] == "status":
            asked.append(fields.get("order") or fields["orders"])
        return handle(fields)

    monkeypatch.setattr(server, "handle", noting)
    return asked


@pytest.fixture
def long_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a search takes and says nothing more of be due in an hour: when it is due again was said."""
    monkeypatch.setattr("orders.tracing.LEASE", timedelta(hours=1))


def search(provider: Provider) -> None:
    """Look for everything that is lost, as if its time had come."""
    LostAnswer.objects.exclude(due_at=None).update(due_at=timezone.now())
    search_due(provider.pk)


def is_due_in(row: LostAnswer, seconds: float) -> bool:
    """Tell whether a search is due, and not before long, within so many seconds from now."""
    now = timezone.now()
    return row.due_at is not None and now < row.due_at <= now + timedelta(seconds=seconds)


def lost_of(order: Order) -> LostAnswer:
    return LostAnswer.objects.select_related("attempt__order", "provider").get(attempt__order=order)


def found_nothing(order: Order) -> bool:
    """Tell what staff is told: that all ids were asked about, and nothing was found."""
    [search] = evidence_for([fresh(order)])[0].searches
    return search.found_nothing


def accepted(sandbox: SandboxServer, order: Order) -> list[str]:
    return [row.order for row in sandbox.journal.accepted if row.link == order.link]


def another_systems(sandbox: SandboxServer, quantity: int) -> None:
    """Place an order on our account, as another program would that has our key."""
    Client(sandbox.url, sandbox.key).add(
        service_id="1", link="https://example.com/foreign", quantity=quantity
    )


# --- What is found ----------------------------------------------------------------------------------------


def test_a_lost_answer_is_found_and_shown(
    buy: Callable[..., Order], provider: Provider, sandbox: Any, asked: list[str]
) -> None:
    before = buy()
    sandbox.plan_next(start_count=4711)
    lost, after = buy(700, LOST), buy()
    began = timezone.now()

    search(provider)

    [number] = accepted(sandbox, lost)
    assert asked[-1] == number
    candidate = Candidate.objects.get()
    assert (str(candidate.number), candidate.status_text) == (number, "pending")
    assert candidate.charge == 70
    assert (candidate.remains, candidate.start_count, candidate.is_foreign) == (700, 4711, False)
    assert candidate.seen_at > began
    row = lost_of(lost)
    assert (row.state, row.why, row.due_at) == (State.WHOLE, "", None)
    assert row.searched_at is not None
    assert row.searched_at > began
    assert (str(row.id_before), str(row.id_after)) == (before.provider_order_id, after.provider_order_id)
    assert not found_nothing(lost)
    assert fresh(lost).status == "uncertain", "a provider set to ask leaves it to a person"
    assert len(sandbox.journal.accepted) == 3


def test_a_lost_answer_is_adopted(buy: Callable[..., Order], adopting: Provider, sandbox: Any) -> None:
    buy()
    lost = buy(700, LOST)
    buy()

    search(adopting)

    lost = fresh(lost)
    assert (lost.status, lost.provider_order_id) == ("pending", accepted(sandbox, lost)[0])
    assert lost.reason == ""
    assert lost.refunded == 0
    assert lost.sent_at == lost.attempts.get().started_at
    assert kinds(lost) == ["placed", "sending", "uncertain", "found"]
    assert Attempt.objects.get(order=lost).provider_order_id == lost.provider_order_id
    assert not Alert.objects.filter(kind="order_uncertain", closed_at=None).exists()


def test_an_adopted_order_goes_its_way(
    buy: Callable[..., Order], adopting: Provider, sandbox: Any, customer: User
) -> None:
    buy()
    lost = buy(1000, LOST)
    buy()
    search(adopting)
    before = held_by(customer)

    sandbox.end_order(fresh(lost).provider_order_id, "Partial", 400)
    assert poll_at_once(fresh(lost)).status == "partial"

    assert held_by(customer) - before == Decimal(52)


def test_nothing_is_found_of_what_was_not_placed(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(1000, ERROR_BEFORE)
    buy()
    search(adopting)
    assert fresh(lost).status == "uncertain", "sending again is always a person's decision"
    assert lost_of(lost).state == State.WHOLE
    assert found_nothing(lost)
    assert len(sandbox.journal.accepted) == 2


def test_a_dead_workers_order_is_found(
    buy: Callable[..., Order], adopting: Provider, customer: User, service: Service, sandbox: SandboxServer
) -> None:
    buy()
    order = place(customer, service, quantity=900, link="https://example.com/dead")
    send = claim_next(adopting.pk)
    assert send is not None
    Client(sandbox.url, sandbox.key).add(service_id="1", link=send.link, quantity=send.quantity)
    Attempt.objects.filter(pk=send.attempt_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert expire_attempts() == 1
    buy()
    search(adopting)
    assert fresh(order).provider_order_id == accepted(sandbox, order)[0]


def test_two_lost_answers_that_differ_in_charge_are_told_apart(
    buy: Callable[..., Order], adopting: Provider, sandbox: Any
) -> None:
    buy()
    one, two = buy(700, LOST), buy(701, LOST)
    buy()
    search(adopting)
    assert [fresh(order).provider_order_id for order in (one, two)] == [
        accepted(sandbox, one)[0],
        accepted(sandbox, two)[0],
    ]


def test_a_cancel_that_was_wanted_is_asked_for_once_it_is_found(
    buy: Callable[..., Order], adopting: Provider, customer: User, commits: Any
) -> None:
    buy()
    lost = buy(700, LOST)
    request_cancel(lost.pk, actor=customer)
    buy()
    with commits as sent:
        search(adopting)
    assert fresh(lost).cancel_due_at is not None
    assert ("orders.tasks.cancel_provider", (adopting.pk,)) in sent


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('{"status": "Pending"}', ("pending", None, None, None, False)),
        (
            '{"status": "Odd", "charge": "1000000000000", "start_count": "5", "currency": "RUB"}',
            ("Odd", None, None, 5, False),
        ),
        (
            '{"status": "Pending", "charge": "70.0000001", "remains": "7", "currency": "USD"}',
            ("pending", Decimal("70.000001"), 7, None, True),
        ),
    ],
)
def test_what_is_kept_of_an_answer(
    buy: Callable[..., Order], provider: Provider, sandbox: SandboxServer, said: str, kept: tuple[Any, ...]
) -> None:
    buy()
    buy(700, LOST)
    buy()
    Provider.objects.update(answers_for_many=False)
    sandbox.script("status", saying(said))
    search(provider)
    columns = ("status_text", "charge", "remains", "start_count", "is_foreign")
    assert Candidate.objects.values_list(*columns).get() == kept


def test_orders_of_ours_between_are_not_asked_about(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, asked: list[str]
) -> None:
    buy()
    lost = buy(700, LOST)
    beside = buy()
    Attempt.objects.filter(order=lost).update(last_seen=Attempt.objects.get(order=beside).pk)
    buy()
    [number] = accepted(sandbox, lost)
    others = place(lost.customer, make_service(), link="https://example.com/another")
    accept(others, number)  # another provider's order has the same id
    Provider.objects.filter(pk=adopting.pk).update(answers_for_many=False)
    search(adopting)
    assert asked == [number]
    assert fresh(lost).provider_order_id == number


# --- What stays with the person ---------------------------------------------------------------------------


def test_two_alike_stay_with_the_person(buy: Callable[..., Order], adopting: Provider) -> None:
    buy()
    one, two = buy(700, LOST), buy(700, LOST)
    buy()
    search(adopting)
    assert [fresh(order).status for order in (one, two)] == ["uncertain", "uncertain"]
    assert Candidate.objects.count() == 2


def test_of_two_alike_the_other_is_adopted_once_a_person_settled_one(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, olga: User, commits: Any
) -> None:
    buy()
    one, two = buy(700, LOST), buy(700, LOST)
    buy()
    search(adopting)

    with commits as woken:
        settle_placed(one.pk, provider_order_id=accepted(sandbox, one)[0], actor=olga, why="seen there")
    assert ("orders.tasks.search_provider", (adopting.pk,)) in woken
    search_due(adopting.pk)

    assert (fresh(two).status, fresh(two).provider_order_id) == ("pending", accepted(sandbox, two)[0])


def test_what_was_found_is_adopted_once_the_provider_is_set_so(
    buy: Callable[..., Order], provider: Provider, commits: Any
) -> None:
    buy()
    lost = buy(700, LOST)
    buy()
    search(provider)
    assert fresh(lost).status == "uncertain"

    provider.lost_answers = "adopt"
    with commits as woken:
        save_provider(provider)
    assert ("orders.tasks.search_provider", (provider.pk,)) in woken
    search_due(provider.pk)

    assert fresh(lost).status == "pending"


def test_two_alike_of_which_one_was_placed_stay_with_the_person(
    buy: Callable[..., Order], adopting: Provider
) -> None:
    buy()
    one, two = buy(700, LOST), buy(700, DROPPED)
    buy()
    search(adopting)
    assert [fresh(order).status for order in (one, two)] == ["uncertain", "uncertain"]
    assert Candidate.objects.count() == 1


def test_one_alike_that_was_settled_already_counts_too(
    buy: Callable[..., Order], adopting: Provider, olga: User
) -> None:
    buy()
    one, two = buy(700, DROPPED), buy(700, LOST)
    settle_refund(one.pk, actor=olga, why="the customer was in a hurry")
    buy()
    search(adopting)
    assert fresh(two).status == "uncertain", "the one found may be the one that was given back"


@pytest.mark.parametrize("quantity", [700, 333])
def test_an_id_of_another_system_stays_with_the_person(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, quantity: int
) -> None:
    buy()
    lost = buy(700, LOST)
    another_systems(sandbox, quantity)
    buy()
    search(adopting)
    assert fresh(lost).status == "uncertain", "the account is not ours alone"
    assert Candidate.objects.count() == 2


@pytest.mark.parametrize("rate", [99, 101])
def test_a_charge_that_differs_stays_with_the_person(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, rate: int
) -> None:
    buy()
    sandbox.services.change(1, rate=Decimal(rate))
    lost = buy(700, LOST)
    buy()
    search(adopting)
    assert fresh(lost).status == "uncertain"
    assert Candidate.objects.get().charge == Decimal(rate) * 7 / 10


def test_remains_that_differ_stay_with_the_person(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy()
    sandbox.services.change(1, rate=Decimal(50))
    lost = buy(700, LOST)
    Order.objects.filter(pk=lost.pk).update(quantity=350, price=260)  # of the same charge: 350 at 100
    buy()
    search(adopting)
    assert fresh(lost).status == "uncertain"
    assert Candidate.objects.get().remains == 700


def test_one_that_ended_early_stays_with_the_person(
    buy: Callable[..., Order], adopting: Provider, sandbox: Any
) -> None:
    buy()
    lost = buy(700, LOST)
    buy()
    [number] = accepted(sandbox, lost)
    sandbox.end_order(number, "Partial", 100)
    candidate(make_service(), int(number))  # another provider's is another one, and so is another number
    candidate(lost.service, int(number) + 7)
    search(adopting)
    assert fresh(lost).status == "uncertain"
    assert Candidate.objects.get(provider=adopting, number=number).status_text == "partial"


def test_what_was_seen_before_it_ended_early_is_kept(
    buy: Callable[..., Order], provider: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(700, LOST)
    search_now(lost_of(lost).attempt_id)
    search(provider)
    sandbox.end_order(accepted(sandbox, lost)[0], "Partial", 100)
    Provider.objects.filter(pk=provider.pk).update(lost_answers="adopt")
    buy()
    search(provider)
    assert Candidate.objects.get().charge == 70
    assert fresh(lost).provider_order_id == accepted(sandbox, lost)[0]


def test_ids_that_do_not_grow_stay_with_the_person(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy(1000, saying('{"order": "9000"}'))
    buy(1000, saying('{"order": "8000"}'))
    lost = buy(700, LOST)
    buy()
    search(adopting)
    row = lost_of(lost)
    assert (row.state, row.why, row.due_at) == (State.IMPOSSIBLE, "no_growth", None)
    assert fresh(lost).status == "uncertain"


@pytest.mark.parametrize("order_id", ["a-77", "0012", "9" * 19])
def test_ids_that_are_no_numbers_stay_with_the_person(
    buy: Callable[..., Order], adopting: Provider, order_id: str
) -> None:
    buy(1000, saying(f'{{"order": "{order_id}"}}'))
    lost = buy(700, LOST)
    search(adopting)
    assert lost_of(lost).state == State.IMPOSSIBLE


def test_the_first_order_of_an_account_stays_with_the_person(
    buy: Callable[..., Order], adopting: Provider
) -> None:
    lost = buy(700, LOST)
    buy()
    search(adopting)
    assert lost_of(lost).why == "no_id_before"


def test_ids_of_another_account_tell_nothing(buy: Callable[..., Order], adopting: Provider) -> None:
    buy()
    lost = buy(700, LOST)
    adopting.url += "/"
    assert save_provider(adopting, key=None) == {"url"}
    buy()
    search(adopting)
    assert lost_of(lost).why == "another_account"


def test_a_window_among_the_ids_of_another_account_is_searched_no_more(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    before, lost = buy(), buy(700, DROPPED)
    buy(1000, saying(f'{{"order": "{int(before.provider_order_id or 0) + 5}"}}'))
    search(adopting)
    adopting.url += "/"
    assert save_provider(adopting, key=None) == {"url"}
    another_systems(sandbox, 700)
    calls = sandbox.calls["status"]

    assert search_now(lost_of(lost).attempt_id)
    search(adopting)

    row = lost_of(lost)
    assert (row.state, row.why, row.due_at) == (State.IMPOSSIBLE, "another_account", None)
    assert sandbox.calls["status"] == calls
    assert fresh(lost).status == "uncertain", "what is found there now is no order of this account"


def test_an_order_that_was_sent_again_is_not_adopted(
    buy: Callable[..., Order], adopting: Provider, customer: User, service: Service
) -> None:
    buy()
    lost = buy(700, LOST)
    Attempt.objects.create(
        order=lost,
        provider=adopting,
        started_at=timezone.now(),
        lease_until=timezone.now(),
        outcome=Attempt.Outcome.UNCERTAIN,
    )
    assert not adopt(lost_of_first(lost), number=1243)
    assert fresh(lost).provider_order_id is None


def lost_of_first(order: Order) -> LostAnswer:
    first = order.attempts.order_by("pk")[0]
    return LostAnswer.objects.select_related("attempt__order", "provider").get(attempt=first)


def test_a_hint_at_it_does_not_keep_it_from_being_found(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, olga: User
) -> None:
    buy()
    lost = buy(700, LOST)
    settle_send_again(lost.pk, actor=olga, why="the provider's list does not have it")
    sandbox.script("add", saying('{"error": "Spam protection, wait 7 seconds"}'))
    assert forward_at_once(fresh(lost)).status == "uncertain"
    buy()
    search(adopting)
    assert fresh(lost).provider_order_id == accepted(sandbox, lost)[0]
    assert LostAnswer.objects.count() == 1


# --- Races with a person, and with a late answer ----------------------------------------------------------


def test_what_was_settled_meanwhile_is_not_adopted(
    buy: Callable[..., Order], adopting: Provider, olga: User, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(700, LOST)
    row = lost_of(lost)
    settle_refund(lost.pk, actor=olga, why="the customer was in a hurry")
    assert not adopt(row, number=int(accepted(sandbox, lost)[0]))
    assert (fresh(lost).status, fresh(lost).refunded) == ("canceled", fresh(lost).charge)


def test_an_id_that_another_order_got_meanwhile_is_not_adopted(
    buy: Callable[..., Order], adopting: Provider
) -> None:
    before, lost = buy(), buy(700, LOST)
    assert not adopt(lost_of(lost), number=int(before.provider_order_id or 0))
    assert fresh(lost).status == "uncertain"


@pytest.mark.parametrize("again", [False, True], ids=["refunded", "sent again"])
def test_an_id_that_a_call_for_another_order_was_told_is_not_adopted(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, olga: User, again: bool
) -> None:
    """A call that was taken for lost had placed its order after all, and its late answer says as which."""
    before, theirs = buy(), buy(700, LOST)
    lost_id = accepted(sandbox, theirs)[0]
    decide = settle_send_again if again else settle_refund
    decide(theirs.pk, actor=olga, why="looks lost")
    if again:
        forward_at_once(theirs)
    Attempt.objects.filter(pk=lost_of(theirs).attempt_id).update(provider_order_id=lost_id, outcome="placed")
    lost = buy(700, ERROR_BEFORE)
    LostAnswer.objects.filter(attempt__order=lost).update(
        id_before=before.provider_order_id, state="searching", due_at=timezone.now()
    )
    buy()

    search(adopting)

    assert fresh(lost).status == "uncertain"
    assert [str(found.number) for found in Candidate.objects.all()].count(lost_id) == 0
    assert not adopt(lost_of(lost), number=int(lost_id))
    with pytest.raises(ProviderIdTaken):
        settle_placed(lost.pk, provider_order_id=lost_id, actor=olga, why="seen there")
    assert fresh(lost).status == "uncertain"


@pytest.mark.parametrize("answer", [None, fault(Refused, rule="bad_link"), fault(Uncertain)])
def test_a_late_answer_after_the_adoption_changes_nothing(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, answer: ProviderError | None
) -> None:
    buy()
    lost = buy(700, LOST)
    Attempt.objects.filter(order=lost).update(rule="worker_died")
    buy()
    search(adopting)
    number = accepted(sandbox, lost)[0]
    attempt = Attempt.objects.get(order=lost)
    record_outcome(attempt.pk, answer or Placed(number, ""))
    attempt.refresh_from_db()
    assert attempt.provider_order_id == number
    assert (fresh(lost).status, fresh(lost).provider_order_id) == ("pending", number)
    told = Alert.objects.filter(
        closed_at=None, kind="order_uncertain", cause__endswith="placed_late"
    ).exists()
    assert told == isinstance(answer, Refused), "a refusal says that the id is not the order's"


# --- How far the search goes ------------------------------------------------------------------------------


def test_it_waits_for_a_later_id(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    before, lost = buy(), buy(700, LOST)
    # The second time as a worker leaves it that died with its last call.
    for state, calls in [(State.WAITING, 0), (State.SEARCHING, 3)]:
        LostAnswer.objects.update(state=state, calls=calls, calls_allowed=calls)
        search(adopting)
        row = lost_of(lost)
        assert (row.state, row.why, row.searched_at) == (State.WAITING, "", None)
        assert (str(row.id_before), row.id_after) == (before.provider_order_id, None)
        assert not sandbox.calls["status"]


@pytest.mark.parametrize(("ago", "wait"), [(0, 5), (100, 25), (86_400, 600)])
def test_it_looks_ever_more_seldom_for_a_later_id(
    buy: Callable[..., Order], provider: Provider, ago: int, wait: int
) -> None:
    buy()
    lost = buy(700, LOST)
    begun = timezone.now()
    Attempt.objects.filter(order=lost).update(ended_at=begun - timedelta(seconds=ago))
    search(provider)
    taken = timezone.now() - begun
    due_at = lost_of(lost).due_at
    assert due_at is not None
    assert timedelta() <= due_at - begun - timedelta(seconds=wait) <= taken * 1.25


def test_a_later_order_counts_only_after_the_margin(
    buy: Callable[..., Order], adopting: Provider, settings: Any
) -> None:
    settings.LOST_ANSWER_MARGIN_SECONDS = 60
    buy()
    lost, after = buy(700, LOST), buy()
    search(adopting)
    assert lost_of(lost).state == State.WAITING

    Attempt.objects.filter(order=after).update(started_at=timezone.now() + timedelta(seconds=61))
    search(adopting)
    assert fresh(lost).status == "pending"


def test_an_order_sent_beside_it_does_not_bound_the_search(
    buy: Callable[..., Order], adopting: Provider, customer: User, service: Service
) -> None:
    buy()
    lost = buy(700, LOST)
    beside = buy()
    # As if it had begun before the answer was lost, on a machine whose clock is ahead.
    Attempt.objects.filter(order=lost).update(last_seen=Attempt.objects.get(order=beside).pk)
    search(adopting)
    assert lost_of(lost).state == State.WAITING
    after = buy()
    search(adopting)
    assert str(lost_of(lost).id_after) == after.provider_order_id


def test_it_waits_for_what_is_under_way(
    buy: Callable[..., Order], adopting: Provider, customer: User, service: Service
) -> None:
    buy()
    lost = buy(700, LOST)
    place(customer, service, quantity=700, link="https://example.com/slow")
    assert claim_next(adopting.pk) is not None
    buy()
    search(adopting)
    assert lost_of(lost).state == State.WAITING
    assert fresh(lost).status == "uncertain"


def test_control_without_that_wait_the_wrong_order_is_adopted(
    buy: Callable[..., Order],
    adopting: Provider,
    customer: User,
    service: Service,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "_is_under_way", lambda *args, **fields: False)
    buy()
    lost = buy(700, DROPPED)
    other = place(customer, service, quantity=700, link="https://example.com/slow")
    assert claim_next(adopting.pk) is not None
    Client(sandbox.url, sandbox.key).add(service_id="1", link=other.link, quantity=700)
    buy()
    search(adopting)
    assert fresh(lost).provider_order_id == accepted(sandbox, other)[0]


def test_the_order_of_attempts_counts_and_not_their_clocks(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    before, lost = buy(), buy(700, LOST)
    hour = timedelta(hours=1)
    Attempt.objects.filter(order=before).update(
        started_at=timezone.now() + hour, ended_at=timezone.now() + hour
    )
    buy()
    search(adopting)
    assert fresh(lost).provider_order_id == accepted(sandbox, lost)[0]


def test_it_makes_no_more_calls_than_are_allowed(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, settings: Any
) -> None:
    settings.LOST_SEARCH_CALLS = 3
    buy()
    lost = buy(700, LOST)
    buy(1000, saying('{"order": "2000"}'))
    calls = sandbox.calls["status"]

    search(adopting)

    row = lost_of(lost)
    assert (row.state, row.calls, row.asked_to) == (State.STOPPED, 3, (row.id_before or 0) + 3)
    assert (row.why, row.searched_at is None) == ("calls_made", False)
    assert sandbox.calls["status"] - calls <= 3 + 1  # one to learn whether it answers about many
    assert fresh(lost).status == "uncertain", "not searched whole: more may be there"
    assert row.due_at is None

    assert search_now(row.attempt_id)
    search(adopting)
    assert lost_of(lost).asked_to == (row.asked_to or 0) + 3


def test_a_stopped_search_that_is_wanted_goes_on_to_its_end(
    buy: Callable[..., Order], provider: Provider, sandbox: SandboxServer, settings: Any, asked: list[str]
) -> None:
    settings.LOST_SEARCH_CALLS = 3
    before, lost = buy(), buy(700, LOST)
    first = int(before.provider_order_id or 0) + 1
    buy(1000, saying(f'{{"order": "{first + 5}"}}'))
    Provider.objects.update(answers_for_many=False)
    search(provider)
    assert search_now(lost_of(lost).attempt_id)
    sandbox.script("status", DROPPED)
    search(provider)
    assert (lost_of(lost).state, lost_of(lost).why) == (State.SEARCHING, "")
    search(provider)
    assert (lost_of(lost).state, lost_of(lost).why) == (State.WHOLE, "")
    assert asked == [str(first + at) for at in (0, 1, 2, 3, 3, 4)]


def test_what_was_searched_whole_is_asked_about_anew_when_it_is_wanted(
    buy: Callable[..., Order], provider: Provider, asked: list[str]
) -> None:
    buy()
    lost = buy(700, LOST)
    buy()
    Provider.objects.update(answers_for_many=False)
    search(provider)
    assert search_now(lost_of(lost).attempt_id)
    search(provider)
    assert len(asked) == 2
    assert lost_of(lost).state == State.WHOLE


def test_a_person_may_search_where_no_later_id_is_known(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, settings: Any
) -> None:
    settings.LOST_SEARCH_CALLS = 5
    buy()
    lost = buy(700, LOST)
    assert search_now(lost_of(lost).attempt_id)
    search(adopting)
    row = lost_of(lost)
    assert str(Candidate.objects.get().number) == accepted(sandbox, lost)[0]
    assert (row.state, row.why, row.calls, row.calls_allowed) == (State.WAITING, "no_id_after", 5, 0)
    assert row.searched_at is not None
    assert row.due_at is not None
    assert timedelta(seconds=5) <= row.due_at - row.searched_at < timedelta(seconds=20)
    assert fresh(lost).status == "uncertain", "without an upper bound it is not searched whole"
    assert search_now(row.attempt_id)
    search(adopting)
    assert (lost_of(lost).calls, lost_of(lost).calls_allowed) == (10, 0)
    buy()
    search(adopting)
    assert fresh(lost).status == "pending"
    assert lost_of(lost).calls_allowed == 5, "what a person allowed more is used up"


def test_an_id_that_was_given_away_after_the_first_look_is_seen(
    buy: Callable[..., Order], provider: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(700, DROPPED)
    search_now(lost_of(lost).attempt_id)
    search(provider)
    assert Candidate.objects.count() == 0
    another_systems(sandbox, 700)
    buy()
    search(provider)
    assert Candidate.objects.count() == 1


def test_a_search_that_is_wanted_wakes_a_worker(
    buy: Callable[..., Order], provider: Provider, commits: Any
) -> None:
    rows = [lost_of(buy(700, LOST)), lost_of(buy(700, LOST))]
    lost = next(row for row in rows if row.pk != provider.pk)
    with commits as sent:
        sent.clear()
        assert search_now(lost.attempt_id)
    assert sent == [("orders.tasks.search_provider", (provider.pk,))]


def test_there_is_nothing_to_search_for_an_order_that_is_not_lost(buy: Callable[..., Order]) -> None:
    assert not search_now(Attempt.objects.get(order=buy()).pk)


def test_it_goes_on_after_a_provider_that_did_not_answer(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(700, LOST)
    buy()
    sandbox.script("status", saying("<h1>502</h1>", status=502), times=2)
    search(adopting)
    row = lost_of(lost)
    assert row.state == State.SEARCHING
    assert row.due_at is not None
    search(adopting)
    assert fresh(lost).status == "pending"


@pytest.mark.parametrize(
    ("answer", "halts", "paces"),
    [
        (DROPPED, False, False),
        (saying("<h1>502</h1>", status=502), False, False),
        (too_many(30), False, True),
        (saying('{"error": "Invalid API key"}'), True, False),
        ("closed", False, False),
        ("busy", False, False),
    ],
)
@pytest.mark.usefixtures("long_lease")
def test_a_fault_of_the_provider_puts_everything_off(
    buy: Callable[..., Order],
    provider: Provider,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    halts: bool,
    paces: bool,
) -> None:
    buy()
    lost = [buy(700, LOST), buy(700, LOST)]
    buy()
    lost = [*lost, buy(700, LOST)]
    buy()
    Provider.objects.update(answers_for_many=False)
    with ExitStack() as slots:
        if answer == "closed":
            sandbox.close()
        elif answer == "busy":
            monkeypatch.setattr("catalog.connecting.WAIT_FOR_SLOT_SECONDS", 0.01)
            for _ in range(provider.calls_at_once):
                slots.enter_context(pace_of(provider).slot(1))
        else:
            sandbox.script("status", answer)
        search(provider)
    rows = [lost_of(order) for order in lost]
    assert [row.calls for row in rows] == [1, 0, 0], "the others are not tried"
    assert all(is_due_in(row, 60) for row in rows)
    provider.refresh_from_db()
    assert (provider.halted_at is not None, provider.paced_until is not None) == (halts, paces)


@pytest.mark.usefixtures("long_lease")
def test_an_id_without_a_clear_answer_is_asked_about_once_and_puts_off_its_own_window_alone(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, asked: list[str]
) -> None:
    buy()
    unclear = buy(700, LOST)
    buy()
    clear = buy(800, LOST)
    buy()
    Provider.objects.filter(pk=adopting.pk).update(answers_for_many=False)
    sandbox.script("status", saying("{}"))
    search(adopting)
    assert asked == accepted(sandbox, unclear) + accepted(sandbox, clear)
    assert fresh(clear).status == "pending"
    row = lost_of(unclear)
    assert (row.state, row.calls, row.asked_to) == (State.SEARCHING, 1, None)
    assert is_due_in(row, 60)


@pytest.mark.usefixtures("long_lease")
def test_a_worker_that_is_asked_to_stop_leaves_the_rest_to_others(
    buy: Callable[..., Order],
    provider: Provider,
    sandbox: SandboxServer,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, low = buy(), buy(700, LOST)
    first = int(before.provider_order_id or 0) + 1
    sandbox.script("add", saying(f'{{"order": "{first + 2}"}}', accepts=True))
    buy()
    high = buy(700, LOST)
    buy()
    Provider.objects.update(answers_for_many=False)
    with monkeypatch.context() as patch:
        patch.setattr("orders.tracing.is_draining", lambda: len(asked) == 1)
        LostAnswer.objects.update(due_at=timezone.now())
        LostAnswer.objects.filter(attempt__order=high).update(due_at=timezone.now() - timedelta(hours=1))
        search_due(provider.pk)
    assert asked == [str(first)], "the lowest is asked about first"
    assert lost_of(low).state == State.SEARCHING
    assert LostAnswer.objects.filter(due_at__lte=timezone.now()).count() == 2
    search_due(provider.pk)
    assert asked == sorted(set(asked)), "it goes on where it stopped"
    assert (lost_of(low).state, lost_of(high).state) == (State.WHOLE, State.WHOLE)


def test_a_worker_takes_some_and_no_other_takes_those(
    customer: User, service: Service, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [lose(customer, service, state="waiting") for _ in range(21)]
    begun = timezone.now()
    LostAnswer.objects.update(due_at=begun - timedelta(hours=1))
    LostAnswer.objects.filter(attempt__order=lost[0]).update(due_at=begun)
    beside: list[int] = []

    def look_beside(*_: object) -> None:
        if not beside:
            beside.append(LostAnswer.objects.get(due_at__lte=timezone.now()).attempt.order_id)
            leases = LostAnswer.objects.filter(due_at__gte=begun + timedelta(seconds=60))
            assert leases.filter(due_at__lt=timezone.now() + timedelta(seconds=60)).count() == 20
            beside.append(search_due(provider.pk))

    monkeypatch.setattr("orders.tracing._note_balances", look_beside)
    assert search_due(provider.pk) == 20
    assert beside == [lost[0].pk, 1]
    LostAnswer.objects.update(due_at=begun)
    assert search_due(provider.pk) == 21


def test_another_providers_lost_answers_are_left_alone(provider: Provider, customer: User) -> None:
    lose(customer, make_service(), state="waiting")
    LostAnswer.objects.update(due_at=timezone.now())
    assert search_due(provider.pk) == 0
    assert LostAnswer.objects.filter(due_at__lte=timezone.now()).exists()


def test_a_halted_provider_is_left_alone(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy()
    buy(700, LOST)
    buy()
    Provider.objects.filter(pk=adopting.pk).update(halted_at=timezone.now(), halt_rule="key")
    calls = sum(sandbox.calls.values())
    search(adopting)
    assert sum(sandbox.calls.values()) == calls


def test_when_the_time_is_up_the_rest_is_due_at_once(buy: Callable[..., Order], adopting: Provider) -> None:
    buy()
    lost = buy(700, LOST)
    buy()
    LostAnswer.objects.update(due_at=timezone.now())
    search_due(adopting.pk, seconds=0)
    row = lost_of(lost)
    assert row.due_at is not None
    assert row.due_at <= timezone.now()
    search_due(adopting.pk)
    assert fresh(lost).status == "pending"


def test_a_missing_reading_of_the_balance_is_asked_for_and_kept(
    buy: Callable[..., Order], provider: Provider, sandbox: SandboxServer
) -> None:
    Provider.objects.filter(pk=provider.pk).update(
        balance=Decimal(100_000), balance_text="100000", balance_at=timezone.now() - timedelta(seconds=30)
    )
    before, lost = buy(), buy(700, LOST)
    search(provider)
    attempt = Attempt.objects.get(order=lost)
    assert attempt.balance_before == 100_000
    assert attempt.balance_before_text == "100000"
    assert attempt.balance_after == sandbox.balance == 99_830
    assert attempt.balance_after_text == Provider.objects.get().balance_text != "100000"
    assert Attempt.objects.get(order=before).balance_after is None
    assert attempt.balance_after_at is not None
    assert attempt.balance_before_at is not None
    assert attempt.balance_before_at < attempt.started_at < attempt.balance_after_at


@pytest.mark.parametrize("answer", [DROPPED, saying('{"balance": "much"}')])
@pytest.mark.parametrize("known", [True, False])
def test_a_balance_that_cannot_be_read_keeps_nothing_from_being_found(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, known: bool, answer: Any
) -> None:
    if known:
        Provider.objects.update(balance=1, balance_text="1", balance_at=timezone.now())
    buy()
    lost, alike = buy(700, LOST), buy(800, LOST)
    buy()
    sandbox.script("balance", answer, times=9)
    search(adopting)
    assert {fresh(order).status for order in (lost, alike)} == {"pending"}
    assert not Attempt.objects.exclude(balance_after_at=None).exists()


# --- What a provider may do to a search -------------------------------------------------------------------


def test_an_id_that_is_never_answered_stops_its_own_window_alone(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, settings: Any
) -> None:
    settings.LOST_SEARCH_CALLS = 3
    buy()
    buy()
    denied = buy(700, LOST)
    buy()
    found = buy(800, LOST)
    buy()
    Provider.objects.filter(pk=adopting.pk).update(answers_for_many=False)
    for _ in range(3):
        if lost_of(denied).due_at is not None:
            sandbox.script("status", saying('{"error": "Access denied to this order"}'))
        search(adopting)
    assert (lost_of(denied).state, lost_of(denied).calls) == (State.STOPPED, 3)
    assert (fresh(denied).status, fresh(found).status) == ("uncertain", "pending")


@pytest.mark.parametrize("answered", ["{}", "[]", '[{"status": "Pending"}]'])
def test_an_answer_about_many_that_leaves_ids_out_costs_no_more_calls_than_are_allowed(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, settings: Any, answered: str
) -> None:
    settings.LOST_SEARCH_CALLS = 10
    buy()
    lost = buy(700, LOST)
    buy(1000, saying('{"order": "2000"}'))
    Provider.objects.filter(pk=adopting.pk).update(answers_for_many=True)
    calls = sandbox.calls["status"]
    sandbox.script("status", saying(answered))
    search(adopting)
    assert sandbox.calls["status"] - calls == lost_of(lost).calls == 10
    assert lost_of(lost).state == State.STOPPED


def test_what_the_provider_denies_now_is_no_candidate_any_more(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(700, ERROR_BEFORE)
    number = int(buy(1000, saying('{"order": "1244"}')).provider_order_id or 0) - 1
    Candidate.objects.create(
        provider=adopting,
        number=number,
        charge=70,
        status_text="pending",
        remains=700,
        seen_at=timezone.now(),
    )
    others = candidate(make_service(), number)
    search(adopting)
    assert fresh(lost).status == "uncertain"
    assert Candidate.objects.get() == others


def test_candidates_of_another_account_are_none(
    buy: Callable[..., Order], provider: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(700, LOST)
    buy()
    search(provider)
    assert not found_nothing(lost)
    Provider.objects.filter(pk=provider.pk).update(account_since=timezone.now())
    assert found_nothing(lost)


def test_an_id_that_two_orders_were_given_leaves_both_attempts_unexplained(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    first = buy()
    taken = buy(700, saying(f'{{"order": "{first.provider_order_id}"}}', accepts=True))
    alike = buy(700, DROPPED)
    buy()
    search(adopting)
    assert Attempt.objects.get(order=taken).provider_order_id == ""
    assert (fresh(taken).status, fresh(alike).status) == ("uncertain", "uncertain")
    assert Candidate.objects.count() == 1


def test_a_provider_that_is_set_to_ask_meanwhile_is_not_adopted_for(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = buy(700, LOST)
    row, number = lost_of(lost), int(accepted(sandbox, lost)[0])
    make_provider(lost_answers="adopt")
    Provider.objects.filter(pk=adopting.pk).update(lost_answers="ask")
    assert not adopt(row, number=number)
    assert fresh(lost).status == "uncertain"
    Provider.objects.filter(pk=adopting.pk).update(lost_answers="adopt")
    assert adopt(row, number=number)


@pytest.mark.parametrize(("key", "status"), [("", "uncertain"), ("another", "pending")])
def test_an_account_that_two_providers_share_is_not_the_panels_alone(
    buy: Callable[..., Order], adopting: Provider, key: str, status: str
) -> None:
    make_provider(name="The same", url=adopting.url, key=key or adopting.key)
    buy()
    lost = buy(700, LOST)
    buy()
    search(adopting)
    assert fresh(lost).status == status


def test_a_provider_whose_key_nobody_can_read_may_share_the_account(
    buy: Callable[..., Order], adopting: Provider
) -> None:
    with override_settings(SECRET_KEY="of another machine"):
        make_provider(url=adopting.url)
    buy()
    lost = buy(700, LOST)
    buy()
    search(adopting)
    assert fresh(lost).status == "uncertain"


def test_where_not_all_is_looked_at_nothing_is_sure(
    buy: Callable[..., Order], adopting: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.matching.MOST", 2)
    buy()
    lost = [buy(700 + number, LOST) for number in range(2)]
    buy()
    search(adopting)
    assert {fresh(order).status for order in lost} == {"uncertain"}


# --- Many ids per call ------------------------------------------------------------------------------------


@pytest.fixture
def classic(db: None, clock: Any) -> Any:
    """A sandbox that answers about many orders in one call, and whose ids grow by leaps."""
    options = Settings(services=5, life_seconds=60, spam_seconds=0, dialect="classic", order_gap=40)
    with SandboxServer(options, clock=clock) as server:
        yield server


@pytest.fixture
def many(customer: User, classic: SandboxServer) -> tuple[Provider, Callable[..., Order]]:
    """The account at it, and what places an order there and sends it."""
    provider = make_provider(url=classic.url, key=classic.key, lost_answers="adopt")
    classic.services.change(1, rate=Decimal(100), min=100, max=50_000)
    service = make_service(provider, provider_service_id="1", cost=Decimal(100), price=Decimal(130))
    return provider, buyer(customer, service, classic)


def test_a_provider_that_can_is_asked_about_many_at_once(
    many: tuple[Provider, Callable[..., Order]], classic: SandboxServer
) -> None:
    provider, buy = many
    buy()
    buy()
    lost = buy(777, LOST)
    buy()
    calls = classic.calls["status"]

    search(provider)

    assert fresh(lost).provider_order_id == accepted(classic, lost)[0]
    provider.refresh_from_db()
    assert provider.answers_for_many is True
    assert classic.calls["status"] - calls == 2  # one to learn that it can, one for all ids


@pytest.mark.parametrize(("ids", "calls"), [(2, [2]), (250, [100, 100, 50])])
def test_it_asks_about_each_id_once_in_as_few_calls_and_statements_as_can_be(
    many: tuple[Provider, Callable[..., Order]],
    classic: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: Any,
    ids: int,
    calls: list[int],
) -> None:
    provider, buy = many
    buy()
    before, lost = buy(), buy(777, DROPPED)
    first = int(before.provider_order_id or 0) + 1
    buy(1000, saying(f'{{"order": "{first + ids}"}}'))
    Provider.objects.filter(pk=provider.pk).update(answers_for_many=True)
    asked = asked_of(classic, monkeypatch)
    with django_assert_max_num_queries(60 + ids):  # one of each id forgets what was found under it
        search(provider)
    named = [call.split(",") for call in asked]
    assert [len(call) for call in named] == calls
    assert [number for call in named for number in call] == [str(first + at) for at in range(ids)]
    assert found_nothing(lost)


def test_what_was_not_asked_about_is_not_taken_for_searched(
    many: tuple[Provider, Callable[..., Order]], classic: SandboxServer, settings: Any
) -> None:
    settings.LOST_SEARCH_CALLS = 1
    provider, buy = many
    before, lost = buy(), buy(777, DROPPED)
    last_asked = int(before.provider_order_id or 0) + 100
    buy(1000, saying(f'{{"order": "{last_asked + 50}"}}'))
    Provider.objects.filter(pk=provider.pk).update(answers_for_many=True)
    search(provider)
    row = lost_of(lost)
    assert (row.state, row.calls, row.asked_to) == (State.STOPPED, 1, last_asked)
    assert not found_nothing(lost)


def test_a_provider_that_cannot_is_asked_one_by_one(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer, asked: list[str]
) -> None:
    known = [buy(), buy()]
    lost = buy(700, LOST)
    known.append(buy())
    accept(place(lost.customer, make_service()), "77")
    search(adopting)
    adopting.refresh_from_db()
    assert adopting.answers_for_many is False
    assert asked == [f"{known[2].provider_order_id},{known[1].provider_order_id}", *accepted(sandbox, lost)]
    assert fresh(lost).status == "pending"


def test_another_account_is_tried_anew(adopting: Provider) -> None:
    Provider.objects.filter(pk=adopting.pk).update(answers_for_many=True)
    adopting.url += "/"
    save_provider(adopting)
    adopting.refresh_from_db()
    assert adopting.answers_for_many is None


def test_many_lost_answers_cost_each_id_one_call(
    buy: Callable[..., Order], adopting: Provider, sandbox: SandboxServer
) -> None:
    buy()
    lost = [buy(700 + number, LOST) for number in range(10)]
    buy()
    calls = sandbox.calls["status"]
    search(adopting)
    assert {fresh(order).status for order in lost} == {"pending"}
    assert sandbox.calls["status"] - calls <= 10 + 1
    assert all(isinstance(row, Accepted) for row in sandbox.journal.accepted)
    assert (findings(), forward(adopting)) == ([], 0)

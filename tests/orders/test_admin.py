import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.halting import halt
from catalog.models import Provider, Service
from orders.life import Event, note
from orders.models import Attempt, Order, OrderEvent
from orders.polling import record_answer
from tests.factories import LINK, credit, fill_table, make_provider, make_service, place
from tests.orders.acting import accept, said
from tests.orders.losses import candidate
from tests.pages import found
from wallet.models import Transfer


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def get(browser: Browser, path: str, **query: object) -> str:
    answer = browser.get(f"/admin/orders/{path}", query)
    assert answer.status_code == 200
    return answer.content.decode()


# --- The list ---------------------------------------------------------------------------------------------


def test_the_list_shows_what_matters(operator: Browser, order: Order) -> None:
    accept(order, "p-77")
    record_answer(order.pk, said("partial", remains=100))
    long = "https://example.com/" + "long" * 30
    Order.objects.update(link=long)

    shown = get(operator, "order/")

    amounts = ("130.00\xa0RUB", "13.00\xa0RUB", "1,000")
    for words in ("alice@example.com", "Подписчики", *amounts, "p-77", "Partial"):
        assert words in shown
    assert f'title="{long}"' in shown
    assert f">{long}<" not in shown


@pytest.fixture
def two(order: Order, boris: User) -> tuple[Order, Order]:
    """Alice's order, which Sandbox has as p-1, and Boris's at another provider, which has it as p-2."""
    credit(boris, 1000)
    other = place(boris, make_service(make_provider(name="Other")), link="https://example.com/other?a=b")
    return accept(order, "p-1"), accept(other, "p-2")


@pytest.mark.parametrize(
    "term",
    ["{0.pk}", "#{0.pk}", " p-1 ", "https://example.com/channel", "alice@example.com", "Alice@Example.com"],
)
def test_an_order_is_found(two: tuple[Order, Order], term: str) -> None:
    assert list(found(Order, term.format(*two))) == [two[0]]


@pytest.mark.parametrize(
    "term",
    ["p-", "example.com", "https://example.com", "alice", "x@y.z", "9" * 30, "²", "0", "%", "\x00'"[1:]],
)
def test_parts_and_nonsense_find_nothing(operator: Browser, two: tuple[Order, Order], term: str) -> None:
    assert not found(Order, term).exists()
    assert "alice@example.com" not in get(operator, "order/", q=term)


def test_a_link_is_found_by_all_of_it(order: Order) -> None:
    start = "https://example.com/" + "ж" * 300
    Order.objects.update(link=start + "1")

    assert not found(Order, start + "2").exists()
    assert found(Order, start + "1").get() == order


@pytest.mark.tampers  # the orders that fill the table were paid by nobody
@pytest.mark.parametrize(
    ("term", "index"),
    [
        ("p-1", "orders_order_provider_id"),
        ("https://example.com/channel", "orders_order_link_start"),
        ("alice@example.com", "orders_order_(of_cust|one_per_request)"),  # they begin with the customer
    ],
)
def test_a_search_meets_its_index(two: tuple[Order, Order], term: str, index: str) -> None:
    others = [{"provider_order_id": f"f-{number}", "link": f"{LINK}/{number}"} for number in range(500)]
    fill_table(others, like=two[1])

    plan = found(Order, term).order_by().explain()

    assert re.search(index, plan)
    assert "SCAN orders_order\n" not in f"{plan}\n"


def test_filters(operator: Browser, two: tuple[Order, Order]) -> None:
    first, second = two
    Order.objects.filter(pk=first.pk).update(status="held", cancel_state="wanted", provider_order_id=None)
    first.attempts.update(outcome="unknown_text", provider_order_id="")

    for query in (
        {"status__exact": "held"},
        {"provider": first.provider_id},
        {"cancel_state__exact": "wanted"},
        {"customer__id__exact": first.customer_id},
    ):
        shown = get(operator, "order/", **query)
        assert f"/admin/orders/order/{first.pk}/change/" in shown, query
        assert f"/admin/orders/order/{second.pk}/change/" not in shown, query


def test_every_status_has_its_word(operator: Browser, order: Order) -> None:
    for status in ("queued", "sending", "uncertain", "held", "canceled"):
        ended_at = timezone.now() if status == "canceled" else None
        Order.objects.update(status=status, ended_at=ended_at)
        cell = get(operator, "order/").partition('data-label="status"')[2].partition("</td>")[0]
        assert str(Order.Status(status).label) in cell
    Order.objects.update(status="queued", ended_at=None)


def test_a_lost_secret_key_leaves_the_pages_usable(
    operator: Browser, olga: User, order: Order, settings: Any
) -> None:
    now = timezone.now()
    Attempt.objects.create(
        order=order, provider=order.provider, started_at=now, lease_until=now, outcome="later", ended_at=now
    )
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [], "another"
    operator.force_login(olga)

    for path in (
        "order/",
        f"order/{order.pk}/change/",
        "attempt/",
        f"attempt/{Attempt.objects.get().pk}/change/",
    ):
        get(operator, path)


def test_what_lies_deep_is_not_counted(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    of_orders = admin.site.get_model_admin(Order)
    place(order.customer, order.service)
    paginator = of_orders.paginator(Order.objects.order_by("-id"), 1)
    monkeypatch.setattr(of_orders.paginator, "most", 1)

    with CaptureQueriesContext(connection) as asked:
        assert paginator.count == 1
    assert "LIMIT 1" in asked[0]["sql"]


# --- One order --------------------------------------------------------------------------------------------


def test_an_order_shows_its_story_its_calls_and_its_money(
    operator: Browser, order: Order, olga: User
) -> None:
    accept(order, "p-77")
    now = timezone.now()
    Attempt.objects.create(
        order=order,
        provider=order.provider,
        started_at=now,
        lease_until=now + timedelta(minutes=5),
        ended_at=now,
        outcome="unknown_text",
        rule="unknown_text",
        http_status=418,
        answer='{"error": "<b>teapot</b>"}',
    )
    note(order, Event.STATUS, from_status="queued", to_status="pending", actor=olga, detail="<i>words</i>")
    record_answer(order.pk, said("partial", remains=100))

    shown = get(operator, f"order/{order.pk}/change/")

    for words in ("418", "unknown_text", "&lt;b&gt;teapot", "Queued → Pending", "&lt;i&gt;words", "p-77"):
        assert words in shown
    assert "13.00\xa0RUB" in shown
    assert "117.00\xa0RUB" in shown  # kept
    for transfer in Transfer.objects.filter(subject_id=order.pk):
        assert f"/admin/wallet/transfer/{transfer.pk}/change/" in shown
    assert f"/admin/accounts/user/{order.customer_id}/change/" in shown
    assert "/admin/orders/order/?q=alice%40example.com" in shown
    assert "/admin/wallet/entry/?q=alice%40example.com" in shown


def test_nothing_of_an_order_can_be_typed_in(operator: Browser, order: Order) -> None:
    shown = get(operator, f"order/{order.pk}/change/")

    form = shown.partition('id="order_form"')[2].partition("</form>")[0]
    assert form
    for name in (field.name for field in Order._meta.fields):
        assert f'name="{name}"' not in form
    assert 'name="_save"' not in shown


def test_a_long_story_costs_no_more(operator: Browser, order: Order, olga: User) -> None:
    found_at = []
    get(operator, f"order/{order.pk}/change/")  # what a process asks once
    for size in (10, 190):
        now = timezone.now()
        OrderEvent.objects.bulk_create(
            OrderEvent(order=order, kind=Event.WAITS, actor=olga, at=now) for _ in range(size)
        )
        Attempt.objects.bulk_create(
            Attempt(
                order=order,
                provider=order.provider,
                started_at=now,
                lease_until=now,
                outcome="later",
                ended_at=now,
            )
            for _ in range(size)
        )
        with CaptureQueriesContext(connection) as asked:
            get(operator, f"order/{order.pk}/change/")
        found_at.append(len(asked))

    assert found_at[0] == found_at[1]


def test_a_queued_order_says_what_keeps_it_from_being_sent(operator: Browser, order: Order) -> None:
    halt(order.provider, rule="key", text="Invalid <b>API</b> key")
    Service.objects.update(held_text="Its bounds <i>lie</i>.")
    Provider.objects.update(is_active=False, paced_until=timezone.now() + timedelta(minutes=5))

    html = get(operator, f"order/{order.pk}/change/")

    told = re.findall(r'<div><a class="[^"]*" href="([^"]*)">[^<]*</a>: (.*?)</div>', html)
    provider = f"/admin/catalog/provider/{order.provider_id}/change/"
    assert [link for link, _ in told] == [
        *[provider] * 3,
        f"/admin/catalog/service/{order.service_id}/change/",
    ]
    said = [re.sub(r"<[^>]*>", "", why) for _, why in told]
    assert said[0] == "not active"
    assert re.fullmatch(
        r"halted since .*: the key or the account is refused key; “Invalid &lt;b&gt;.*", said[1]
    )
    assert said[2].startswith("asked to wait until")
    assert said[3] == "held: Its bounds &lt;i&gt;lie&lt;/i&gt;."


def test_one_that_is_sent_in_a_moment_is_kept_by_nothing(operator: Browser, order: Order) -> None:
    assert "halted since" not in get(operator, f"order/{order.pk}/change/")
    halt(order.provider, rule="key", text="…")
    accept(order)
    assert "halted since" not in get(operator, f"order/{order.pk}/change/")


def test_codes_are_told_in_words_and_a_providers_words_are_quoted(operator: Browser, order: Order) -> None:
    silence, words = "no answer (RemoteDisconnected)", "The <b>moon</b> is too bright"
    at = timezone.now()
    attempt = Attempt.objects.create(
        order=order, provider=order.provider, started_at=at, lease_until=at, outcome="later", rule="http_5xx"
    )
    note(order, Event.UNCERTAIN, from_status="sending", to_status="uncertain", detail=silence)
    note(order, Event.HELD, detail=words)
    note(order, Event.SETTLED, detail="they said so")
    event = OrderEvent.objects.get(kind="uncertain")

    Order.objects.update(reason=silence)
    of_order = get(operator, f"order/{order.pk}/change/")
    pages = (
        (of_order, get(operator, "orderevent/"), get(operator, f"orderevent/{event.pk}/change/")),
        (of_order, get(operator, "attempt/"), get(operator, f"attempt/{attempt.pk}/change/")),
    )

    assert of_order.count("no answer came") == 2  # its reason, and its event's
    for html in pages[0]:
        assert re.search(r"no answer came <code [^>]*>no answer \(RemoteDisconnected\)</code>", html)
        assert "Sending → Uncertain" in html
    for html in pages[0][:2]:
        assert "“The &lt;b&gt;moon&lt;/b&gt; is too bright”" in html
        assert "“they said so”" not in html
    for html in pages[1]:
        assert re.search(r"the provider&#x27;s server failed <code [^>]*>http_5xx</code>", html)


def test_a_candidates_status_is_told_by_its_label(operator: Browser, order: Order) -> None:
    known = candidate(order.service, 501, status_text="in_progress")
    candidate(order.service, 502, status_text="<b>Odd</b>")

    for html in (get(operator, "candidate/"), get(operator, f"candidate/{known.pk}/change/")):
        assert "In progress" in html
        assert "in_progress" not in html
    assert "“&lt;b&gt;Odd&lt;/b&gt;”" in get(operator, "candidate/")


# --- Attempts and events ----------------------------------------------------------------------------------


def test_attempts_and_events_are_found_by_their_order(operator: Browser, two: tuple[Order, Order]) -> None:
    for model, path in ((Attempt, "attempt"), (OrderEvent, "orderevent")):
        assert {row.order for row in found(model, f"#{two[0].pk}")} == {two[0]}
        assert not found(model, "alice").exists()
        rows = get(operator, f"{path}/", q=two[1].pk)
        assert f"/admin/orders/{path}/{model.objects.get(order=two[1]).pk}/change/" in rows
        assert f"/admin/orders/{path}/{model.objects.get(order=two[0]).pk}/change/" not in rows


def test_services_with_hostile_names_are_words(operator: Browser, order: Order) -> None:
    Service.objects.update(name="<script>alert(1)</script>")

    shown = get(operator, "order/")
    assert "&lt;script&gt;alert" in shown
    assert "<script>alert" not in shown

"""The desk: what needs a person, today's and the month's figures, pictures; each part for whom it is for."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from accounts.models import User
from catalog.models import BalanceReading, Provider, Service
from operations.alerting import raise_alert
from operations.models import Alert, JobRun
from orders.models import DayTotals, Order
from orders.polling import record_answer
from orders.refunding_by_hand import refund_by_hand
from orders.totals import bring_up_to_date
from panel.counting import MOST
from panel.desk_attention import Need
from tests.factories import credit, fill_table, give_role, make_provider, make_service, make_user, place
from tests.orders.acting import accept, said
from tests.pages import Browser, html, queries_of, text

NOON = datetime(2030, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[time_machine.Traveller]:
    """Let it be noon of one day in March."""
    with time_machine.travel(NOON, tick=False) as travel:
        yield travel


@pytest.fixture
def provider(db: None) -> Provider:
    return make_provider(name="Sandbox")


@pytest.fixture
def service(provider: Provider) -> Service:
    return make_service(provider, cost=Decimal(100), price=Decimal(130))


@pytest.fixture
def order(alice: User, service: Service) -> Order:
    """Alice's order of 1000 for 130, which costs us 100."""
    credit(alice, 1000)
    return place(alice, service)


def staff(*rights: str) -> User:
    """Save a member of staff with these rights."""
    user = make_user(is_staff=True)
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def of_role(role: str) -> User:
    """Save a member of staff with a role's rights."""
    user = make_user(is_staff=True)
    give_role(user, role)
    return user


def desk(user: User, query: str = "", language: str = "en") -> Any:
    """Return the desk as somebody sees it."""
    answer = Browser(user, language).get(f"/admin/{query}")
    assert answer.status_code == 200
    return answer


def needs(page: Any) -> list[tuple[str, str, str]]:
    """Return what needs a person: how much, of what, and the address of its rows."""
    section = re.search(r'<section[^>]*id="desk-needs">.*?</section>', page.content.decode(), re.DOTALL)
    assert section
    found = []
    for link, inside in re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', section[0], re.DOTALL):
        _, count, words = re.findall(r"<span[^>]*>(.*?)</span>", inside, re.DOTALL)
        found.append((unescape(count), unescape(words), unescape(link)))
    return found


def rows_behind(user: User, link: str) -> int:
    """Return how many rows the list shows that a figure links to."""
    answer = Browser(user).get(link)
    assert answer.status_code == 200, link
    return len(answer.context["page"] if "page" in answer.context else answer.context["cl"].result_list)


def charts(page: Any) -> dict[str, dict[str, list[object]]]:
    """Return the pictures: title, then lines with their values."""
    found = {}
    for data, title in re.findall(
        r'<canvas class="chart"[^>]*data-value="([^"]*)"[^>]*aria-label="([^"]*)"', page.content.decode()
    ):
        lines = json.loads(unescape(data))["datasets"]
        found[unescape(title)] = {line["label"]: line["data"] for line in lines}
    return found


# --- What needs a person ----------------------------------------------------------------------------------


def test_a_quiet_site_says_so(olga: User) -> None:
    page = desk(olga)

    assert needs(page) == []
    assert "Nothing: all is well." in text(page)


def test_each_trouble_leads_to_its_rows(olga: User, order: Order, provider: Provider) -> None:
    JobRun.objects.create(task="orders.tasks.write_totals", outcome="failed", ended_at=timezone.now())
    held = make_service(provider, held_text="It costs too much.")
    late = place(order.customer, make_service())
    forgotten = accept(place(order.customer, make_service()), ago=timedelta(days=8))
    Order.objects.filter(pk=order.pk).update(status="uncertain", due_at=None)
    Order.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(minutes=16))
    make_provider(halted_at=timezone.now(), halt_rule="funds")
    make_provider(low_balance=Decimal(50), balance=Decimal("49.99"))
    raise_alert(Alert.Kind.STAFF_LOGIN_FAILED, cause="user:1", text="Somebody guesses.")

    found = needs(desk(olga))

    assert [(count, words) for count, words, _ in found] == [
        ("1", "uncertain order"),
        ("1", "order waits to be sent, though nothing keeps it"),
        ("1", "order is under way for over a week"),
        ("1", "held service"),
        ("1", "account of staff with failed logins"),
        ("1", "open alert"),
        ("1", "halted provider"),
        ("1", "provider with a low balance"),
        ("1", "failed job"),
    ]
    assert [rows_behind(olga, link) for _, _, link in found] == [1] * len(found)
    assert found[0][2] == "/admin/orders/order/waiting/?status=uncertain"
    assert Service.objects.get(pk=held.pk).held_text
    assert forgotten.status == "pending"


def test_who_may_not_decide_is_led_to_the_list(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status="uncertain", due_at=None)
    reader = staff("orders.view_order")

    (found,) = needs(desk(reader))

    assert found[2] == "/admin/orders/order/?status__exact=uncertain"
    assert rows_behind(reader, found[2]) == 1


def test_what_is_kept_from_being_sent_is_not_stuck(olga: User, order: Order, provider: Provider) -> None:
    Order.objects.filter(pk=order.pk).update(due_at=timezone.now() - timedelta(hours=1))
    Provider.objects.filter(pk=provider.pk).update(halted_at=timezone.now())

    assert [words for _, words, _ in needs(desk(olga))] == ["halted provider"]


@pytest.mark.tampers
def test_nobody_counts_beyond_a_thousand(olga: User, order: Order) -> None:
    fill_table([{"status": "held", "due_at": None}] * (MOST + 5), like=order)

    with CaptureQueriesContext(connection) as asked:
        [(count, words, _)] = needs(desk(olga))

    assert (count, words) == ("1,000+", "held orders")
    counting = [one["sql"] for one in asked if "COUNT" in one["sql"] and "orders_order" in one["sql"]]
    assert counting
    assert all("LIMIT" in sql or "created_at" in sql for sql in counting)


def test_a_count_is_shown_in_the_reader_s_manner() -> None:
    with translation.override("en"):
        shown = [Need(count, "", "", "").shown_count for count in (999, MOST, MOST + 1)]
    assert shown == ["999", "1,000", "1,000+"]


# --- Figures ----------------------------------------------------------------------------------------------


def figures(page: Any, title: str) -> dict[str, tuple[str, str, str]]:
    """Return a span's figures: name, then now, before, and the address of its rows."""
    [span] = [one for one in page.context["spans"] if one.title == title]
    blank = "\u00a0"
    return {
        one.title: (one.now.replace(blank, " "), one.before.replace(blank, " "), one.link)
        for one in span.figures
    }


def test_today_and_the_month_beside_the_time_before(
    olga: User, order: Order, at_noon: time_machine.Traveller
) -> None:
    record_answer(accept(order).pk, said("partial", remains=400))
    at_noon.move_to(NOON + timedelta(days=1))
    place(order.customer, order.service, quantity=2000)
    page = desk(olga)

    today, month = figures(page, "Today"), figures(page, "This month")

    assert {name: values[:2] for name, values in today.items()} == {
        "Orders": ("1", "1"),
        "Turnover": ("260.00 RUB", "130.00 RUB"),
        "Cost": ("200.00 RUB", "100.00 RUB"),
        "Margin": ("60.00 RUB", "18.00 RUB"),
        "Refunds": ("0.00 RUB", "52.00 RUB"),
        "New customers": ("0", "1"),
    }
    assert {name: values[:2] for name, values in month.items()} == {
        "Orders": ("2", "0"),
        "Turnover": ("390.00 RUB", "0.00 RUB"),
        "Cost": ("300.00 RUB", "0.00 RUB"),
        "Margin": ("78.00 RUB", "0.00 RUB"),
        "Refunds": ("52.00 RUB", "0.00 RUB"),
        "New customers": ("1", "0"),
    }
    assert rows_behind(olga, today["Orders"][2]) == 1
    assert rows_behind(olga, month["Orders"][2]) == 2
    assert rows_behind(olga, month["Refunds"][2]) == 1
    assert rows_behind(olga, month["New customers"][2]) == 1


def test_a_long_month_is_compared_with_all_of_a_short_one(
    olga: User, at_noon: time_machine.Traveller
) -> None:
    at_noon.move_to(datetime(2030, 3, 31, 12, tzinfo=UTC))
    assert "02/01/2030 – 02/28/2030" in html(desk(olga))


def test_who_may_not_see_rows_sees_figures_without_links(order: Order) -> None:
    page = desk(staff("orders.view_daytotals"))

    assert {values[2] for values in figures(page, "Today").values()} == {""}


# --- Pictures ---------------------------------------------------------------------------------------------


def read(provider: Provider, *, at: datetime, balance: str, currency: str = "RUB") -> None:
    BalanceReading.objects.create(provider=provider, at=at, balance=Decimal(balance), currency=currency)


def test_pictures_of_the_days_chosen(olga: User, order: Order, provider: Provider) -> None:
    for hour, balance in ((1, "500"), (2, "120.5"), (3, "300")):
        read(provider, at=NOON.replace(hour=hour), balance=balance)

    shown = charts(desk(olga, "?first=2030-03-14&last=2030-03-15"))

    assert shown == {
        "Orders": {"Orders": [0, 1]},
        "Turnover and margin, RUB": {"Turnover": ["0.00", "130.00"], "Margin": ["0.00", "30.00"]},
        "New customers": {"New customers": [0, 1]},
        "Lowest balance of the day, RUB": {"Sandbox": [None, "120.50"]},
    }


def test_a_line_has_one_currency(olga: User, provider: Provider, at_noon: time_machine.Traveller) -> None:
    read(provider, at=NOON - timedelta(days=1), balance="9000")
    read(provider, at=NOON, balance="100", currency="USD")
    days = "?first=2030-03-14&last=2030-03-15"
    assert charts(desk(olga, days)) == {"Lowest balance of the day, RUB": {"Sandbox": ["9000.00", None]}}

    Provider.objects.update(currency="USD")
    assert charts(desk(olga, days)) == {"Lowest balance of the day, USD": {"Sandbox": [None, "100.00"]}}


def test_days_long_past(olga: User, order: Order) -> None:
    assert charts(desk(olga, "?first=2029-01-01&last=2029-01-31")) == {}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?first=2030-03-15&last=2030-03-14", "Choose a day before the last one."),
        ("?last=2030-03-16", "This day is still to come."),
        ("?first=2029-03-14", "Choose at most a year."),
        ("?first=0001-01-01&last=0001-01-01", "Choose a later day."),
        ("?first=9999-12-31&last=9999-12-31", "This day is still to come."),
        ("?first=nonsense", "Enter a valid date."),
        ("?first=%27%22%3E%3Cscript%3E", "Enter a valid date."),
    ],
)
def test_days_that_are_refused(olga: User, order: Order, query: str, words: str) -> None:
    page = desk(olga, query)

    assert words in text(page)
    assert len(charts(page)["Orders"]["Orders"]) == 30


def test_no_script_stands_in_the_page(olga: User, order: Order) -> None:
    make_provider(name="</canvas><script>alert(1)</script>")

    page = desk(olga).content.decode()

    assert "<script>alert" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", page.split('<section class="mb-8"')[1])


# --- How it runs ------------------------------------------------------------------------------------------


def test_how_old_the_oldest_due_order_is(olga: User, order: Order, provider: Provider) -> None:
    Order.objects.filter(pk=order.pk).update(due_at=timezone.now() - timedelta(minutes=7))

    assert "its oldest order waits to be sent for 7 minutes" in html(desk(olga))


def test_workers(olga: User) -> None:
    assert "none has ever run" in text(desk(olga))
    JobRun.objects.create(task="orders.tasks.write_totals", started_at=NOON - timedelta(minutes=3))
    assert "no sign of life: the last one was 3 minutes ago" in html(desk(olga))
    JobRun.objects.update(started_at=NOON - timedelta(seconds=30))
    assert "last sign of life 30 seconds ago" in html(desk(olga))


# --- Whose desk it is -------------------------------------------------------------------------------------


def test_support_sees_no_money(order: Order, provider: Provider) -> None:
    Provider.objects.filter(pk=provider.pk).update(balance=Decimal("777.77"))
    Order.objects.filter(pk=order.pk).update(status="held", due_at=None)

    page = desk(of_role("support"))

    assert [words for _, words, _ in needs(page)] == ["held order"]
    assert "spans" not in page.context
    assert charts(page) == {}
    for secret in ("RUB", "777", "130", "margin.csv"):
        assert secret not in text(page), secret


def test_staff_without_rights_are_told_whom_to_ask(sasha: User, order: Order) -> None:
    page = desk(sasha)

    assert "There is nothing here for you yet" in text(page)
    assert "desk-needs" not in re.sub(r"<link[^>]*>", "", html(page))


def test_balances_are_for_who_may_see_them(order: Order, provider: Provider) -> None:
    Provider.objects.filter(pk=provider.pk).update(balance=Decimal("777.77"))

    assert "777" not in text(desk(staff("catalog.view_provider")))
    assert "777" in text(desk(staff("catalog.view_provider", "catalog.view_balancereading")))


@pytest.mark.parametrize("language", ["ru", "en"])
def test_both_languages(olga: User, order: Order, language: str) -> None:
    desk(olga, language=language)


# --- What it costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["owner", "manager", "support", "accountant", ""])
def test_a_fixed_number_of_statements(olga: User, order: Order, role: str) -> None:
    user = of_role(role) if role else olga
    browser: Any = Browser(user)
    few = queries_of(lambda: browser.get("/admin/"))
    for _ in range(20):
        credit(one := make_user(), 1000)
        place(one, make_service())
        make_provider()
        raise_alert(Alert.Kind.ORDER_HELD, cause=one.email, text="It is held.")
    refund_by_hand(accept(order).pk, amount=Decimal(5), seen=Decimal(0), actor=olga, why="sorry")

    many = queries_of(lambda: browser.get("/admin/"))

    assert few == many <= 15


def test_days_that_are_written_are_not_counted_again(
    olga: User, order: Order, at_noon: time_machine.Traveller
) -> None:
    at_noon.move_to(NOON + timedelta(days=2))
    before = figures(desk(olga), "This month")
    assert bring_up_to_date() == 2

    with CaptureQueriesContext(connection) as asked:
        after = figures(desk(olga), "This month")

    assert after == before
    placed = [one["sql"] for one in asked if "SUM" in one["sql"].upper() and "orders_order" in one["sql"]]
    assert placed
    assert all("2030-03-17" in sql for sql in placed)
    assert DayTotals.objects.count() == 2

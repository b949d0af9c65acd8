"""A provider that means harm, on a socket: what becomes of the catalogue, the balance and the pages."""

import json
import tracemalloc
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import User
from catalog.balances import refresh_balance
from catalog.models import ON_SALE, Provider, Service, SyncRun
from catalog.syncing import sync_catalog
from operations.models import Alert
from orders.models import Order
from tests.catalog.conftest import Site, row
from tests.factories import credit
from tests.upstream.hostile import (
    BAD,
    GOOD_FOR_ALL,
    HEAVY,
    HOSTILE_TEXT,
    NUMBERS,
    assert_harmless,
    impatient,
    json_text,
    moved,
)
from tests.upstream.scripted import answer, scripted_server

DONE = SyncRun.Outcome.DONE


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


def everything() -> list[tuple[object, ...]]:
    return list(Service.objects.order_by("pk").values_list())


def staff_pages(operator: Browser) -> str:
    """Return all pages on which staff reads a provider's words about its catalogue and balance."""
    rows = [
        ("catalog_provider", Provider.objects.get().pk),
        ("catalog_syncrun", SyncRun.objects.first()),
        ("catalog_service", Service.objects.last()),
        ("catalog_category", None),
        ("operations_alert", Alert.objects.first()),
    ]
    pages = [operator.get(reverse(f"admin:{name}_changelist")) for name, _ in rows]
    for name, shown in rows:
        if shown is not None:
            pk = getattr(shown, "pk", shown)
            pages.append(operator.get(reverse(f"admin:{name}_change", args=[pk])))
    assert {page.status_code for page in pages} == {200}
    return "".join(page.content.decode() for page in pages)


# --- services ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_catalogue_that_cannot_be_read_changes_nothing(name: str, provider: Provider, site: Site) -> None:
    assert sync_catalog(provider).outcome == DONE
    before, good = everything(), site.server.script["services"]
    site.server.script["services"] = BAD[name]()

    run = sync_catalog(provider)

    assert run.outcome != DONE
    assert everything() == before
    assert Alert.objects.filter(kind="catalogue_refused", closed_at=None).exists()
    site.server.script["services"] = good
    assert sync_catalog(provider).outcome == DONE  # it goes on by itself


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(provider: Provider, site: Site, status: int) -> None:
    with scripted_server(any=answer([row(1)])) as other:
        site.server.script["any"] = moved(status, other.url, body=GOOD_FOR_ALL)
        site.server.script["services"] = site.server.script["balance"] = site.server.script["any"]
        assert sync_catalog(provider).outcome != DONE
        assert refresh_balance(provider) is not None
        assert other.calls == []
    assert not Service.objects.exists()


@pytest.mark.parametrize("name", HEAVY)
def test_costly_catalogue_stays_small_in_memory(name: str, provider: Provider, site: Site) -> None:
    site.server.script["services"] = HEAVY[name]()
    tracemalloc.start()
    run = sync_catalog(provider)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert run.outcome != DONE
    assert peak < 300_000_000  # fifteen times the bytes; without a bound it is fifty
    assert len(json.dumps(run.skipped)) < 100_000


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (field, name)
        for field in ("service", "rate", "min", "max")
        for name in NUMBERS
        if (field, name) != ("service", "1e999 as a text")  # an id may read so
    ],
)
def test_row_with_a_number_that_is_none_is_not_sold(
    field: str, name: str, provider: Provider, site: Site
) -> None:
    hostile = {"service": "2", "rate": '"90"', "min": '"100"', "max": '"50.000"', field: NUMBERS[name]}
    body = '{"name": "x", ' + ", ".join(f'"{key}": {value}' for key, value in hostile.items()) + "}"
    site.server.script["services"] = json_text(f"[{json.dumps(row(1))}, {body}, {json.dumps(row(3))}]")

    run = sync_catalog(provider)

    assert run.outcome == DONE
    assert [one["position"] for one in run.skipped] == [1]
    assert list(Service.objects.filter(ON_SALE).values_list("provider_service_id", flat=True)) == ["1", "3"]


@pytest.mark.parametrize("field", ["service", "rate", "min", "max"])
def test_known_service_whose_number_is_none_any_more_is_switched_off(
    field: str, provider: Provider, site: Site
) -> None:
    sync_catalog(provider)
    site.lists(row(1), row(2) | {field: "NaN"})
    sync_catalog(provider)
    assert list(Service.objects.filter(ON_SALE).values_list("provider_service_id", flat=True)) == ["1"]


def hostile_rows() -> list[dict[str, object]]:
    """Return rows that are all to be left out."""
    return [
        row(HOSTILE_TEXT),
        row("9" * 10_000),
        row(-1),
        row("a1", name="\u202e\x00"),
        row("a2", name=["x"]),
        row("a3", rate="1e5"),
        row("a4", rate="-1"),
        row("a5", rate="0"),
        row("a6", rate="9" * 18),
        row("a7", min="0"),
        row("a8", min="7", max="6"),
        row("a9", max="9" * 19),
        row("a10", rate=HOSTILE_TEXT),
        row("a11", min=HOSTILE_TEXT),
        {},
    ]


def test_many_rows_with_hostile_ones_among_them(provider: Provider, site: Site, operator: Browser) -> None:
    hostile = hostile_rows()
    good = [row(number, category=f"{HOSTILE_TEXT} {number % 50}") for number in range(1, 20_001)]
    good[0] |= {"name": HOSTILE_TEXT * 100, "type": HOSTILE_TEXT, "category": HOSTILE_TEXT * 100}
    site.lists(*good[:10_000], *hostile, *good[10_000:])

    run = sync_catalog(provider)

    assert (run.outcome, run.new, len(run.skipped)) == (DONE, 20_000, len(hostile))
    assert Service.objects.count() == 20_000
    assert_harmless(staff_pages(operator))
    page = Browser().get(reverse("services")).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert_harmless(page)


@pytest.mark.parametrize("field", ["name", "category", "type", "refill", "cancel", "dripfeed"])
def test_words_of_a_service_are_words_only(
    field: str, provider: Provider, site: Site, operator: Browser, customer_page: Browser
) -> None:
    site.lists(row(1, **{field: HOSTILE_TEXT}))
    assert sync_catalog(provider).outcome == DONE
    service = Service.objects.get()
    pages = [
        customer_page.get(reverse("services"), {"q": "script"}),
        customer_page.get(reverse("services")),
        customer_page.get(reverse("order_new"), {"service": service.pk}),
    ]
    assert {page.status_code for page in pages} == {200}
    shown = staff_pages(operator) + "".join(page.content.decode() for page in pages)
    assert_harmless(shown)
    assert ("&lt;script&gt;alert(1)" in shown) == (field in ("name", "category", "type"))


@pytest.fixture
def customer_page(alice: User) -> Browser:
    """Alice's browser; she has money."""
    credit(alice, 1000)
    browser = Browser()
    browser.force_login(alice)
    return browser


@pytest.mark.parametrize("rate", ["999999999998", "999999999999", "0.0000001", "0.000001"])
def test_extreme_prices_and_bounds_are_refused_politely(
    rate: str, provider: Provider, site: Site, customer_page: Browser, alice: User
) -> None:
    """A cost within what is kept, times what a customer may ask for, is more than any wallet holds."""
    greatest = "9" * 18
    site.lists(row(1, max="50000"), row(2, rate=rate, min="1", max=greatest))
    assert sync_catalog(provider).outcome == DONE
    service = Service.objects.filter(provider_service_id="2").first()
    if service is None:
        return
    form: dict[str, str | int] = {"service": service.pk, "link": "https://example.com/", "quantity": greatest}
    for answered in (
        customer_page.get(reverse("services")),
        customer_page.get(reverse("order_new"), {"service": service.pk}),
        customer_page.get(reverse("order_total"), form),
        customer_page.post(reverse("order_new"), form | {"request_id": "r1"}),
    ):
        assert answered.status_code in (200, 422)
    assert not Order.objects.exists()


# --- balance ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_balance_that_cannot_be_read_keeps_the_old_one(name: str, provider: Provider, site: Site) -> None:
    refresh_balance(provider)
    site.server.script["balance"] = BAD[name]()
    assert refresh_balance(provider) is not None
    provider.refresh_from_db()
    assert (provider.balance, provider.balance_text, provider.halted_at) == (Decimal("12.34"), "12.34", None)
    assert provider.balance_error


@pytest.mark.parametrize("name", NUMBERS)
def test_balance_that_is_none(name: str, provider: Provider, site: Site) -> None:
    refresh_balance(provider)
    site.server.script["balance"] = json_text(f'[{{"balance": {NUMBERS[name]}}}]')
    refresh_balance(provider)
    provider.refresh_from_db()
    assert (provider.balance, provider.halted_at) == (Decimal("12.34"), None)
    assert provider.balance_error


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"balance": HOSTILE_TEXT}, id="balance"),
        pytest.param({"balance": "1", "currency": HOSTILE_TEXT, "username": HOSTILE_TEXT}, id="currency"),
        pytest.param({"error": HOSTILE_TEXT}, id="error"),
        pytest.param({"error": f"Invalid API key {HOSTILE_TEXT}"}, id="halt"),
    ],
)
def test_words_of_a_balance_are_words_only(
    said: object, provider: Provider, site: Site, operator: Browser
) -> None:
    sync_catalog(provider)
    site.says("balance", said)
    refresh_balance(provider)
    assert_harmless(staff_pages(operator))


def test_words_of_a_fault_of_the_catalogue_are_words_only(
    provider: Provider, site: Site, operator: Browser
) -> None:
    site.says("services", {"error": HOSTILE_TEXT})
    sync_catalog(provider)
    page = staff_pages(operator)
    assert "&lt;script&gt;alert(1)" in page
    assert_harmless(page)

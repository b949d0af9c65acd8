"""Price rules, exchange rates and "why this price" in admin."""

import html
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import CustomerGroup, User
from catalog.models import ExchangeRate, PriceRule, Provider, Service
from catalog.pricing import save_rule
from catalog.rates import save_rate
from tests.factories import make_provider, make_service


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def service(provider: Provider) -> Service:
    return make_service(provider)


def text_of(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", html.unescape(answer.content.decode())).replace("\u00a0", " ")


def get(browser: Browser, path: str) -> str:
    answer = browser.get(f"/admin/catalog/{path}")
    assert answer.status_code == 200
    return text_of(answer)


def post(browser: Browser, path: str, **data: object) -> HttpResponse:
    return browser.post(f"/admin/catalog/{path}", data)


def hidden_in(answer: HttpResponse) -> dict[str, str]:
    """Return what the preview's form would send."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.content.decode())
    return {name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def confirm(browser: Browser, path: str, **data: object) -> None:
    """Fill a form in, look at its preview, and confirm it."""
    shown = post(browser, path, **data)
    assert shown.status_code == 200
    assert "confirmed" in hidden_in(shown), text_of(shown)
    assert post(browser, path, **hidden_in(shown)).status_code == 302


def numbers(terms: dict[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in terms.items()}


def price() -> Decimal | None:
    return Service.objects.get().price


# --- Rules ------------------------------------------------------------------------------------------------


def test_rules_move_prices_once_they_are_confirmed(operator: Browser, service: Service) -> None:
    confirm(operator, "pricerule/add/", scope="service", service=service.pk, percent="10", amount="0.5")
    assert price() == Decimal("110.5")
    rule = PriceRule.objects.get()
    confirm(operator, f"pricerule/{rule.pk}/change/", percent="20")
    assert price() == 120
    confirm(operator, f"pricerule/{rule.pk}/change/", percent="20", fixed_price="150")
    assert price() == 150
    shown = operator.get(f"/admin/catalog/pricerule/{rule.pk}/delete/")
    assert post(operator, f"pricerule/{rule.pk}/delete/", **hidden_in(shown)).status_code == 302
    assert price() == 130
    confirm(operator, "pricerule/add/", scope="everything", percent="40", step="7")
    assert price() == 140


def test_nothing_is_saved_before_it_is_confirmed(operator: Browser, service: Service) -> None:
    shown = post(operator, "pricerule/add/", scope="everything", percent="50", _continue="1")

    said = text_of(shown)
    assert "1 of the 1 service it speaks of gets another price." in said
    assert "Prices change by +15.38 % to +15.38 %." in said
    assert "130.00 RUB" in said
    assert "150.00 RUB" in said
    assert service.name in said
    assert (price(), PriceRule.objects.count()) == (130, 0)
    assert hidden_in(shown)["_continue"] == "1"
    rule = save_rule(PriceRule(scope="everything", percent=Decimal(50)))
    shown = operator.get(f"/admin/catalog/pricerule/{rule.pk}/delete/")
    assert "Delete the rule" in text_of(shown)
    assert post(operator, f"pricerule/{rule.pk}/delete/", post="yes").status_code == 200
    assert PriceRule.objects.exists()


def test_what_changed_meanwhile_is_shown_again(operator: Browser, service: Service) -> None:
    seen = hidden_in(post(operator, "pricerule/add/", scope="everything", percent="50"))
    Service.objects.update(cost=Decimal(200), price=Decimal(260))

    again = post(operator, "pricerule/add/", **seen)

    assert "Something changed since this was shown." in text_of(again)
    assert "300.00 RUB" in text_of(again)
    assert not PriceRule.objects.exists()
    assert post(operator, "pricerule/add/", **hidden_in(again)).status_code == 302
    assert price() == 300


def test_a_mark_of_other_terms_confirms_nothing(operator: Browser, service: Service) -> None:
    seen = hidden_in(post(operator, "pricerule/add/", scope="everything", percent="50"))

    assert post(operator, "pricerule/add/", **seen | {"percent": "1"}).status_code == 200
    assert not PriceRule.objects.exists()


def test_rules_that_lose_are_refused_by_name(operator: Browser, provider: Provider) -> None:
    for number in range(12):
        make_service(provider, name=f"service <{number}>")

    shown = post(operator, "pricerule/add/", scope="everything", percent="-20", min_margin_percent="10")

    said = text_of(shown)
    assert "Refused: 12 services would be sold below their cost." in said
    assert "service <0>" in said
    assert "80.00 RUB" in said
    assert "and 2 more" in said
    assert "Save the rule" not in said
    assert "<0>" not in shown.content.decode()
    assert post(operator, "pricerule/add/", **hidden_in(shown)).status_code == 200
    assert not PriceRule.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "everything"},
        {"scope": "service", "service": ""},
        {"percent": "-100.001"},
        {"amount": "-1"},
        {"step": "0"},
        {"scope": "everything", "service": "", "fixed_price": "150"},
    ],
)
def test_a_rule_that_makes_no_sense(operator: Browser, service: Service, wrong: dict[str, str]) -> None:
    plain = {"scope": "service", "service": service.pk, "percent": "10"}
    answer = post(operator, "pricerule/add/", **plain | wrong)

    assert answer.status_code == 200
    assert answer.context["errors"]
    assert not PriceRule.objects.exists()


def test_a_rule_for_a_group_and_a_customer_at_once(operator: Browser, service: Service, alice: User) -> None:
    group = CustomerGroup.objects.create(name="Resellers")
    answer = post(
        operator, "pricerule/add/", scope="everything", percent="1", group=group.pk, customer=alice.pk
    )

    assert "Choose a group, or a customer, or neither." in text_of(answer)


def test_a_second_rule_for_the_same_is_refused(operator: Browser, service: Service) -> None:
    confirm(operator, "pricerule/add/", scope="service", service=service.pk, percent="10")

    answer = post(operator, "pricerule/add/", scope="service", service=service.pk, percent="20")

    assert "There is a rule for these services and these people already" in text_of(answer)
    assert PriceRule.objects.count() == 1


def test_the_list_says_what_each_rule_does(operator: Browser, service: Service, alice: User) -> None:
    group = CustomerGroup.objects.create(name="Resellers")
    terms = {"percent": Decimal("-5.500"), "amount": Decimal(10), "step": Decimal("0.5")}
    save_rule(PriceRule(scope="provider", provider=service.provider, group=group, **terms))
    save_rule(PriceRule(scope="service", service=service, customer=alice, fixed_price=Decimal(150)))

    listed = get(operator, "pricerule/")

    for words in (
        f"A provider's services: {service.provider}",
        "group Resellers",
        "−5.5 %, +10.00 RUB, rounded up to 0.50 RUB",
        "alice@example.com",
        "150.00 RUB by hand",
    ):
        assert words in listed
    assert "delete_selected" not in listed


def test_the_list_takes_as_many_queries_for_40_as_for_5(operator: Browser, provider: Provider) -> None:
    found = []
    for size in (5, 40):
        for _ in range(size):
            PriceRule.objects.create(
                scope="service", service=make_service(make_provider()), percent=Decimal(1)
            )
            PriceRule.objects.create(scope="provider", provider=make_provider(), percent=Decimal(1))
        with CaptureQueriesContext(connection) as asked:
            get(operator, "pricerule/")
        found.append(len(asked))

    assert found[0] == found[1]


def test_who_may_only_look_previews_and_deletes_nothing(
    client: Browser, service: Service, sasha: User
) -> None:
    rule = save_rule(PriceRule(scope="everything", percent=Decimal(50)))
    sasha.user_permissions.add(Permission.objects.get(codename="view_pricerule"))
    client.force_login(sasha)

    assert client.get(f"/admin/catalog/pricerule/{rule.pk}/delete/").status_code == 403
    assert client.post(f"/admin/catalog/pricerule/{rule.pk}/delete/", {"confirmed": "x"}).status_code == 403
    assert client.post("/admin/catalog/pricerule/add/", {"scope": "everything"}).status_code == 403
    assert PriceRule.objects.exists()


# --- Why this price ---------------------------------------------------------------------------------------


def test_why_this_price(operator: Browser, alice: User, boris: User) -> None:
    service = make_service(make_provider(currency="USD"), cost=Decimal("1.2"), price=None)
    save_rate("USD", Decimal("80.5"))
    group = CustomerGroup.objects.create(name="Resellers")
    User.objects.filter(pk=alice.pk).update(customer_group=group)
    terms = {
        "percent": Decimal(50),
        "amount": Decimal("0.3"),
        "step": Decimal(10),
        "min_margin_percent": Decimal(5),
    }
    save_rule(PriceRule(scope="category", category=service.category, **numbers(terms)))
    save_rule(PriceRule(scope="everything", group=group, percent=Decimal(10)))
    save_rule(PriceRule(scope="service", service=service, customer=boris, fixed_price=Decimal(99)))

    page = get(operator, f"service/{service.pk}/why/")
    today = timezone.now().strftime("%m/%d/%Y")
    for what, figure in (
        ("Cost per 1000", "1.20 USD"),
        ("Exchange rate", f"1 USD = 80.5 RUB of {today} (Entered by hand)"),
        ("Cost here", "96.60 RUB"),
        ("Markup", "+50 %"),
        ("Plus a fixed amount", "0.30 RUB"),
        ("By the rule", "145.20 RUB"),
        ("Not below: cost and a margin of +5 %", "101.43 RUB"),
        ("Rounded to", "10.00 RUB"),
        ("Price", "150.00 RUB"),
    ):
        assert re.search(rf"<dt>{re.escape(what)}</dt><dd [^>]*>{re.escape(figure)}</dd>", page), what
    assert "boris" not in page
    assert "125.58 RUB" in page  # by the setting, were there no other rule

    assert "106.26 RUB</dd>" in get(operator, f"service/{service.pk}/why/?group={group.pk}")
    assert "106.26 RUB</dd>" in get(operator, f"service/{service.pk}/why/?customer=Alice@example.com")
    assert "99.00 RUB</dd>" in get(operator, f"service/{service.pk}/why/?customer=boris@example.com")
    assert "No customer has this address." in get(
        operator, f"service/{service.pk}/why/?customer=z@example.com"
    )


def test_why_there_is_no_price(operator: Browser, provider: Provider) -> None:
    abroad = make_service(make_provider(currency="USD"), price=None)
    losing = make_service(provider)
    PriceRule.objects.create(scope="service", service=losing, fixed_price=Decimal(50))

    assert "There is no exchange rate of USD" in get(operator, f"service/{abroad.pk}/why/")
    assert "not sold: the rule is below the cost</dd>" in get(operator, f"service/{losing.pk}/why/")


def test_a_service_leads_to_why_and_to_its_own_rule(operator: Browser, service: Service) -> None:
    page = get(operator, f"service/{service.pk}/change/")
    assert f"/admin/catalog/service/{service.pk}/why/" in page
    add = f"/admin/catalog/pricerule/add/?scope=service&service={service.pk}"
    assert add in page
    assert operator.get(add).status_code == 200

    rule = save_rule(PriceRule(scope="service", service=service, percent=Decimal(10)))
    page = get(operator, f"service/{service.pk}/change/")
    assert f"/admin/catalog/pricerule/{rule.pk}/change/" in page
    assert "+10 %" in page


def test_why_is_for_those_who_may_see_services(client: Browser, service: Service, sasha: User) -> None:
    client.force_login(sasha)
    assert client.get(f"/admin/catalog/service/{service.pk}/why/").status_code == 403
    sasha.user_permissions.add(Permission.objects.get(codename="view_service"))
    assert client.get(f"/admin/catalog/service/{service.pk}/why/").status_code == 200
    assert client.get("/admin/catalog/service/999999/why/").status_code == 404


def test_another_category_is_another_rule(operator: Browser, service: Service) -> None:
    other = make_service(service.provider, category="Other").category
    save_rule(PriceRule(scope="category", category=other, percent=Decimal(70)))
    form = operator.get(f"/admin/catalog/service/{service.pk}/change/").context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None and name in form.fields}

    answer = post(operator, f"service/{service.pk}/change/", **data | {"category": other.pk, "is_hidden": ""})

    assert answer.status_code == 302
    assert Service.objects.get(pk=service.pk).price == 170


# --- Exchange rates ---------------------------------------------------------------------------------------


def test_an_exchange_rate_moves_prices(operator: Browser) -> None:
    service = make_service(make_provider(currency="USD"), price=None)

    assert post(operator, "exchangerate/add/", currency="USD", rate="80").status_code == 302
    assert Service.objects.get(pk=service.pk).price == 10400
    rate = ExchangeRate.objects.get()
    assert (rate.as_of, rate.source) == (timezone.now().date(), "hand")
    ExchangeRate.objects.update(source="cbr")
    day = {"rate": "81", "as_of": "2026-01-02"}
    assert post(operator, f"exchangerate/{rate.pk}/change/", **day).status_code == 302
    rate.refresh_from_db()
    assert (rate.rate, rate.as_of.isoformat(), rate.source) == (81, "2026-01-02", "hand")

    data = {"action": "delete_selected", "_selected_action": [rate.pk], "post": "yes"}
    assert post(operator, "exchangerate/", **data).status_code == 302
    assert Service.objects.get(pk=service.pk).price is None


def test_an_old_rate_is_marked(operator: Browser) -> None:
    ExchangeRate.objects.create(currency="USD", rate=Decimal(80))
    assert "old, enter what it is now" not in get(operator, "exchangerate/")

    ExchangeRate.objects.update(as_of="2026-01-02")
    assert "old, enter what it is now" in get(operator, "exchangerate/")


@pytest.mark.parametrize(("days", "status"), [(7, 302), (8, 200)])
def test_a_rate_of_a_day_far_ahead_is_refused(operator: Browser, days: int, status: int) -> None:
    day = timezone.now().date() + timedelta(days=days)

    answer = post(operator, "exchangerate/add/", currency="USD", rate="80", as_of=day.isoformat())

    assert answer.status_code == status
    assert ExchangeRate.objects.exists() == (status == 302)
    assert status == 302 or "This day is too far ahead." in answer.content.decode()


def test_a_rate_of_the_sites_own_currency_is_refused(operator: Browser) -> None:
    assert post(operator, "exchangerate/add/", currency="RUB", rate="2").status_code == 200
    assert not ExchangeRate.objects.exists()


def test_a_second_rate_of_a_currency_is_refused(operator: Browser) -> None:
    ExchangeRate.objects.create(currency="USD", rate=Decimal(80))

    answer = post(operator, "exchangerate/add/", currency="USD", rate="90")

    assert answer.status_code == 200
    assert "Exchange rate with this Currency already exists." in answer.content.decode()
    assert ExchangeRate.objects.get().rate == 80


def test_rates_of_another_currency_of_the_site_are_not_shown(operator: Browser) -> None:
    service = make_service(make_provider(currency="USD"), price=None)
    other = ExchangeRate.objects.create(currency="USD", site_currency="KZT", rate=Decimal("512.5"))
    assert "512.5" not in get(operator, "exchangerate/")
    assert operator.get(f"/admin/catalog/exchangerate/{other.pk}/change/").status_code == 302

    assert post(operator, "exchangerate/add/", currency="USD", rate="80").status_code == 302
    assert Service.objects.get(pk=service.pk).price == 10400
    assert "1 USD = 80 RUB of" in get(operator, f"service/{service.pk}/why/")
    other.refresh_from_db()
    assert (other.rate, ExchangeRate.objects.count()) == (Decimal("512.5"), 2)


def test_importing_is_left_to_a_worker(operator: Browser, settings: Any, commits: Any) -> None:
    def press() -> list[str]:
        operator.cookies.pop("messages", None)
        answer = operator.get("/admin/catalog/exchangerate/import/")
        assert answer.status_code == 302
        return [str(message) for message in get_messages(answer.wsgi_request)]

    assert "/admin/catalog/exchangerate/import" in get(operator, "exchangerate/")
    with commits as sent:
        assert "No source of rates is set" in press()[0]
    assert sent == []
    settings.RATES_SOURCE = "ecb"
    with commits as sent:
        assert press() == ["The rates are being imported."]
    assert sent == [("catalog.tasks.import_exchange_rates", ())]

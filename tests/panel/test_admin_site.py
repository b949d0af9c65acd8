"""Admin as a whole: every model is there, every page opens, lists cost the same however long they are."""

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import unquote

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection
from django.db.models import Model
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import CustomerGroup, User
from catalog.models import (
    BalanceReading,
    BannedWords,
    CataloguePolicy,
    ExchangeRate,
    LinkRule,
    PriceRule,
    Provider,
    Service,
    ServiceChange,
    ServiceHealth,
    ServiceHold,
    ServiceSpeed,
    SyncRun,
    TaughtText,
)
from operations.alerting import raise_alert
from operations.models import Alert, AlertChannel, AlertDelivery, JobRun, SiteState
from orders.models import Attempt, Candidate, DayTotals, LostAnswer, Order
from panel.sidebar import ROOMS
from support.models import Announcement, Dismissal, Page, TermsAcceptance, TermsVersion
from tests.factories import credit, make_provider, make_service, make_user, place

HOSTILE = "<script>alert(1)</script>"

MODELS = list(admin.site._registry)

RECORDS = (
    *("wallet.LedgerAccount", "wallet.Transfer", "wallet.Entry"),
    *("orders.Order", "orders.Attempt", "orders.OrderEvent"),
    *("orders.LostAnswer", "orders.Candidate", "orders.DayTotals"),
    *("operations.Alert", "operations.AlertDelivery", "operations.JobRun", "catalog.BalanceReading"),
    *("catalog.ServiceHold", "catalog.ServiceChange"),
    "auditlog.LogEntry",
    *("support.Dismissal", "support.TermsVersion", "support.TermsAcceptance"),
)
"""What nobody adds, changes or deletes by hand."""

_numbers = itertools.count()


def fill(size: int) -> None:
    """Add `size` rows of every model, named by somebody hostile."""
    for number in itertools.islice(_numbers, size):
        user = make_user(name=HOSTILE)
        EmailAddress.objects.create(user=user, email=user.email, primary=True)
        credit(user, 1000)
        service = make_service(
            make_provider(name=f"{HOSTILE} {number}"), name=HOSTILE, category=f"{HOSTILE} {number}"
        )
        _order(user, service)
        PriceRule.objects.create(scope="service", service=service, percent=Decimal(5))
        ServiceHealth.objects.create(service=service, ended=3, failed=1, stuck=1)
        ServiceSpeed.objects.create(
            service=service, up_to_quantity=1000, orders=2, median_seconds=60, most_seconds=600
        )
        code = "".join(chr(ord("A") + number // 26**place % 26) for place in range(3))
        ExchangeRate.objects.create(currency=code, rate=Decimal(2))
        now = timezone.now()
        SyncRun.objects.create(
            provider=service.provider, started_at=now, ended_at=now, outcome="failed", text=HOSTILE
        )
        raise_alert(Alert.Kind.ORDER_HELD, cause=f"{HOSTILE} {number}", text=HOSTILE)
        Group.objects.create(name=f"{HOSTILE} {number}")
        TaughtText.objects.create(
            provider=service.provider, text=HOSTILE, meaning="later", taught_by=user, taught_at=now
        )
        _people(user, number)
        LinkRule.objects.create(service=service, hosts=HOSTILE, example=HOSTILE)
        _policy(service, number)
        _support(user, number)
        _operations(number)
        BalanceReading.objects.create(provider=service.provider, at=now, balance=Decimal(1), currency="RUB")
        DayTotals.objects.create(day=date(2020, 1, 1) + timedelta(days=number), turnover=Decimal(1))


def _people(user: User, number: int) -> None:
    CustomerGroup.objects.create(name=f"{HOSTILE} {number}")
    Authenticator.objects.create(user=user, type="totp", data={"secret": HOSTILE})
    LogEntry.objects.log_create(user, force_log=True, action=1, changes={"name": [HOSTILE, HOSTILE]})


def _policy(service: Service, number: int) -> None:
    ServiceHold.objects.create(service=service, kind="words", text=HOSTILE)
    ServiceChange.objects.create(service=service, field="name", old=HOSTILE, new=HOSTILE)
    BannedWords.objects.create(pattern=f"{HOSTILE} {number}", note=HOSTILE)
    CataloguePolicy.get_solo()


def _operations(number: int) -> None:
    now = timezone.now()
    JobRun.objects.create(task=HOSTILE, outcome="failed", error=HOSTILE, worker=HOSTILE)
    channel = AlertChannel.objects.create(name=f"{HOSTILE} {number}", address="json://127.0.0.1:9")
    alert = Alert.objects.latest("pk")
    AlertDelivery.objects.create(alert=alert, channel=channel, sent_at=now)
    SiteState.get_solo()


def _support(user: User, number: int) -> None:
    news = Announcement.objects.create(title_en=HOSTILE, text_en=HOSTILE)
    Dismissal.objects.create(customer=user, announcement=news)
    Page.objects.create(slug=f"p{number}", title_en=HOSTILE, text_en=HOSTILE)
    version = TermsVersion.objects.create(text_en=HOSTILE, published_by=user)
    TermsAcceptance.objects.create(customer=user, version=version, language="en")


def _order(user: User, service: object) -> None:
    order = place(user, service, link=f"https://example.com/?q={HOSTILE}")  # type: ignore[arg-type]
    now = timezone.now()
    attempt = Attempt.objects.create(
        order=order,
        provider=order.provider,
        started_at=now,
        lease_until=now,
        ended_at=now,
        outcome="unknown_text",
        rule="unknown_text",
        answer=HOSTILE,
    )
    Order.objects.filter(pk=order.pk).update(status="held", reason=HOSTILE, due_at=None)
    LostAnswer.objects.create(attempt=attempt, provider=order.provider, state="waiting", id_before=1)
    Candidate.objects.create(
        provider=order.provider, number=7, status_text=HOSTILE, charge=Decimal(1), seen_at=now
    )


def address(model: type[Model], page: str, *args: object) -> str:
    """Return the address of a model's page."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def pages_of(model: type[Model]) -> Iterator[tuple[str, str]]:
    """Yield the list, an adding page where there is one, and a row's page."""
    yield "list", address(model, "changelist")
    yield "add", address(model, "add")
    row = model._default_manager.order_by("pk").last()
    assert row is not None, model
    yield "change", address(model, "change", row.pk)


def test_every_model_of_the_project_is_there() -> None:
    ours = {config.label for config in apps.get_app_configs() if not config.name.startswith("django.")}
    models = {
        model for model in apps.get_models() if model._meta.app_label in ours - {"account", "usersessions"}
    }

    assert models
    assert models <= set(MODELS)


def test_the_sidebar_leads_to_every_model() -> None:
    named = [apps.get_model(name) for _, models in ROOMS for name, _ in models]

    assert set(named) == set(MODELS)
    assert len(named) == len(MODELS)


def test_the_sidebar_shows_what_one_may_look_at(client: Browser, operator: Browser, sasha: User) -> None:
    shown = operator.get("/admin/").content.decode()
    assert 'href="/admin/orders/order/"' in shown
    assert 'href="/admin/catalog/provider/"' in shown

    client.force_login(sasha)
    shown = client.get("/admin/").content.decode()
    assert 'href="/admin/orders/order/"' not in shown
    assert 'href="/admin/catalog/provider/"' not in shown


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_page_opens_and_shows_hostile_words_as_words(operator: Browser, language: str) -> None:
    fill(3)
    for model in MODELS:
        for name, page in pages_of(model):
            answer = operator.get(page, headers={"Accept-Language": language})
            refused = name == "add" and not _may_add(model)
            assert answer.status_code == (403 if refused else 200), page
            assert "<script>alert" not in answer.content.decode(), page


def _may_add(model: type[Model]) -> bool:
    return model._meta.label in {
        *("accounts.User", "accounts.CustomerGroup", "account.EmailAddress", "auth.Group"),
        *("catalog.Provider", "catalog.Category", "catalog.PriceRule", "catalog.ExchangeRate"),
        *("catalog.TaughtText", "catalog.LinkRule", "catalog.BannedWords"),
        *("operations.AlertChannel", "support.Announcement", "support.Page"),
    }


def test_pages_cost_the_same_at_10_and_at_200_rows(operator: Browser) -> None:
    fill(10)
    few = _costs(operator)
    fill(190)
    assert Provider.objects.count() == 200

    assert _costs(operator) == few
    assert max(few.values()) <= 15, few


def _costs(browser: Browser) -> dict[tuple[str, str], int]:
    costs = {}
    for model in MODELS:
        for name, page in pages_of(model):
            ContentType.objects.clear_cache()
            with CaptureQueriesContext(connection) as asked:
                browser.get(page)
            costs[model._meta.label, name] = len(asked)
    return costs


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_staff_without_rights_and_others_see_nothing(
    client: Browser, sasha: User, alice: User, model: type[Model]
) -> None:
    fill(1)
    for _, page in pages_of(model):
        client.force_login(sasha)
        assert client.get(page).status_code == 403
        assert client.post(page, {}).status_code == 403
        for user in (alice, None):
            client.force_login(user) if user else client.logout()
            answer = client.get(page)
            assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (
                302,
                "/admin/login/",
            )


@pytest.mark.parametrize("label", RECORDS)
def test_records_are_not_written_by_hand(operator: Browser, label: str) -> None:
    fill(1)
    model = apps.get_model(label)
    before = list(model._default_manager.order_by("pk").values())
    row = model._default_manager.order_by("pk").last()
    assert row is not None

    fields = {field.name: "1" for field in model._meta.fields}
    assert operator.post(address(model, "add"), fields).status_code == 403
    assert operator.post(address(model, "change", row.pk), fields).status_code == 403
    assert operator.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    operator.post(address(model, "changelist"), data)

    assert list(model._default_manager.order_by("pk").values()) == before


def test_staff_log_in_by_the_sites_form_and_come_back_to_the_page_they_asked_for(
    client: Browser, olga: User
) -> None:
    page = address(Order, "changelist")

    asked = client.get(page, follow=True)
    assert unquote(asked.redirect_chain[-1][0]) == f"/login/?next={page}"
    form = {"login": olga.email, "password": "a long password", "next": page}
    assert asked.context["redirect_field_value"] == page
    assert client.post("/login/", form, follow=True).redirect_chain == [(page, 302)]


@pytest.mark.parametrize("who", ["alice", "sasha", None])
def test_nobody_tries_passwords_at_admins_own_form(
    request: pytest.FixtureRequest, client: Browser, olga: User, who: str | None
) -> None:
    if who:
        client.force_login(request.getfixturevalue(who))
    before = client.session.get("_auth_user_id")

    answer = client.post("/admin/login/", {"username": olga.email, "password": "a long password"})

    assert answer.status_code == {"alice": 403, "sasha": 405, None: 302}[who]
    assert client.session.get("_auth_user_id") == before


def test_the_form_that_staff_use_limits_attempts(client: Browser, olga: User) -> None:
    cache.clear()
    form = {"login": olga.email, "password": "not hers", "next": "/admin/"}
    for _ in range(10):
        client.post("/login/", form)

    client.post("/login/", form | {"password": "a long password"})

    assert "_auth_user_id" not in client.session
    cache.clear()


def test_a_customer_is_refused_admin_without_going_in_circles(client: Browser, alice: User) -> None:
    form = {"login": alice.email, "password": "a long password", "next": "/admin/"}

    answer = client.post("/login/", form, follow=True)

    assert answer.status_code == 403
    assert [where.partition("?")[0] for where, _ in answer.redirect_chain] == ["/admin/", "/admin/login/"]
    assert client.session["_auth_user_id"] == str(alice.pk)

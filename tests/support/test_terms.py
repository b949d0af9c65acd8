"""The terms: versions, who accepted them, and where nobody passes without."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.urls import get_resolver
from django.utils import translation

from accounts.models import User
from catalog.models import Service
from orders.models import Order
from support import forms, terms
from support.errors import NothingToPublish
from support.models import Page, TermsAcceptance, TermsVersion
from support.terms import needs_acceptance, publish
from tests.factories import LINK, credit, make_service
from tests.pages import Browser, html, inputs, text
from tests.support.making import accept_newest, make_page, publish_terms
from tests.wallet.threads import side_by_side

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    """Let one address try as often as these tests do."""
    settings.ACCOUNT_RATE_LIMITS = False


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


def accepted() -> list[tuple[str, int, str]]:
    """Return who accepted which version, and in which language."""
    rows = TermsAcceptance.objects.order_by("id")
    return list(rows.values_list("customer__email", "version_id", "language"))


# --- Publishing -------------------------------------------------------------------------------------------


def test_a_version_keeps_the_texts_as_they_stood(olga: User) -> None:
    first = publish_terms(olga, "One.")
    second = publish_terms(olga, "Two.")

    first.refresh_from_db()
    assert (first.text_en, first.text_ru, first.published_by) == ("One.", "One. По-русски.", olga)
    assert second.text_en == "Two."
    assert terms.newest_version() == second


@pytest.mark.parametrize("draft", [None, {"text_en": "", "text_ru": ""}])
def test_nothing_is_published_without_a_text(olga: User, draft: dict[str, str] | None) -> None:
    if draft is not None:
        make_page("terms", **draft)
    with pytest.raises(NothingToPublish):
        publish(actor=olga)
    assert not TermsVersion.objects.exists()


def test_the_same_text_is_no_new_version(olga: User) -> None:
    publish_terms(olga)
    with pytest.raises(NothingToPublish):
        publish(actor=olga)
    assert TermsVersion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_at_once_make_one_version(olga: User) -> None:
    make_page("terms")
    came_of = side_by_side(*[partial(publish, actor=olga)] * 4)
    assert sorted(type(each).__name__ for each in came_of) == ["NothingToPublish"] * 3 + ["TermsVersion"]
    assert TermsVersion.objects.count() == 1


# --- Who must accept --------------------------------------------------------------------------------------


def test_customers_must_accept_the_newest_and_nobody_else(alice: User, boris: User, olga: User) -> None:
    assert not needs_acceptance(alice)
    publish_terms(olga)
    assert needs_acceptance(alice)
    accept_newest(alice)
    assert (needs_acceptance(alice), needs_acceptance(boris)) == (False, True)
    publish_terms(olga, "Other.")
    assert needs_acceptance(alice)
    assert not needs_acceptance(olga)
    assert not needs_acceptance(AnonymousUser())


def test_accepted_twice_is_accepted_once_as_at_first(alice: User, olga: User) -> None:
    version = publish_terms(olga)
    for language in ("ru", "en"):
        with translation.override(language):
            accept_newest(alice)
    assert accepted() == [("alice@example.com", version.pk, "ru")]


def test_the_database_keeps_an_acceptance_once_and_its_version(alice: User, olga: User) -> None:
    version = publish_terms(olga)
    accept_newest(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        TermsAcceptance.objects.create(customer=alice, version=version)
    with pytest.raises(IntegrityError), transaction.atomic():
        version.delete()


def test_the_question_costs_one_query_whatever_there_is(
    alice: User, olga: User, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        publish_terms(olga, str(number))
        accept_newest(alice)
        with django_assert_num_queries(1) as asked:
            assert not needs_acceptance(alice)
        assert "text_" not in asked[0]["sql"]
    with django_assert_num_queries(0):
        assert not needs_acceptance(olga)


# --- Signing up -------------------------------------------------------------------------------------------


def sign_up(browser: Browser, **ticked: str) -> Any:
    return browser.post("/signup/", {"email": "new@example.com", "password1": PASSWORD, **ticked})


def test_without_a_version_there_is_nothing_to_tick(db: None) -> None:
    make_page("terms")
    browser = Browser()
    assert 'type="checkbox"' not in html(browser.get("/signup/"))
    assert sign_up(browser).status_code == 302
    assert not TermsAcceptance.objects.exists()


def test_the_tick_is_demanded_and_recorded(olga: User) -> None:
    version = publish_terms(olga)
    browser = Browser(language="ru")
    page = html(browser.get("/signup/"))
    assert f'type="checkbox" name="terms_{version.pk}"' in page
    assert 'href="/terms/" target="_blank"' in page
    assert page.index('name="password1"') < page.index(f'name="terms_{version.pk}"')

    refused = sign_up(browser)
    assert f'id="id_terms_{version.pk}_error" role="alert"' in html(refused)
    assert User.objects.count() == 1
    assert not TermsAcceptance.objects.exists()

    assert sign_up(browser, **{f"terms_{version.pk}": "on"}).status_code == 302
    assert accepted() == [("new@example.com", version.pk, "ru")]


def test_a_tick_for_an_older_version_is_none(olga: User) -> None:
    first, second = publish_terms(olga), publish_terms(olga, "Other.")

    refused = sign_up(Browser(), **{f"terms_{first.pk}": "on"})

    assert "To go on, accept the terms." in text(refused)
    assert f'name="terms_{second.pk}"' in html(refused)
    assert User.objects.count() == 1


def test_no_user_without_the_record(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    version = publish_terms(olga)

    def fail(*args: Any, **more: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(forms.terms, "accept", fail)

    answer = sign_up(Browser(raise_request_exception=False), **{f"terms_{version.pk}": "on"})

    assert answer.status_code == 500
    assert User.objects.count() == 1


# --- The page of the terms --------------------------------------------------------------------------------


def test_everybody_reads_the_terms_in_force(alice: User, olga: User) -> None:
    assert Browser().get("/terms/").status_code == 404
    publish_terms(olga)
    for reader in (None, alice, olga):
        answer = html(Browser(reader).get("/terms/"))
        assert 'lang="en"><p>Be <em>kind</em>.</p>' in answer
        assert ('id="terms-form"' in answer) == (reader is alice)
    assert "По-русски." in text(Browser(language="ru").get("/terms/"))


def test_a_customer_accepts_and_goes_on(alice: User, olga: User) -> None:
    version = publish_terms(olga)
    browser = Browser(alice)
    form = inputs(browser.get("/terms/?next=/orders/new/%3Fservice%3D7"), "terms-form")
    assert form["next"] == "/orders/new/?service=7"

    refused = browser.post("/terms/", {"next": form["next"]})
    assert refused.status_code == 422
    assert "To go on, accept the terms." in text(refused)
    assert inputs(refused, "terms-form")["next"] == form["next"]
    assert not TermsAcceptance.objects.exists()

    went_on = browser.post("/terms/", form | {f"terms_{version.pk}": "on"})
    assert went_on.headers["Location"] == "/orders/new/?service=7"
    assert accepted() == [("alice@example.com", version.pk, "en")]
    assert browser.post("/terms/", form).headers["Location"] == form["next"]
    assert 'id="terms-form"' not in html(browser.get("/terms/"))


def test_a_tick_for_what_was_in_force_before_is_none(alice: User, olga: User) -> None:
    old = publish_terms(olga)
    publish_terms(olga, "Other.")

    answer = Browser(alice).post("/terms/", {f"terms_{old.pk}": "on"})

    assert answer.status_code == 422
    assert "Other." in text(answer)
    assert not TermsAcceptance.objects.exists()


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "", "home"])
def test_it_never_leads_to_another_site(alice: User, olga: User, wanted: str) -> None:
    version = publish_terms(olga)
    answer = Browser(alice).post("/terms/", {"next": wanted, f"terms_{version.pk}": "on"})
    assert answer.headers["Location"] == (wanted if wanted == "home" else "/")


def test_it_refuses_a_post_of_another_site_and_of_strangers(alice: User, olga: User) -> None:
    version = publish_terms(olga)
    ticked = {f"terms_{version.pk}": "on"}
    assert Browser(alice, enforce_csrf_checks=True).post("/terms/", ticked).status_code == 403
    Browser().post("/terms/", ticked)
    Browser(olga).post("/terms/", ticked)
    assert not TermsAcceptance.objects.exists()


# --- Where nobody passes without --------------------------------------------------------------------------


def test_each_address_that_demands_them_is_one() -> None:
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert names >= settings.TERMS_BEFORE


def order_of(browser: Browser, service: Service) -> dict[str, Any]:
    form = inputs(browser.get("/orders/new/", {"service": service.pk}), "order-form")
    return form | {"link": LINK, "quantity": 1000}


def test_an_order_is_not_taken_before_the_newest_terms_are(alice: User, olga: User, service: Service) -> None:
    credit(alice, 1000)
    browser = Browser(alice)
    form = order_of(browser, service)
    version = publish_terms(olga)

    led = browser.post("/orders/new/", form)
    assert led.headers["Location"] == "/terms/?next=%2Forders%2Fnew%2F"
    assert not Order.objects.exists()
    page = browser.get(led.headers["Location"])
    assert "Nothing was sent. Accept the terms first, then try again." in text(page)

    went_on = browser.post("/terms/", inputs(page, "terms-form") | {f"terms_{version.pk}": "on"})
    assert went_on.headers["Location"] == "/orders/new/"
    assert browser.post("/orders/new/", form).status_code == 302
    assert Order.objects.count() == 1


def test_the_form_of_an_order_leads_there_too_and_back(alice: User, olga: User, service: Service) -> None:
    publish_terms(olga)
    answer = Browser(alice).get("/orders/new/", {"service": service.pk}, follow=True)
    assert answer.redirect_chain == [(f"/terms/?next=%2Forders%2Fnew%2F%3Fservice%3D{service.pk}", 302)]
    assert inputs(answer, "terms-form")["next"] == f"/orders/new/?service={service.pk}"
    assert "Nothing was sent" not in text(answer)


@pytest.mark.parametrize("page", ["/", "/services/", "/orders/", "/wallet/", "/account/"])
def test_reading_goes_on(alice: User, olga: User, page: str) -> None:
    publish_terms(olga)
    assert Browser(alice).get(page).status_code == 200


def test_staff_and_strangers_are_not_led_there(olga: User, service: Service) -> None:
    publish_terms(olga)
    assert Browser(olga).get("/orders/new/").status_code == 200
    assert Browser().get("/orders/new/").headers["Location"].startswith("/login/")


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr("support.middleware.needs_acceptance", lambda user: False)


def test_control_without_the_guard_the_order_is_taken(
    alice: User, olga: User, service: Service, unguarded: Callable[[], None]
) -> None:
    credit(alice, 1000)
    browser = Browser(alice)
    form = order_of(browser, service)
    publish_terms(olga)
    unguarded()
    assert re.match(r"/orders/\d+/", browser.post("/orders/new/", form).headers["Location"])


def test_a_draft_that_changes_asks_nobody(alice: User, olga: User) -> None:
    publish_terms(olga)
    accept_newest(alice)
    Page.objects.update(text_en="Draft.")
    assert not needs_acceptance(alice)

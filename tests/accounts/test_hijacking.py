"""Staff look at the site as a customer, over real requests."""

from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from auditlog.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.sessions import block, sign_out_everywhere
from orders.models import Order
from tests.factories import credit, give_role, make_service
from tests.pages import Browser, html, text


@pytest.fixture
def supporter(sasha: User) -> User:
    give_role(sasha, "support")
    return sasha


def look(browser: Client, customer: User) -> int:
    page = f"/admin/accounts/user/{customer.pk}/look/"
    return int(browser.post(page, {"user_pk": customer.pk, "confirmed": "yes"}).status_code)


@pytest.fixture
def looking(supporter: User, alice: User) -> Browser:
    """A browser in which Sasha looks at the site as Alice."""
    browser = Browser(supporter)
    assert look(browser, alice) == 302
    return browser


def whose(browser: Client) -> str | None:
    return browser.session.get(SESSION_KEY)


# --- Who may ----------------------------------------------------------------------------------------------


def test_the_page_says_what_will_happen(supporter: User, alice: User) -> None:
    shown = text(Browser(supporter).get(f"/admin/accounts/user/{alice.pk}/look/"))

    for words in ("as alice@example.com sees it", "change nothing", "after 30 minutes"):
        assert words in shown


@pytest.mark.parametrize("role", ["manager", "accountant"])
def test_others_may_not(sasha: User, alice: User, role: str) -> None:
    give_role(sasha, role)
    browser = Browser(sasha)

    assert look(browser, alice) == 403
    assert whose(browser) == str(sasha.pk)
    assert not LogEntry.objects.filter(action=LogEntry.Action.ACCESS).exists()


@pytest.mark.parametrize("target", ["staff", "superuser", "blocked", "themselves"])
@pytest.mark.parametrize("who", ["supporter", "olga"])
def test_staff_and_the_blocked_are_no_targets(request: pytest.FixtureRequest, who: str, target: str) -> None:
    operator = request.getfixturevalue(who)
    fields = {
        "staff": {"is_staff": True},
        "superuser": {"is_superuser": True},
        "blocked": {"is_active": False},
    }
    user = operator if target == "themselves" else User.objects.create_user("t@example.com", **fields[target])
    browser = Browser(operator)

    assert look(browser, user) == 403
    assert whose(browser) == str(operator.pk)


def test_the_form_of_one_customer_opens_no_other(supporter: User, alice: User, olga: User) -> None:
    browser = Browser(supporter)

    answer = browser.post(f"/admin/accounts/user/{alice.pk}/look/", {"user_pk": olga.pk})

    assert answer.status_code == 200  # asked once more
    assert whose(browser) == str(supporter.pk)


def test_customers_and_strangers_cannot(alice: User, boris: User) -> None:
    for browser in (Browser(alice), Browser()):
        look(browser, boris)
        assert whose(browser) != str(boris.pk)


def test_another_site_cannot_begin_one(supporter: User, alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(supporter)

    assert look(browser, alice) == 403
    assert whose(browser) == str(supporter.pk)


# --- While it lasts ---------------------------------------------------------------------------------------

PAGES = ("/", "/services/", "/orders/", "/orders/new/", "/wallet/", "/account/", "/no-such-page/")


@pytest.mark.parametrize("page", PAGES)
def test_each_page_says_so_and_offers_the_end(looking: Browser, page: str) -> None:
    shown = html(looking.get(page))

    assert "You look at the site as alice@example.com." in shown
    assert 'action="/account/look/end/"' in shown
    assert "style=" not in shown.partition('class="look-banner"')[2].partition("</form>")[0]


def test_nobody_else_is_told_so(alice: User, olga: User) -> None:
    for user in (alice, olga, None):
        assert "You look at the site" not in text(Browser(user).get("/"))


def test_the_customers_own_things_are_shown(looking: Browser, alice: User) -> None:
    credit(alice, "12.5")

    assert "12.50 RUB" in html(looking.get("/wallet/"))


def test_nothing_can_be_changed(looking: Browser, alice: User) -> None:
    credit(alice, 1000)
    service = make_service()
    order = {"service": service.pk, "link": "https://example.com/x", "quantity": 100, "request_id": "1"}
    attempts = (
        ("/orders/new/", order),
        ("/account/", {"name": "Somebody"}),
        ("/email/", {"email": "mine@example.com", "action_add": ""}),
        (
            "/password/change/",
            {"oldpassword": "a long password", "password1": "x" * 12, "password2": "x" * 12},
        ),
        ("/logout/", {}),
        ("/account/2fa/totp/activate/", {"code": "1"}),
        ("/i18n/setlang/", {"language": "ru"}),
    )
    for page, data in attempts:
        answer = looking.post(page, data)
        assert answer.status_code == 403, page
        assert "Nothing was changed" in text(answer)
    for method in ("put", "patch", "delete"):
        assert getattr(looking, method)("/account/").status_code == 403

    alice.refresh_from_db()
    assert (alice.name, alice.email, alice.check_password("a long password")) == (
        "Alice",
        "alice@example.com",
        True,
    )
    assert not Order.objects.exists()
    assert whose(looking) == str(alice.pk)


@pytest.mark.parametrize("page", ["/admin/", "/admin/accounts/user/", "/account/2fa/", "/account/sessions/"])
def test_admin_and_what_lets_customers_in_are_closed(looking: Browser, page: str) -> None:
    answer = looking.get(page)

    assert answer.status_code == 403
    assert "end the look first" in text(answer)


def test_a_superusers_look_opens_no_admin_either(olga: User, alice: User) -> None:
    browser = Browser(olga)
    look(browser, alice)

    assert browser.get("/admin/").status_code == 403
    assert look(browser, alice) == 403


def test_the_customer_notices_nothing(supporter: User, alice: User) -> None:
    customer = Browser()
    customer.post("/login/", {"login": alice.email, "password": "a long password"})
    before = User.objects.values().get(pk=alice.pk)

    browser = Browser(supporter)
    look(browser, alice)
    browser.get("/account/")
    browser.post("/account/look/end/")

    assert User.objects.values().get(pk=alice.pk) == before
    assert UserSession.objects.filter(user=alice).count() == 1
    assert customer.get("/account/").status_code == 200


# --- Its end ----------------------------------------------------------------------------------------------


def test_it_leads_back_to_where_it_began(looking: Browser, supporter: User, alice: User) -> None:
    answer = looking.post("/account/look/end/")

    assert answer.headers["Location"] == f"/admin/accounts/user/{alice.pk}/change/"
    assert whose(looking) == str(supporter.pk)
    assert looking.get("/admin/").status_code == 200
    assert "You look at the site" not in text(looking.get("/account/"))
    assert looking.post("/account/", {"name": "Sasha II"}).status_code == 302


def test_both_ends_are_on_record(looking: Browser, supporter: User, alice: User) -> None:
    looking.post("/account/look/end/")

    ended, begun = LogEntry.objects.filter(action=LogEntry.Action.ACCESS).order_by("-id")
    for entry in (begun, ended):
        assert (entry.actor, entry.object_id, entry.remote_addr) == (supporter, alice.pk, None)
        assert entry.content_type.model_class() is User
    assert begun.additional_data["look"] == "begun"
    assert begun.additional_data["until"] > (timezone.now() + timedelta(minutes=29)).isoformat()
    assert ended.additional_data == {"look": "ended"}


def test_it_ends_by_itself(looking: Browser, supporter: User) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=29), tick=False):
        assert looking.get("/wallet/").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        answer = looking.get("/wallet/", follow=True)

    assert "has ended" in text(answer)
    assert whose(looking) is None
    assert LogEntry.objects.filter(additional_data__look="ended", actor=supporter).count() == 1


def test_after_its_time_the_end_leads_nowhere(looking: Browser) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        looking.post("/account/look/end/")

    assert whose(looking) is None


@pytest.mark.parametrize("what", ["blocked", "signed out", "no staff", "another password"])
def test_who_is_no_longer_who_they_were_does_not_come_back(
    looking: Browser, supporter: User, what: str
) -> None:
    if what == "blocked":
        block(supporter)
    elif what == "signed out":
        sign_out_everywhere(supporter)
    elif what == "no staff":
        User.objects.filter(pk=supporter.pk).update(is_staff=False)
    else:
        supporter.set_password("another long password")
        supporter.save()

    looking.post("/account/look/end/")

    assert whose(looking) is None


@pytest.mark.parametrize("how", [block, sign_out_everywhere])
def test_a_customer_who_is_put_out_takes_the_look_along(looking: Browser, alice: User, how: object) -> None:
    how(alice)  # type: ignore[operator]

    assert looking.get("/wallet/").status_code == 302
    assert whose(looking) is None
    assert (
        looking.post("/login/", {"login": "sasha@example.com", "password": "a long password"}).status_code
        == 302
    )


def test_who_does_not_look_ends_nothing(alice: User) -> None:
    browser = Browser(alice)

    assert browser.post("/account/look/end/").headers["Location"] == "/"
    assert browser.get("/account/look/end/").status_code == 405
    assert whose(browser) == str(alice.pk)

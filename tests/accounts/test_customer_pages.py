import pytest
from auditlog.models import LogEntry
from django.test import Client

from accounts.models import User
from tests.factories import credit, give_role
from tests.pages import Browser, html, text

USERS = "/admin/accounts/user/"


@pytest.fixture(autouse=True)
def _in_english(operator: Client) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def test_a_customer_page_shows_the_balance(operator: Client, alice: User) -> None:
    credit(alice, "1234.5")

    assert "Balance: 1,234.50 RUB" in text(operator.get(f"{USERS}{alice.pk}/change/"))


def test_a_customer_is_blocked_and_let_in_again(operator: Client, olga: User, alice: User) -> None:
    customer = Browser(alice)
    page = html(operator.get(f"{USERS}{alice.pk}/change/"))
    assert f"{USERS}{alice.pk}/block/" in page
    assert f"{USERS}{alice.pk}/unblock/" not in page
    assert "the money stays" in text(operator.get(f"{USERS}{alice.pk}/block/"))
    alice.refresh_from_db()
    assert alice.is_active  # to look is not to do

    for said in ("is blocked", "was blocked before"):
        assert said in text(operator.post(f"{USERS}{alice.pk}/block/", follow=True))
    assert customer.get("/account/").status_code == 302
    page = html(operator.get(f"{USERS}{alice.pk}/change/"))
    assert f"{USERS}{alice.pk}/block/" not in page

    operator.get(f"{USERS}{alice.pk}/unblock/")
    for said in ("can sign in again", "was not blocked"):
        assert said in text(operator.post(f"{USERS}{alice.pk}/unblock/", follow=True))
    alice.refresh_from_db()
    assert alice.is_active

    unblocked, blocked = LogEntry.objects.order_by("-id")[:2]
    assert blocked.changes == {"is_active": ["True", "False"], "sign_outs": ["0", "1"]}
    assert unblocked.changes == {"is_active": ["False", "True"]}
    assert (blocked.actor, unblocked.actor) == (olga, olga)


def test_a_customer_is_signed_out(operator: Client, alice: User) -> None:
    customer = Browser(alice)
    operator.get(f"{USERS}{alice.pk}/sign_out/")
    assert customer.get("/account/").status_code == 200

    assert "is signed out everywhere" in text(operator.post(f"{USERS}{alice.pk}/sign_out/", follow=True))

    assert customer.get("/account/").status_code == 302
    assert LogEntry.objects.get().changes == {"sign_outs": ["0", "1"]}


@pytest.mark.parametrize("page", ["block", "unblock", "sign_out"])
def test_nobody_does_it_to_staff_but_a_superuser_nor_to_themselves(
    operator: Client, olga: User, sasha: User, page: str
) -> None:
    give_role(sasha, "owner")
    helper = Browser(sasha)
    other = User.objects.create_user("other@example.com", is_staff=True)

    for user in (other, olga, sasha):
        assert helper.post(f"{USERS}{user.pk}/{page}/").status_code == 403
    assert operator.post(f"{USERS}{olga.pk}/{page}/").status_code == 403
    assert operator.post(f"{USERS}{other.pk}/{page}/").status_code == 302
    assert User.objects.filter(is_active=True).count() == (2 if page == "block" else 3)


@pytest.mark.parametrize("page", ["block", "look", "sign_out"])
def test_nobody_there(operator: Client, page: str) -> None:
    assert operator.post(f"{USERS}999/{page}/").status_code == 404


def test_the_form_neither_blocks_nor_unblocks(operator: Client, alice: User) -> None:
    operator.post(f"{USERS}{alice.pk}/change/", {"email": alice.email, "name": "A"})

    alice.refresh_from_db()
    assert (alice.name, alice.is_active) == ("A", True)


def test_who_sorts_customers_into_groups_sees_no_password(sasha: User, alice: User) -> None:
    give_role(sasha, "manager")

    shown = html(Browser(sasha).get(f"{USERS}{alice.pk}/change/"))

    assert 'name="customer_group"' in shown
    for hidden in ('name="email"', 'name="groups"', "/password/", alice.password):
        assert hidden not in shown

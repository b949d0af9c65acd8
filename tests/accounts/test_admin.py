from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, Permission
from django.test import Client as Browser

from accounts.models import CustomerGroup, User
from accounts.sessions import block
from tests.factories import make_user
from tests.interrupting import cutting_in

USERS = "/admin/accounts/user/"


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def get(browser: Browser, path: str, **query: object) -> str:
    answer = browser.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def save(browser: Browser, path: str, **data: object) -> None:
    answer = browser.post(path, data)
    errors = answer.context["errors"] if answer.context else ""
    assert answer.status_code == 302, errors


@pytest.fixture
def helper(sasha: User) -> Browser:
    """A browser of Sasha's, who may see to users and their addresses, but is no superuser."""
    sasha.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["accounts", "account"]))
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(sasha)
    return browser


def test_users_are_found_by_address_and_name(operator: Browser, alice: User, boris: User) -> None:
    for term in ("alice@", "Ali"):
        shown = get(operator, USERS, q=term)
        assert "alice@example.com" in shown
        assert "boris@example.com" not in shown


def test_a_user_is_added_and_changed(operator: Browser) -> None:
    password = "quite another secret"
    save(operator, f"{USERS}add/", email="New@Example.com", name="", password1=password, password2=password)
    user = User.objects.get(email="new@example.com")
    assert user.check_password(password)
    assert not user.is_staff

    group = CustomerGroup.objects.create(name="Partners")
    fields = {"email": "new@example.com", "name": "<b>New</b>", "customer_group": group.pk}
    save(operator, f"{USERS}{user.pk}/change/", **fields)
    user.refresh_from_db()
    assert (user.name, user.customer_group, user.is_active) == ("<b>New</b>", group, True)
    assert "&lt;b&gt;New&lt;/b&gt;" in get(operator, USERS)


def test_a_password_is_set_and_never_shown(operator: Browser, alice: User) -> None:
    assert alice.password not in get(operator, f"{USERS}{alice.pk}/change/")

    save(operator, f"{USERS}{alice.pk}/password/", password1="quite another", password2="quite another")

    alice.refresh_from_db()
    assert alice.check_password("quite another")


@pytest.mark.parametrize(
    ("page", "data"),
    [
        ("change", {"email": "alice@example.com", "name": "Alisa"}),
        ("password", {"password1": "quite another", "password2": "quite another"}),
    ],
)
def test_who_is_blocked_while_something_else_is_saved_stays_blocked(
    operator: Browser, alice: User, page: str, data: dict[str, str]
) -> None:
    with cutting_in(lambda: block(alice), before='UPDATE "accounts_user"'):
        save(operator, f"{USERS}{alice.pk}/{page}/", **data)

    alice.refresh_from_db()
    assert (alice.is_active, alice.sign_outs) == (False, 1)
    assert alice.name == "Alisa" or alice.check_password("quite another")


def test_a_user_leads_to_their_orders_and_their_money(operator: Browser, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="a+b&c@example.com")
    shown = get(operator, f"{USERS}{alice.pk}/change/")

    for path in ("orders/order", "wallet/entry", "wallet/ledgeraccount"):
        assert f'href="/admin/{path}/?q=a%2Bb%26c%40example.com"' in shown


def test_links_are_for_those_who_may_follow_them(helper: Browser, alice: User) -> None:
    shown = get(helper, f"{USERS}{alice.pk}/change/")

    assert "/admin/orders/order/" not in shown
    assert "/admin/wallet/" not in shown


@pytest.mark.parametrize("path", ["{0}{1}/delete/", "{0}"])
def test_users_are_not_deleted(operator: Browser, alice: User, path: str) -> None:
    data = {"post": "yes", "action": "delete_selected", "_selected_action": alice.pk}
    operator.post(path.format(USERS, alice.pk), data)

    assert User.objects.filter(pk=alice.pk).exists()


def test_nobody_gives_rights_that_are_not_theirs(helper: Browser, sasha: User, alice: User) -> None:
    group = Group.objects.create(name="everything")
    rights: dict[str, Any] = {"is_staff": "on", "is_superuser": "on", "groups": group.pk}

    save(helper, f"{USERS}{alice.pk}/change/", email=alice.email, name="A", is_active="on", **rights)
    password = "quite another secret"
    save(helper, f"{USERS}add/", email="n@example.com", password1=password, password2=password, **rights)

    for user in User.objects.exclude(is_staff=True):
        assert (user.is_superuser, user.groups.count()) == (False, 0)
    assert User.objects.filter(is_staff=True).count() == 2
    assert User.objects.get(pk=alice.pk).name == "A"
    assert helper.post(f"/admin/auth/group/{group.pk}/change/", {"name": "mine"}).status_code == 403
    assert helper.post("/admin/auth/group/add/", {"name": "mine"}).status_code == 403
    assert helper.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("page", ["change", "password"])
def test_nobody_takes_over_a_member_of_staff(helper: Browser, olga: User, sasha: User, page: str) -> None:
    for user in (olga, sasha):
        data = {"email": "mine@example.com", "password1": "quite another", "password2": "quite another"}
        assert helper.post(f"{USERS}{user.pk}/{page}/", data).status_code == 403

    olga.refresh_from_db()
    assert olga.email == "olga@example.com"
    assert olga.check_password("a long password")


def test_nobody_gives_a_member_of_staff_an_address(helper: Browser, olga: User) -> None:
    address = EmailAddress.objects.create(user=olga, email=olga.email, primary=True)
    theirs = {"user": olga.pk, "email": "mine@example.com", "verified": "on"}

    assert helper.post("/admin/account/emailaddress/add/", theirs).status_code == 403
    change = f"/admin/account/emailaddress/{address.pk}/change/"
    assert helper.post(change, theirs).status_code == 403
    assert list(EmailAddress.objects.values_list("email", flat=True)) == ["olga@example.com"]


def test_an_address_does_not_change_hands(
    operator: Browser, helper: Browser, alice: User, olga: User
) -> None:
    address = EmailAddress.objects.create(user=alice, email=alice.email)

    for browser in (operator, helper):
        save(
            browser,
            f"/admin/account/emailaddress/{address.pk}/change/",
            user=olga.pk,
            email=alice.email,
            verified="on",
        )
        address.refresh_from_db()
        assert (address.user, address.verified) == (alice, True)


def test_groups_hold_rights(operator: Browser) -> None:
    right = Permission.objects.get(codename="view_order")

    save(operator, "/admin/auth/group/add/", name="Support", permissions=[right.pk])

    assert list(Group.objects.get(name="Support").permissions.all()) == [right]


def test_the_right_of_a_group_opens_its_lists(client: Browser) -> None:
    group = Group.objects.create(name="Support")
    group.permissions.set(Permission.objects.filter(codename="view_order"))
    user = make_user(is_staff=True)
    user.groups.add(group)
    client.force_login(user)

    assert client.get("/admin/orders/order/").status_code == 200
    assert client.get("/admin/wallet/transfer/").status_code == 403

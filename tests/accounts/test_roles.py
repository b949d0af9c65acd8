"""Who may do what: each role at each page and action, by real requests."""

import importlib
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission

from accounts import roles
from accounts.models import CustomerGroup, User
from catalog.models import ExchangeRate, PriceRule
from operations.alerting import raise_alert
from operations.models import Alert
from orders.ending import seen_of
from orders.models import Order
from tests.factories import credit, give_role, make_service, make_user, place, role_group
from tests.orders.acting import answered
from tests.pages import Browser, html, text
from wallet.models import Transfer

OWNER, MANAGER, SUPPORT, ACCOUNTANT = "owner", "manager", "support", "accountant"
EVERYBODY = {OWNER, MANAGER, SUPPORT, ACCOUNTANT}


def staff(role: str) -> User:
    user = make_user(f"{role}@example.com", is_staff=True)
    give_role(user, role)
    return user


class Scene:
    """A row of each thing that pages are about."""

    def __init__(self) -> None:
        self.customer = make_user("customer@example.com")
        credit(self.customer, 1000)
        self.service = make_service()
        self.provider, self.category = self.service.provider, self.service.category
        self.queued, self.held, self.open = (self._order() for _ in range(3))
        Order.objects.filter(pk=self.held.pk).update(status="held", due_at=None)
        Order.objects.filter(pk=self.open.pk).update(status="in_progress", provider_order_id="77")
        answered(self.open, "77")
        self.seen = seen_of(Order.objects.get(pk=self.open.pk))
        self.rule = PriceRule.objects.create(scope="service", service=self.service, percent=Decimal(50))
        self.rate = ExchangeRate.objects.create(currency="USD", rate=Decimal(90))
        raise_alert(Alert.Kind.ORDER_HELD, cause="order:1", text="Look at it.")
        self.alert = Alert.objects.get(cause="order:1")
        self.group = CustomerGroup.objects.create(name="Partners")

    def _order(self) -> Order:
        return place(self.customer, self.service, quantity=100)


@pytest.fixture
def scene(db: None) -> Scene:
    return Scene()


PAGES: tuple[tuple[str, set[str]], ...] = (
    ("/admin/", EVERYBODY),
    ("/admin/orders/order/", EVERYBODY),
    ("/admin/orders/order/{queued.pk}/change/", EVERYBODY),
    ("/admin/orders/attempt/", EVERYBODY),
    ("/admin/orders/orderevent/", EVERYBODY),
    ("/admin/orders/order/waiting/", {OWNER, MANAGER}),
    ("/admin/orders/order/{held.pk}/settle/", {OWNER, MANAGER}),
    ("/admin/orders/order/{open.pk}/end/", {OWNER, MANAGER}),
    ("/admin/orders/order/{open.pk}/ask/", {OWNER, MANAGER}),
    ("/admin/orders/order/{held.pk}/teach/", {OWNER, MANAGER}),
    ("/admin/orders/order/{queued.pk}/cancel/", {OWNER, MANAGER, SUPPORT}),
    ("/admin/wallet/ledgeraccount/", {OWNER, ACCOUNTANT}),
    ("/admin/wallet/transfer/", {OWNER, ACCOUNTANT}),
    ("/admin/wallet/entry/", {OWNER, ACCOUNTANT}),
    ("/admin/wallet/ledgeraccount/adjust/{customer.pk}/", {OWNER, ACCOUNTANT}),
    ("/admin/catalog/provider/", {OWNER, MANAGER, ACCOUNTANT}),
    ("/admin/catalog/provider/add/", {OWNER, MANAGER}),
    ("/admin/catalog/service/", {OWNER, MANAGER}),
    ("/admin/catalog/service/{service.pk}/change/", {OWNER, MANAGER}),
    ("/admin/catalog/category/", {OWNER, MANAGER}),
    ("/admin/catalog/pricerule/", {OWNER, MANAGER}),
    ("/admin/catalog/pricerule/add/", {OWNER, MANAGER}),
    ("/admin/catalog/pricerule/{rule.pk}/delete/", {OWNER, MANAGER}),
    ("/admin/catalog/exchangerate/", {OWNER, MANAGER, ACCOUNTANT}),
    ("/admin/catalog/exchangerate/add/", {OWNER, MANAGER}),
    ("/admin/catalog/taughttext/", {OWNER, MANAGER}),
    ("/admin/catalog/taughttext/add/", {OWNER, MANAGER}),
    ("/admin/catalog/syncrun/", {OWNER, MANAGER}),
    ("/admin/operations/alert/", {OWNER, MANAGER}),
    ("/admin/accounts/user/", EVERYBODY),
    ("/admin/accounts/user/add/", {OWNER}),
    ("/admin/accounts/user/{customer.pk}/change/", EVERYBODY),
    ("/admin/accounts/user/{customer.pk}/password/", {OWNER}),
    ("/admin/accounts/user/{customer.pk}/block/", {OWNER, MANAGER, SUPPORT}),
    ("/admin/accounts/user/{customer.pk}/sign_out/", {OWNER, MANAGER, SUPPORT}),
    ("/admin/accounts/user/{customer.pk}/look/", {OWNER, SUPPORT}),
    ("/admin/accounts/customergroup/", EVERYBODY),
    ("/admin/accounts/customergroup/add/", {OWNER, MANAGER}),
    ("/admin/account/emailaddress/", EVERYBODY),
    ("/admin/auth/group/", {OWNER}),
    ("/admin/auth/group/add/", set()),
    ("/admin/mfa/authenticator/", {OWNER}),
    ("/admin/auditlog/logentry/", {OWNER}),
)


@pytest.mark.parametrize(("page", "who"), PAGES, ids=[page for page, _ in PAGES])
def test_who_opens_what(scene: Scene, page: str, who: set[str]) -> None:
    address = page.format(**vars(scene))

    opened = {role for role in roles.ROLES if Browser(staff(role)).get(address).status_code == 200}
    refused = {role for role in EVERYBODY - who if Browser(_again(role)).get(address).status_code == 403}

    assert opened == who
    assert refused == EVERYBODY - who


def _again(role: str) -> User:
    return User.objects.get(email=f"{role}@example.com")


def posted(page: str, **data: object) -> Callable[[Browser, Scene], int]:
    def post(browser: Browser, scene: Scene) -> int:
        fields = {name: str(value).format(**vars(scene)) for name, value in data.items()}
        answer = browser.post(page.format(**vars(scene)), fields)
        # Some ask once more, with a mark of what they showed.
        if mark := re.search(r'name="confirmed" value="([^"]+)"', answer.content.decode()):
            answer = browser.post(page.format(**vars(scene)), fields | {"confirmed": mark[1]})
        return int(answer.status_code)

    return post


def acted(lists: str, action: str, row: str, **more: object) -> Callable[[Browser, Scene], int]:
    data = {"action": action, "_selected_action": row, **more}
    return posted(f"/admin/{lists}/", **data)


def is_status(name: str, status: str) -> Callable[[Scene], bool]:
    return lambda scene: Order.objects.get(pk=getattr(scene, name).pk).status == status


DEEDS: dict[str, tuple[Callable[[Browser, Scene], int], Callable[[Scene], bool], set[str]]] = {
    "cancel an order": (
        posted("/admin/orders/order/{queued.pk}/cancel/", confirmed="yes"),
        is_status("queued", "canceled"),
        {OWNER, MANAGER, SUPPORT},
    ),
    "cancel chosen orders": (
        acted("orders/order", "cancel_orders", "{queued.pk}", confirmed="yes"),
        is_status("queued", "canceled"),
        {OWNER, MANAGER, SUPPORT},
    ),
    "end an order by hand": (
        posted(
            "/admin/orders/order/{open.pk}/end/",
            status="canceled",
            remains="",
            why="They said so.",
            seen="{seen}",
            confirmed="yes",
        ),
        is_status("open", "canceled"),
        {OWNER, MANAGER},
    ),
    "close an alert": (
        acted("operations/alert", "close", "{alert.pk}"),
        lambda scene: Alert.objects.get(pk=scene.alert.pk).closed_at is not None,
        {OWNER, MANAGER},
    ),
    "adjust a balance": (
        posted(
            "/admin/wallet/ledgeraccount/adjust/{customer.pk}/",
            way="in",
            amount="5",
            note="a gift",
            reference="00000000-0000-4000-8000-000000000001",
        ),
        lambda scene: Transfer.objects.filter(note="a gift").exists(),
        {OWNER, ACCOUNTANT},
    ),
    "drop a price rule": (
        posted("/admin/catalog/pricerule/{rule.pk}/delete/", post="yes"),
        lambda scene: not PriceRule.objects.filter(pk=scene.rule.pk).exists(),
        {OWNER, MANAGER},
    ),
    "hide a service": (
        acted("catalog/service", "hide", "{service.pk}"),
        lambda scene: type(scene.service).objects.get().is_hidden,
        {OWNER, MANAGER},
    ),
    "halt a provider": (
        acted("catalog/provider", "halt_by_hand", "{provider.pk}"),
        lambda scene: type(scene.provider).objects.get().halted_at is not None,
        {OWNER, MANAGER},
    ),
    "block a customer": (
        posted("/admin/accounts/user/{customer.pk}/block/", confirmed="yes"),
        lambda scene: not User.objects.get(pk=scene.customer.pk).is_active,
        {OWNER, MANAGER, SUPPORT},
    ),
    "sort a customer into a group": (
        posted(
            "/admin/accounts/user/{customer.pk}/change/",
            email="{customer.email}",
            customer_group="{group.pk}",
        ),
        lambda scene: User.objects.get(pk=scene.customer.pk).customer_group == scene.group,
        {OWNER, MANAGER},
    ),
    "change a customer's address": (
        posted("/admin/accounts/user/{customer.pk}/change/", email="mine@example.com"),
        lambda scene: User.objects.get(pk=scene.customer.pk).email == "mine@example.com",
        {OWNER},
    ),
    "give themselves rights": (
        posted(
            "/admin/accounts/user/{customer.pk}/change/",
            email="{customer.email}",
            is_staff="on",
            is_superuser="on",
        ),
        lambda scene: User.objects.get(pk=scene.customer.pk).is_staff,
        set(),
    ),
}


@pytest.mark.parametrize("role", sorted(EVERYBODY))
@pytest.mark.parametrize("deed", DEEDS)
def test_who_does_what(scene: Scene, deed: str, role: str) -> None:
    do, is_done, who = DEEDS[deed]

    do(Browser(staff(role)), scene)

    assert is_done(scene) == (role in who)


BUTTONS = {
    "Settle…": ("/admin/orders/order/{held.pk}/change/", {OWNER, MANAGER}),
    "Cancel…": ("/admin/orders/order/{queued.pk}/change/", {OWNER, MANAGER, SUPPORT}),
    "End by hand…": ("/admin/orders/order/{open.pk}/change/", {OWNER, MANAGER}),
    "Ask the provider now…": ("/admin/orders/order/{open.pk}/change/", {OWNER, MANAGER}),
    "Teach this text a class…": ("/admin/orders/order/{held.pk}/change/", {OWNER, MANAGER}),
    "Adjust the balance…": ("/admin/accounts/user/{customer.pk}/change/", {OWNER, ACCOUNTANT}),
    "Balance: ": ("/admin/accounts/user/{customer.pk}/change/", {OWNER, ACCOUNTANT}),
    "Look as this customer…": ("/admin/accounts/user/{customer.pk}/change/", {OWNER, SUPPORT}),
    "Block…": ("/admin/accounts/user/{customer.pk}/change/", {OWNER, MANAGER, SUPPORT}),
    "Sign out everywhere…": ("/admin/accounts/user/{customer.pk}/change/", {OWNER, MANAGER, SUPPORT}),
    "Waiting for a decision": ("/admin/", {OWNER, MANAGER}),
}


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_nobody_is_shown_a_button_that_would_refuse_them(scene: Scene, role: str) -> None:
    browser = Browser(staff(role))
    for words, (page, who) in BUTTONS.items():
        assert (words in text(browser.get(page.format(**vars(scene))))) == (role in who), words


def test_roles_name_rights_that_exist(db: None) -> None:
    known = {
        f"{app}.{code}" for app, code in Permission.objects.values_list("content_type__app_label", "codename")
    }

    for role, rights in roles.ROLES.items():
        assert set(rights) <= known, role
        assert len(rights) == len(set(rights)), role
    # Django's own names for what the migration made before Django could.
    names = Permission.objects.filter(codename="view_order").values_list("name", flat=True)
    assert list(names) == ["Can view order"]


def test_the_owner_may_look_at_everything(db: None) -> None:
    owner = staff(OWNER)
    for model in admin.site._registry:
        assert owner.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"), model


def test_no_role_gives_rights(db: None) -> None:
    for role in roles.ROLES:
        user = staff(role)
        for right in ("auth.change_group", "auth.add_group", "auth.change_permission"):
            assert not user.has_perm(right)


def test_what_an_operator_made_of_a_role_stays(db: None) -> None:
    support = role_group(SUPPORT)
    support.permissions.set(Permission.objects.filter(codename="view_order"))
    Group.objects.filter(name=MANAGER).delete()

    importlib.import_module("accounts.migrations.0003_roles").make_roles(apps, None)

    assert [right.codename for right in support.permissions.all()] == ["view_order"]
    assert Group.objects.get(name=MANAGER).permissions.count() == len(roles.ROLES[MANAGER])


def test_roles_are_named_in_the_readers_language(operator: Any) -> None:
    for page in ("/admin/auth/group/", f"/admin/accounts/user/{User.objects.get().pk}/change/"):
        assert "accountant" in html(operator.get(page, headers={"Accept-Language": "en"}))

"""The four roles: groups of rights, made once by `migrations/0003_roles.py`, and from then on the operator's.

A superuser may change what a group may do; no upgrade changes it back. Rights that come with a later version
are given to the roles by that version's own migration, by `give`. What a role never has, since only a
superuser may: giving rights, and changing members of staff (`admin.py`).
"""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext, gettext_noop

VIEW, EDIT = ("view",), ("view", "add", "change", "delete")


def _rights(app: str, models: str, actions: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{app}.{action}_{model}" for model in models.split() for action in actions)


SEE_ORDERS = _rights("orders", "order attempt orderevent lostanswer candidate", VIEW)
WORK_ON_ORDERS = (*SEE_ORDERS, "orders.change_order", "orders.cancel_order")
SEE_CUSTOMERS = (*_rights("accounts", "user customergroup", VIEW), "account.view_emailaddress")
SEE_MONEY = _rights("wallet", "ledgeraccount transfer entry", VIEW)
ADJUST_MONEY = (*SEE_MONEY, "wallet.add_transfer")
SEE_FIGURES = _rights("orders", "daytotals", VIEW)
SEE_OPERATIONS = _rights("operations", "alert alertdelivery jobrun sitestate", VIEW)
RUN_OPERATIONS = (
    *SEE_OPERATIONS,
    *_rights("operations", "alert jobrun sitestate", ("change",)),
)
SEE_CATALOGUE = _rights(
    "catalog",
    "provider service category pricerule exchangerate taughttext syncrun balancereading servicehold "
    "servicechange cataloguepolicy bannedwords linkrule servicehealth servicespeed",
    VIEW,
)
RUN_CATALOGUE = (
    *SEE_CATALOGUE,
    *_rights("catalog", "provider service category cataloguepolicy", ("change",)),
    *_rights("catalog", "provider category", ("add",)),
    *_rights("catalog", "pricerule exchangerate taughttext bannedwords linkrule", EDIT[1:]),
)
MOVE_SHEETS = (
    *_rights("catalog", "service pricerule", ("export", "import")),
    "catalog.export_category",
    "orders.export_order",
    "accounts.export_user",
)
TELL_CUSTOMERS = (
    *_rights("support", "announcement page", EDIT),
    *_rights("support", "dismissal termsversion termsacceptance", VIEW),
)

ROLES: dict[str, tuple[str, ...]] = {
    "owner": (
        *(*WORK_ON_ORDERS, *ADJUST_MONEY, *SEE_FIGURES, *RUN_OPERATIONS, *RUN_CATALOGUE, *TELL_CUSTOMERS),
        *MOVE_SHEETS,
        *_rights("operations", "alertchannel", EDIT),
        "support.add_termsversion",
        *SEE_CUSTOMERS,
        *_rights("accounts", "user", ("add", "change")),
        *_rights("accounts", "customergroup", EDIT[1:]),
        *("account.change_emailaddress", "accounts.block_customer", "accounts.hijack_customer"),
        *("auth.view_group", "mfa.view_authenticator", "mfa.delete_authenticator"),
        "auditlog.view_logentry",
    ),
    "manager": (
        *(*WORK_ON_ORDERS, *SEE_FIGURES, *RUN_OPERATIONS, *RUN_CATALOGUE, *TELL_CUSTOMERS),
        *MOVE_SHEETS,
        *SEE_CUSTOMERS,
        *_rights("accounts", "customergroup", EDIT[1:]),
        "accounts.block_customer",
    ),
    "support": (
        *SEE_ORDERS,
        "orders.cancel_order",
        *SEE_CUSTOMERS,
        *("accounts.block_customer", "accounts.hijack_customer"),
        *_rights("support", "announcement page", VIEW),
    ),
    "accountant": (
        *(*SEE_ORDERS, *ADJUST_MONEY, *SEE_FIGURES, *SEE_CUSTOMERS),
        *("orders.export_order", "accounts.export_user"),
        *_rights("catalog", "provider exchangerate balancereading", VIEW),
    ),
}
"""Role, then its rights: what `User.has_perm` is asked for."""

NAMES = (
    gettext_noop("owner"),
    gettext_noop("manager"),
    gettext_noop("support"),
    gettext_noop("accountant"),
)


def shown_name(group: Any) -> str:
    """Return a group's name in the reader's language where it is a role's."""
    return gettext(group.name) if group.name in ROLES else str(group.name)


def make(apps: Any) -> None:
    """Make the groups that are not there, with their rights; a group of the same name stays as it is.

    `apps` is the registry of a migration, or django's own.
    """
    for role, rights in ROLES.items():
        group, is_new = apps.get_model("auth", "Group").objects.get_or_create(name=role)
        if is_new:
            give(apps, group, rights)


def give(apps: Any, group: Any, rights: Iterable[str]) -> None:
    """Give a group rights, making those that nobody has made yet.

    Django makes a model's rights after all migrations; what is there by then it leaves alone.
    """
    kinds = apps.get_model("contenttypes", "ContentType").objects
    permissions = apps.get_model("auth", "Permission").objects
    for right in rights:
        app, codename = right.split(".")
        action, model = codename.split("_")
        kind, _ = kinds.get_or_create(app_label=app, model=OF.get(right, model))
        name = OWN.get(right, f"Can {action} {model}")
        permission, _ = permissions.get_or_create(
            content_type=kind, codename=codename, defaults={"name": name}
        )
        group.permissions.add(permission)


OWN = {
    "accounts.block_customer": "Can block customers and sign them out",
    "accounts.hijack_customer": "Can look at the site as a customer",
    "orders.cancel_order": "Can cancel orders",
}
"""Rights of our own making, as their models name them."""

OF = {"accounts.block_customer": "user", "accounts.hijack_customer": "user"}
"""Rights whose model's name is not the end of theirs."""

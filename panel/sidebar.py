"""Admin's sidebar: the models of each room, in the order in which an operator needs them."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from orders.waiting_pages import waiting_count

ROOMS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "orders",
        (
            ("orders.Order", "shopping_cart"),
            ("orders.Attempt", "send"),
            ("orders.LostAnswer", "travel_explore"),
            ("orders.Candidate", "plagiarism"),
            ("orders.OrderEvent", "history"),
            ("orders.DayTotals", "calendar_month"),
        ),
    ),
    (
        "operations",
        (
            ("operations.Alert", "notifications"),
            ("operations.JobRun", "schedule"),
            ("operations.SiteState", "construction"),
            ("operations.AlertChannel", "forum"),
            ("operations.AlertDelivery", "outgoing_mail"),
        ),
    ),
    (
        "wallet",
        (
            ("wallet.LedgerAccount", "account_balance_wallet"),
            ("wallet.Transfer", "sync_alt"),
            ("wallet.Entry", "receipt_long"),
        ),
    ),
    (
        "catalog",
        (
            ("catalog.Provider", "dns"),
            ("catalog.BalanceReading", "show_chart"),
            ("catalog.Service", "sell"),
            ("catalog.ServiceHold", "pause_circle"),
            ("catalog.ServiceChange", "manage_history"),
            ("catalog.ServiceHealth", "ecg_heart"),
            ("catalog.ServiceSpeed", "speed"),
            ("catalog.Category", "category"),
            ("catalog.PriceRule", "percent"),
            ("catalog.ExchangeRate", "currency_exchange"),
            ("catalog.LinkRule", "link"),
            ("catalog.CataloguePolicy", "policy"),
            ("catalog.BannedWords", "block"),
            ("catalog.TaughtText", "school"),
            ("catalog.SyncRun", "sync"),
        ),
    ),
    (
        "support",
        (
            ("support.Announcement", "campaign"),
            ("support.Dismissal", "visibility_off"),
            ("support.Page", "article"),
            ("support.TermsVersion", "gavel"),
            ("support.TermsAcceptance", "task_alt"),
        ),
    ),
    (
        "accounts",
        (
            ("accounts.User", "person"),
            ("accounts.CustomerGroup", "groups"),
            ("account.EmailAddress", "mail"),
            ("auth.Group", "shield_person"),
            ("mfa.Authenticator", "phonelink_lock"),
            ("auditlog.LogEntry", "history"),
        ),
    ),
)
"""Room, then its models with their icons (of the Material Symbols that unfold brings)."""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups, with what this member of staff may look at."""
    return [
        {
            "title": apps.get_app_config(room).verbose_name,
            "items": [
                *(_work(request) if room == "orders" else ()),
                *(_item(request, name, icon) for name, icon in models if _may_view(request, name)),
            ],
        }
        for room, models in ROOMS
    ]


def _work(request: HttpRequest) -> list[dict[str, Any]]:
    """Return what leads to the work that waits, for those who may do it."""
    if not request.user.has_perm("orders.change_order"):
        return []
    link = reverse("admin:orders_order_waiting")
    entry = {"title": _("Waiting for a decision"), "icon": "gavel", "link": link, "badge": waiting_count()}
    return [{**entry, "active": request.path == link}]


def _item(request: HttpRequest, name: str, icon: str) -> dict[str, Any]:
    meta = apps.get_model(name)._meta
    title = str(meta.verbose_name_plural)
    link = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    # Said here: unfold takes an entry for active whose address begins another one's, too.
    is_work = request.path == reverse("admin:orders_order_waiting")
    active = request.path.startswith(link) and not is_work
    return {"title": title[:1].upper() + title[1:], "icon": icon, "link": link, "active": active}


def _may_view(request: HttpRequest, name: str) -> bool:
    return admin.site.get_model_admin(apps.get_model(name)).has_view_permission(request)

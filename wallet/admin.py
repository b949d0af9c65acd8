"""The ledger in admin: to be read, never to be edited."""

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from accounts.admin_lists import LongList, NewestPaginator, ReadOnly
from accounts.models import User
from accounts.requests import row_number
from money.display import shown
from wallet.adjusting_page import AdjustingPage
from wallet.models import Entry, LedgerAccount, Transfer

__all__ = ["LINK", "LongList", "NewestPaginator", "ReadOnly", "number_in", "short", "user_id_of"]

LINK = "text-primary-600 dark:text-primary-500"
"""Unfold's classes for a link in a field."""


def user_id_of(email: str) -> int:
    """Return the id of the user with this address, 0 for none: a condition on an id meets an index."""
    return User.objects.filter(email=email.strip().lower()).values_list("pk", flat=True).first() or 0


def short(at: datetime | None) -> str:
    """Return a time as narrow as a column needs it, "—" for none."""
    return "—" if at is None else date_format(localtime(at), "SHORT_DATETIME_FORMAT")


def number_in(term: str) -> int:
    """Return the number that a search term is, 0 for anything else or more than a row's number can be."""
    return row_number(term.strip().removeprefix("#")) or 0


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnly, AdjustingPage, ModelAdmin):  # type: ignore[misc]
    """Wallets and the site's own accounts."""

    list_display = ("__str__", "kind", "shown_balance", "entries_link")
    list_filter = ("kind",)
    search_fields = ("owner__email",)
    search_help_text = _("A part of the owner's e-mail address.")
    list_select_related = ("owner",)
    show_full_result_count = False
    paginator = NewestPaginator
    ordering = ("-id",)
    fields = ("kind", "owner", "shown_balance", "entries_link")
    readonly_fields = ("shown_balance", "entries_link")

    @admin.display(description=_("balance"), ordering="balance")
    def shown_balance(self, account: LedgerAccount) -> str:
        """Show a wallet's balance with its currency."""
        return "—" if account.balance is None else shown(account.balance)

    @admin.display(description=_("statement"))
    def entries_link(self, account: LedgerAccount) -> str:
        """Link to the account's entries."""
        query = urlencode({"account__id__exact": account.pk})
        url = reverse("admin:wallet_entry_changelist")
        return format_html('<a class="{}" href="{}?{}">{}</a>', LINK, url, query, gettext("entries"))


class EntryInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """A transfer's legs."""

    model = Entry
    fields = ("account", "shown_amount")
    readonly_fields = fields
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        """Fetch what a leg's heading is made of at once."""
        return super().get_queryset(request).select_related("transfer", "account__owner")  # type: ignore[no-any-return]

    @admin.display(description=_("amount"))
    def shown_amount(self, entry: Entry) -> str:
        """Show what the account gained or gave."""
        return shown(entry.amount)


@admin.register(Transfer)
class TransferAdmin(LongList, ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Every movement of money, newest first, found by reference or by the number of its order."""

    list_display = ("id", "shown_at", "kind", "reference", "shown_amount", "note", "made_by")
    list_filter = ("kind", "created_at")
    search_fields = ("reference",)  # offers the search; what it does is in get_search_results
    search_help_text = _("The number of an order, or a whole reference.")
    list_select_related = ("made_by",)
    inlines = (EntryInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        """Fetch the legs of all rows at once."""
        return super().get_queryset(request).prefetch_related("entries")  # type: ignore[no-any-return]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transfer], search_term: str
    ) -> tuple[QuerySet[Transfer], bool]:
        """Search by index: `wallet_transfer_subject`, or `wallet_transfer_unique_cause` kind by kind."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if number := number_in(term):
            return queryset.filter(subject_id=number), False
        return queryset.filter(kind__in=Transfer.Kind.values, reference=term), False

    @admin.display(description=_("at"))
    def shown_at(self, transfer: Transfer) -> str:
        """Say when."""
        return short(transfer.created_at)

    @admin.display(description=_("amount"))
    def shown_amount(self, transfer: Transfer) -> str:
        """Show how much was moved."""
        return shown(max(entry.amount for entry in transfer.entries.all()))


@admin.register(Entry)
class EntryAdmin(LongList, ReadOnly, ModelAdmin):  # type: ignore[misc]
    """The legs of transfers, newest first: an account's statement, found by its owner's address."""

    list_display = ("id", "moved_at", "account", "shown_amount", "transfer", "note")
    list_filter = ("transfer__kind",)
    search_fields = ("account",)  # offers the search; what it does is in get_search_results
    search_help_text = _("The owner's whole e-mail address.")
    list_select_related = ("transfer", "account__owner")
    fields = ("account", "shown_amount", "transfer", "moved_at", "note")
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        """Search by the owner, then by index: `wallet_entry_statement`."""
        if not search_term.strip():
            return queryset, False
        wallet = LedgerAccount.objects.filter(owner=user_id_of(search_term)).values_list("pk", flat=True)
        return queryset.filter(account=wallet.first() or 0), False

    @admin.display(description=_("at"))
    def moved_at(self, entry: Entry) -> str:
        """Say when."""
        return short(entry.transfer.created_at)

    @admin.display(description=_("amount"))
    def shown_amount(self, entry: Entry) -> str:
        """Show what the account gained or gave."""
        return shown(entry.amount)

    @admin.display(description=_("note"))
    def note(self, entry: Entry) -> str:
        """Show why."""
        return entry.transfer.note

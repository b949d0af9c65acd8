"""Orders in admin: everything to be read, nothing to be edited; what is done is done by the rules."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from accounts.admin_lists import asked_once
from accounts.sheet_pages import ExportPages
from catalog.admin_filters import ProviderFilter
from catalog.fault_words import halt_in_words, rule_in_words, text_in_words
from money.display import shown
from orders.delaying import Delay, delays_of
from orders.links import START_LENGTH, LinkStart
from orders.models import Attempt, Candidate, DayTotals, LostAnswer, Order, OrderEvent
from orders.operating import OperatorPages
from orders.refund_pages import RefundPages
from orders.sheets import OrderSheet
from orders.stuck import StuckFilter
from orders.teaching_pages import TeachingPages
from orders.timeline import shown_status_label, status_in_words
from orders.totals_admin import DayTotalsAdmin
from wallet.admin import LINK, LongList, ReadOnly, number_in, short, user_id_of
from wallet.models import Transfer

admin.site.register(DayTotals, DayTotalsAdmin)

Status = Order.Status

COLOURS: dict[str, str] = dict.fromkeys(Status.values, "default") | {
    Status.UNCERTAIN: "danger",
    Status.HELD: "danger",
    Status.PENDING: "info",
    Status.PROCESSING: "info",
    Status.IN_PROGRESS: "info",
    Status.COMPLETED: "success",
    Status.PARTIAL: "warning",
}


Event = OrderEvent.Kind

SAID_BY_PROVIDER = frozenset(
    (
        *(Event.WAITS, Event.UNCERTAIN, Event.HELD, Event.REFUSED, Event.STATUS),
        *(Event.CANCEL_REFUSED, Event.CANCEL_UNANSWERED),
    )
)
"""Events whose detail is what the provider said, or our own text where it said nothing."""


class OfAnOrder(LongList, ReadOnly):
    """A list of what belongs to orders, found by an order's number."""

    search_fields = ("order",)  # offers the search; what it does is in get_search_results
    search_help_text = _("The number of an order.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the foreign key, which is indexed in both tables."""
        return queryset.filter(order=number_in(search_term)) if search_term.strip() else queryset, False


class AttemptColumns:
    """What an attempt shows on its order's page, in the list of all, and on its own page."""

    @admin.display(description=_("rule"))
    def shown_rule(self, attempt: Attempt) -> str:
        """Say what the answer was taken for."""
        return rule_in_words(attempt.rule)


class AttemptInline(AttemptColumns, ReadOnly, TabularInline):  # type: ignore[misc]
    """The `add` calls made for an order, newest first."""

    model = Attempt
    fields = (
        *("started_at", "ended_at", "outcome", "shown_rule", "http_status"),
        *("provider_order_id", "shown_answer"),
    )
    readonly_fields = fields
    extra = 0
    per_page = 20
    hide_title = True
    show_change_link = True

    @admin.display(description=_("raw answer"))
    def shown_answer(self, attempt: Attempt) -> str:
        """Show the beginning; the whole is on the attempt's own page."""
        return Truncator(attempt.answer).chars(300) or "—"


class EventColumns:
    """Columns that an event shows in its order's timeline and in the list of all."""

    @admin.display(description=_("change"))
    def shown_change(self, event: OrderEvent) -> str:
        """Show the statuses from and to, where they changed."""
        if not event.to_status:
            return "—"
        return " → ".join(
            status_in_words(status) for status in (event.from_status, event.to_status) if status
        )

    @admin.display(description=_("amount"))
    def shown_amount(self, event: OrderEvent) -> str:
        """Show what moved."""
        return "—" if event.amount is None else shown(event.amount)

    @admin.display(description=_("why"))
    def shown_detail(self, event: OrderEvent) -> str:
        """Show why: a provider's words in quotes, a person's reason as it was written."""
        return text_in_words(event.detail) if event.kind in SAID_BY_PROVIDER else event.detail or "—"


class OrderEventInline(EventColumns, ReadOnly, TabularInline):  # type: ignore[misc]
    """An order's timeline, oldest first."""

    model = OrderEvent
    fields = ("at", "kind", "shown_change", "actor", "shown_amount", "shown_detail")
    readonly_fields = fields
    extra = 0
    per_page = 50
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderEvent]:
        """Fetch who did it with it."""
        return super().get_queryset(request).select_related("actor")  # type: ignore[no-any-return]


@admin.register(Order)
class OrderAdmin(LongList, ReadOnly, ExportPages, RefundPages, TeachingPages, OperatorPages):
    """Orders, newest first; canceling, asking the provider and settling are pages of their own."""

    resource_classes = (OrderSheet,)
    list_display = (
        *("id", "shown_status", "customer", "shown_charge", "shown_refunded", "provider_order_id"),
        *("shown_quantity", "shown_service", "shown_link", "shown_created", "shown_due"),
    )
    list_filter = ("status", ProviderFilter, StuckFilter, "cancel_state", "created_at")
    list_fullwidth = True
    search_fields = ("id",)  # offers the search; what it does is in get_search_results
    search_help_text = _(
        "Our number, the provider's id, the whole link, or the customer's whole e-mail address."
    )
    inlines = (OrderEventInline, AttemptInline)
    fieldsets = (
        (None, {"fields": ("status", "customer_sees", "shown_reason", "due_at", "waits", "kept_back_by")}),
        (_("Order"), {"fields": ("customer_links", "service", "link", "shown_quantity", "request_id")}),
        (
            _("Money"),
            {"fields": ("shown_price", "shown_charge", "shown_refunded", "shown_kept", "transfers")},
        ),
        (
            _("At the provider"),
            {
                "fields": (
                    *("provider", "provider_order_id", "start_count", "remains"),
                    *("shown_cost", "shown_provider_charge", "unknown_answers"),
                )
            },
        ),
        (_("Cancel"), {"fields": ("cancel_state", "cancel_due_at")}),
        (_("Dates"), {"fields": ("created_at", "sent_at", "ended_at", "rechecks")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Order | None = None) -> list[str]:
        """Let nothing be edited."""
        return [field for _, options in self.fieldsets for field in options["fields"]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Fetch what the columns show at once, without keys: a lost one must not break the list."""
        orders = super().get_queryset(request).select_related("customer", "service", "provider")
        return orders.defer("provider__key")  # type: ignore[no-any-return]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Search by what the term looks like, so that each search meets one index.

        An address: `orders_order_of_customer`. A link: `orders_order_link_start`. Else an id: the primary
        key, and `orders_order_provider_id`.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.lower().startswith(("http://", "https://")):
            # Two halves, not the link itself: SQLite would put an equal link's value into the index's
            # expression, and then not know it again.
            halves = queryset.alias(link_start=LinkStart("link"), link_rest=Substr("link", START_LENGTH + 1))
            return halves.filter(link_start=term[:START_LENGTH], link_rest=term[START_LENGTH:]), False
        if "@" in term:
            return queryset.filter(customer=user_id_of(term)), False
        return queryset.filter(Q(pk=number_in(term)) | Q(provider_order_id=term)), False

    @admin.display(description=_("status"))
    def shown_status(self, order: Order) -> tuple[str, str]:
        """Show where it stands, in colour."""
        return order.status, order.get_status_display()

    shown_status.label = COLOURS  # type: ignore[attr-defined]  # unfold's own attribute

    @admin.display(description=_("placed at"))
    def shown_created(self, order: Order) -> str:
        """Say when it was placed."""
        return short(order.created_at)

    @admin.display(description=_("due at"))
    def shown_due(self, order: Order) -> str:
        """Say when it is sent, or asked about, next."""
        return short(order.due_at)

    @admin.display(description=_("the customer sees"))
    def customer_sees(self, order: Order) -> str:
        """Show the customer's word for it."""
        return shown_status_label(order)

    @admin.display(description=_("reason"))
    def shown_reason(self, order: Order) -> str:
        """Show why it waits, or ended: the provider's words in quotes."""
        return text_in_words(order.reason)

    @admin.display(description=_("kept from being sent by"))
    def kept_back_by(self, order: Order) -> str:
        """Say what keeps a queued order from being sent, with a link to where that is changed."""
        said = ((LINK, *_told(order, delay)) for delay in delays_of(order))
        return format_html_join("", '<div><a class="{}" href="{}">{}</a>: {}</div>', said) or "—"

    @admin.display(description=_("service"))
    def shown_service(self, order: Order) -> str:
        """Show the service's beginning."""
        return Truncator(str(order.service)).chars(30)

    @admin.display(description=_("link"))
    def shown_link(self, order: Order) -> str:
        """Show the link's beginning, the whole in a title."""
        return format_html('<span title="{}">{}</span>', order.link, Truncator(order.link).chars(30))

    @admin.display(description=_("quantity"))
    def shown_quantity(self, order: Order) -> str:
        """Show it in the reader's manner."""
        return number_format(order.quantity, use_l10n=True, force_grouping=True)

    @admin.display(description=_("charge"))
    def shown_charge(self, order: Order) -> str:
        """Show it with its currency."""
        return shown(order.charge)

    @admin.display(description=_("refunded"))
    def shown_refunded(self, order: Order) -> str:
        """Show it with its currency."""
        return shown(order.refunded) if order.refunded else "—"

    @admin.display(description=_("kept"))
    def shown_kept(self, order: Order) -> str:
        """Show what the order cost its customer in the end."""
        return shown(order.kept)

    @admin.display(description=_("price per 1000"))
    def shown_price(self, order: Order) -> str:
        """Show the price when it was placed."""
        return shown(order.price)

    @admin.display(description=_("cost per 1000"))
    def shown_cost(self, order: Order) -> str:
        """Show the cost when it was placed, in the provider's currency."""
        return shown(order.cost, order.provider.currency)

    @admin.display(description=_("provider's charge"))
    def shown_provider_charge(self, order: Order) -> str:
        """Show what the provider took, in its currency."""
        return "—" if order.provider_charge is None else shown(order.provider_charge, order.provider.currency)

    @admin.display(description=_("customer"))
    def customer_links(self, order: Order) -> str:
        """Link to the customer, to their orders and to their money."""
        email = order.customer.email
        query = urlencode({"q": email})
        links = (
            (LINK, reverse("admin:accounts_user_change", args=[order.customer_id]), email),
            (LINK, f"{reverse('admin:orders_order_changelist')}?{query}", gettext("all orders")),
            (LINK, f"{reverse('admin:wallet_entry_changelist')}?{query}", gettext("wallet statement")),
        )
        return format_html_join(" · ", '<a class="{}" href="{}">{}</a>', links)

    @admin.display(description=_("transfers"))
    @asked_once
    def transfers(self, order: Order) -> str:
        """Link to what moved for it."""
        kinds = (Transfer.Kind.ORDER_CHARGE, Transfer.Kind.ORDER_REFUND)
        rows = Transfer.objects.filter(subject_id=order.pk, kind__in=kinds).order_by("id")[:50]
        links = ((LINK, reverse("admin:wallet_transfer_change", args=[row.pk]), row.pk, row) for row in rows)
        return format_html_join(" · ", '<a class="{}" href="{}">{}: {}</a>', links) or "—"


def _told(order: Order, delay: Delay) -> tuple[str, object, str]:
    """Return the address and the name of what keeps an order back, and how it does so."""
    provider, service = order.provider, order.service
    at_provider = reverse("admin:catalog_provider_change", args=[provider.pk]), provider
    if delay == Delay.HALTED:
        return *at_provider, halt_in_words(provider)
    if delay == Delay.PACED:
        return *at_provider, gettext("asked to wait until %(at)s") % {"at": short(provider.paced_until)}
    if delay == Delay.SERVICE_HELD:
        page = reverse("admin:catalog_service_change", args=[service.pk])
        return page, service, gettext("held: %(why)s") % {"why": service.held_text}
    return *at_provider, gettext("not active")


@admin.register(Attempt)
class AttemptAdmin(AttemptColumns, OfAnOrder, ModelAdmin):  # type: ignore[misc]
    """The `add` calls that were made, with the providers' raw answers."""

    list_display = (
        *("id", "order", "provider", "started_at", "ended_at", "outcome"),
        *("shown_rule", "http_status", "provider_order_id"),
    )
    fields = (
        *("order", "provider", "started_at", "lease_until", "ended_at", "outcome", "shown_rule"),
        *("http_status", "answer", "provider_order_id", "last_seen"),
        *("balance_before", "balance_before_text", "balance_before_at"),
        *("balance_after", "balance_after_text", "balance_after_at"),
    )
    readonly_fields = ("shown_rule",)
    list_filter = ("outcome", ProviderFilter, "started_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        """Fetch the order and the provider with it, without keys."""
        attempts = super().get_queryset(request).select_related("order", "provider")
        return attempts.defer("provider__key")  # type: ignore[no-any-return]


@admin.register(OrderEvent)
class OrderEventAdmin(EventColumns, OfAnOrder, ModelAdmin):  # type: ignore[misc]
    """Everything that happened to orders, newest first."""

    list_display = (
        "id",
        "at",
        "order",
        "kind",
        "shown_change",
        "actor",
        "shown_amount",
        "shown_detail",
    )
    fields = ("order", "at", "kind", "shown_change", "actor", "shown_amount", "shown_detail")
    readonly_fields = ("shown_change", "shown_amount", "shown_detail")
    list_filter = ("kind", "at")
    list_select_related = ("order", "actor")


@admin.register(LostAnswer)
class LostAnswerAdmin(LongList, ReadOnly, ModelAdmin):  # type: ignore[misc]
    """The searches for orders whose answer was lost; decisions are made on the page of those waiting."""

    list_display = (
        *("id", "order", "provider", "state", "why", "id_before", "id_after"),
        *("asked_to", "calls", "due_at", "searched_at"),
    )
    list_filter = ("state", ProviderFilter)
    search_fields = ("attempt__order",)  # offers the search; what it does is in get_search_results
    search_help_text = _("The number of an order.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LostAnswer]:
        """Fetch the order and the provider with it, without keys."""
        lost = super().get_queryset(request).select_related("attempt__order", "provider")
        return lost.defer("provider__key")  # type: ignore[no-any-return]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LostAnswer], search_term: str
    ) -> tuple[QuerySet[LostAnswer], bool]:
        """Search by the attempts of an order, which are indexed."""
        term = search_term.strip()
        return queryset.filter(attempt__order=number_in(term)) if term else queryset, False

    @admin.display(description=_("order"))
    def order(self, lost: LostAnswer) -> Order:
        """Show whose answer was lost."""
        return lost.attempt.order


@admin.register(Candidate)
class CandidateAdmin(LongList, ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Orders that a provider's account has and we have not."""

    list_display = ("number", "provider", "shown_status", "shown_charge", "remains", "is_foreign", "seen_at")
    fields = (
        *("provider", "number", "shown_status", "shown_charge", "remains", "start_count"),
        *("is_foreign", "seen_at"),
    )
    readonly_fields = ("shown_status", "shown_charge")
    list_filter = (ProviderFilter, "seen_at")
    search_fields = ("number",)  # offers the search; what it does is in get_search_results
    search_help_text = _("The provider's id of an order.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Candidate]:
        """Fetch the provider with it, without its key."""
        candidates = super().get_queryset(request).select_related("provider")
        return candidates.defer("provider__key")  # type: ignore[no-any-return]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Candidate], search_term: str
    ) -> tuple[QuerySet[Candidate], bool]:
        """Search by the whole id."""
        term = search_term.strip()
        return queryset.filter(number=number_in(term)) if term else queryset, False

    @admin.display(description=_("status"))
    def shown_status(self, candidate: Candidate) -> str:
        """Show a status that we know by its label, any other as the provider says it."""
        return status_in_words(candidate.status_text)

    @admin.display(description=_("charge"))
    def shown_charge(self, candidate: Candidate) -> str:
        """Show what the provider took, in its currency."""
        charge = candidate.charge
        return "—" if charge is None else shown(charge, candidate.provider.currency)

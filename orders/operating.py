"""What an operator does with orders in admin: cancel them, ask the provider about them, settle them.

Each is a page that says what happens to the money, and does it by POST, by the same rules as everywhere.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.models import User
from money.display import shown
from orders.canceling import cancel_until, request_cancel
from orders.deciding import SettleForm
from orders.errors import NotCancelable, NotForSettling
from orders.models import Order, OrderEvent
from orders.polling import ask_now
from orders.timeline import what_cancel_does

AT_ONCE = 100
"""How many orders one action takes: each is a transaction of its own, and a person waits for them."""


class OperatorPages(ModelAdmin):  # type: ignore[misc]
    """The pages and actions of an operator, for the admin of orders."""

    actions = ("cancel_orders", "ask_about_orders")
    change_form_outer_before_template = "admin/orders/order/buttons.html"

    def has_work_permission(self, request: HttpRequest) -> bool:
        """Let those work on orders who may change them; the rows themselves stay as rules made them."""
        return request.user.has_perm("orders.change_order")

    def get_urls(self) -> list[URLPattern]:
        """Add the pages on which an order is canceled, asked about and settled."""
        pages = {"cancel": self.cancel_page, "ask": self.ask_page, "settle": self.settle_page}
        added = [
            path(f"<int:order_id>/{name}/", self.admin_site.admin_view(page), name=f"orders_order_{name}")
            for name, page in pages.items()
        ]
        return [*added, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Order | None = None, **more: Any
    ) -> HttpResponse:
        """Offer what can be done with this order now."""
        if obj is not None and self.has_work_permission(request):
            context["can_settle"] = obj.status in Order.FOR_A_PERSON
            context["can_cancel"] = cancel_until(obj) is not None
            context["can_ask"] = obj.provider_order_id is not None
        return super().render_change_form(request, context, *args, obj=obj, **more)  # type: ignore[no-any-return]

    @admin.action(description=_("Cancel"), permissions=["work"])
    def cancel_orders(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        """Cancel the orders chosen, after a page that says what happens to the money."""
        orders = self._few(request, queryset)
        if orders and "confirmed" not in request.POST:
            return self._confirm_cancel(request, orders, back=reverse("admin:orders_order_changelist"))
        for order in orders:
            self._cancel(request, order)
        return None

    @admin.action(description=_("Ask the provider now"), permissions=["work"])
    def ask_about_orders(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """Have a worker ask about the orders chosen."""
        for order in self._few(request, queryset):
            self._ask(request, order)

    def cancel_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Cancel one order."""
        order = self._order(request, order_id)
        if request.method != "POST":
            return self._confirm_cancel(request, [order], back=_page_of(order))
        self._cancel(request, order)
        return redirect(_page_of(order))

    def ask_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Ask about one order."""
        order = self._order(request, order_id)
        if request.method == "POST":
            self._ask(request, order)
            return redirect(_page_of(order))
        words = {"provider": order.provider, "id": order.pk}
        lines = [
            gettext("%(provider)s is asked about order %(id)s as soon as it can be.") % words,
            gettext("Money moves only if the provider says that the order has ended."),
        ]
        title = gettext("Ask the provider now")
        return self._confirm(request, title=title, lines=lines, button=title, back=_page_of(order))

    def settle_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Settle an order: show the evidence, take the decision, have it confirmed, carry it out."""
        order = self._order(request, order_id)
        if order.status not in Order.FOR_A_PERSON:
            return self._settled_before(request, order)
        form = SettleForm(request.POST or None, order=order)
        if form.is_valid():
            if "confirmed" not in request.POST:
                return self._confirm_settling(request, form)
            try:
                if form.settle(_user(request)):
                    self.message_user(request, gettext("Order %(id)s is settled.") % {"id": order.pk})
                    return redirect(_page_of(order))
            except NotForSettling:
                return self._settled_before(request, order)
        title, attempts = gettext("Settle the order"), order.attempts.order_by("-id")[:20]
        context = {"order": order, "form": form, "attempts": attempts, "back": _page_of(order)}
        return self._page(request, "settle", title=title, **context)

    def _order(self, request: HttpRequest, order_id: int) -> Order:
        if not self.has_work_permission(request):
            raise PermissionDenied
        order: Order | None = self.get_queryset(request).filter(pk=order_id).first()
        if order is None:
            raise Http404
        return order

    def _few(self, request: HttpRequest, queryset: QuerySet[Order]) -> list[Order]:
        orders = list(queryset.order_by("id")[: AT_ONCE + 1])
        if len(orders) <= AT_ONCE:
            return orders
        said = gettext("Choose at most %(count)s orders at once. Nothing was done.") % {"count": AT_ONCE}
        self.message_user(request, said, messages.ERROR)
        return []

    def _cancel(self, request: HttpRequest, order: Order) -> None:
        try:
            order = request_cancel(order.pk, actor=_user(request))
        except NotCancelable:
            said = gettext(
                "Order %(id)s cannot be canceled: it has ended, was asked for before, or is too old."
            )
            self.message_user(request, said % {"id": order.pk}, messages.ERROR)
            return
        said = (
            gettext("Order %(id)s is canceled, %(amount)s are back in the wallet.")
            if order.status == Order.Status.CANCELED
            else gettext(
                "Order %(id)s: canceling is asked for. The money comes back when the order has stopped."
            )
        )
        self.message_user(request, said % {"id": order.pk, "amount": shown(order.refunded)})

    def _ask(self, request: HttpRequest, order: Order) -> None:
        if ask_now(order.pk):
            said = gettext("Order %(id)s: the provider is asked about it as soon as it can be.")
            self.message_user(request, said % {"id": order.pk})
        else:
            said = gettext("Order %(id)s: the provider gave it no id, so there is nothing to ask about.")
            self.message_user(request, said % {"id": order.pk}, messages.ERROR)

    def _settled_before(self, request: HttpRequest, order: Order) -> HttpResponse:
        order.refresh_from_db(fields=["status"])
        event = order.events.filter(kind=OrderEvent.Kind.SETTLED).select_related("actor").last()
        said = (
            gettext("Order %(id)s was settled by %(who)s first, and is now: %(status)s. Nothing was done.")
            if event
            else gettext(
                "Order %(id)s does not wait for a decision, it is now: %(status)s. Nothing was done."
            )
        )
        words = {"id": order.pk, "who": event and event.actor, "status": order.get_status_display()}
        self.message_user(request, said % words, messages.ERROR)
        return redirect(_page_of(order))

    def _confirm_cancel(self, request: HttpRequest, orders: list[Order], *, back: str) -> HttpResponse:
        title = gettext("Cancel")
        chosen = [(helpers.ACTION_CHECKBOX_NAME, str(order.pk)) for order in orders]
        return self._confirm(
            request,
            title=title,
            lines=[_what_cancel_does(order) for order in orders],
            button=gettext("Yes, cancel"),
            back=back,
            hidden=[("action", "cancel_orders"), *chosen],
        )

    def _confirm_settling(self, request: HttpRequest, form: SettleForm) -> HttpResponse:
        return self._confirm(
            request,
            title=gettext("Settle the order"),
            lines=[*form.consequences(), gettext("Reason: %(why)s") % {"why": form.cleaned_data["why"]}],
            button=gettext("Settle it so"),
            back=reverse("admin:orders_order_settle", args=[form.order.pk]),
            hidden=[(name, str(form.cleaned_data[name])) for name in form.fields],
        )

    def _confirm(
        self,
        request: HttpRequest,
        *,
        title: str,
        lines: list[str],
        button: str,
        back: str,
        hidden: Sequence[tuple[str, str]] = (),
    ) -> HttpResponse:
        context = {"lines": lines, "button": button, "back": back, "hidden": hidden}
        return self._page(request, "confirm", title=title, **context)

    def _page(self, request: HttpRequest, name: str, **context: object) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/orders/order/{name}.html", whole)


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def _what_cancel_does(order: Order) -> str:
    does = what_cancel_does(order) if cancel_until(order) else gettext("It can no longer be canceled.")
    words = {"id": order.pk, "customer": order.customer, "charge": shown(order.charge), "does": does}
    return gettext("Order %(id)s of %(customer)s, %(charge)s. %(does)s") % words

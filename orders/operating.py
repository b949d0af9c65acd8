"""What an operator does with orders in admin: cancel them, ask the provider about them, decide about them.

Each is a page that says what happens to the money, and does it by POST, by the same rules as everywhere. The
pages of decisions are in `settling_pages.py` and `waiting_pages.py`.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from money.display import shown
from orders.canceling import cancel_until, request_cancel
from orders.confirming import page_of, user_of
from orders.errors import NotCancelable
from orders.models import Order
from orders.polling import ask_now
from orders.timeline import what_cancel_does
from orders.waiting_pages import WaitingPages

AT_ONCE = 100
"""How many orders one action takes: each is a transaction of its own, and a person waits for them."""


class OperatorPages(WaitingPages):
    """The pages and actions of an operator, for the admin of orders."""

    actions = ("cancel_orders", "ask_about_orders")
    change_form_outer_before_template = "admin/orders/order/buttons.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the pages on which an order is canceled and asked about."""
        added = self._pages_of_an_order(cancel=self.cancel_page, ask=self.ask_page)
        return [*added, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Order | None = None, **more: Any
    ) -> HttpResponse:
        """Offer what can be done with this order now."""
        if obj is not None and self.has_cancel_permission(request):
            context["can_cancel"] = cancel_until(obj) is not None
        if obj is not None and self.has_work_permission(request):
            context["can_settle"] = obj.status in Order.FOR_A_PERSON
            context["can_ask"] = obj.provider_order_id is not None
            context["can_end"] = obj.status in Order.OPEN_UPSTREAM
        return super().render_change_form(request, context, *args, obj=obj, **more)  # type: ignore[no-any-return]

    @admin.action(description=_("Cancel"), permissions=["cancel"])
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
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        order = self._found(request, order_id)
        if request.method != "POST":
            return self._confirm_cancel(request, [order], back=page_of(order), order=order)
        self._cancel(request, order)
        return redirect(page_of(order))

    def ask_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Ask about one order."""
        order = self._order(request, order_id)
        if request.method == "POST":
            self._ask(request, order)
            return redirect(page_of(order))
        words = {"provider": order.provider, "id": order.pk}
        lines = [
            gettext("%(provider)s is asked about order %(id)s as soon as it can be.") % words,
            gettext("Money moves only if the provider says that the order has ended."),
        ]
        title = gettext("Ask the provider now")
        return self._confirm(
            request, title=title, lines=lines, button=title, back=page_of(order), order=order
        )

    def _few(self, request: HttpRequest, queryset: QuerySet[Order]) -> list[Order]:
        orders = list(queryset.order_by("id")[: AT_ONCE + 1])
        if len(orders) <= AT_ONCE:
            return orders
        said = gettext("Choose at most %(count)s orders at once. Nothing was done.") % {"count": AT_ONCE}
        self.message_user(request, said, messages.ERROR)
        return []

    def _cancel(self, request: HttpRequest, order: Order) -> None:
        try:
            order = request_cancel(order.pk, actor=user_of(request))
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

    def _confirm_cancel(
        self, request: HttpRequest, orders: list[Order], *, back: str, order: Order | None = None
    ) -> HttpResponse:
        """Say what canceling does to each; where it does nothing to any, there is nothing to confirm."""
        chosen = [(helpers.ACTION_CHECKBOX_NAME, str(each.pk)) for each in orders]
        can_any = any(cancel_until(each) for each in orders)
        return self._confirm(
            request,
            title=gettext("Cancel"),
            lines=[_what_cancel_does(each) for each in orders],
            button=gettext("Yes, cancel") if can_any else "",
            back=back,
            hidden=[("action", "cancel_orders"), *chosen],
            order=order,
        )


def _what_cancel_does(order: Order) -> str:
    does = what_cancel_does(order) if cancel_until(order) else _why_not_canceled(order)
    words = {"id": order.pk, "customer": order.customer, "charge": shown(order.charge), "does": does}
    return gettext("Order %(id)s of %(customer)s, %(charge)s. %(does)s") % words


def _why_not_canceled(order: Order) -> str:
    """Return what is true of an order that canceling does nothing to."""
    if order.is_ended:
        return gettext("It has ended, as: %(status)s.") % {"status": order.get_status_display()}
    if order.cancel_state not in (Order.CancelState.NONE, Order.CancelState.UNANSWERED):
        state = order.get_cancel_state_display()
        return gettext("Canceling was asked for before, and stands so: %(state)s.") % {"state": state}
    return gettext("It can no longer be canceled: the provider has had it for too long.")

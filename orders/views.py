"""The pages of orders."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.requests import UserRequest, row_id
from catalog.browsing import categories_on_sale, services_beside, services_in
from catalog.link_rules import rule_for
from orders import browsing
from orders.canceling import cancel_until, request_cancel
from orders.errors import NotCancelable, OrderError
from orders.forms import OrderForm
from orders.messages import message_of
from orders.models import Order
from orders.placing import Quote, quote, quote_of
from orders.timeline import cancel_standing, progress, timeline, what_cancel_does, what_next
from wallet.statement import balance_of


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Choose a service, then order it."""
    if request.method == "POST":
        form = OrderForm(request.POST, customer=request.user)
        order = form.place()
        if order is not None:
            messages.success(request, _("Order %(id)s is placed.") % {"id": order.pk})
            return redirect("order", order_id=order.pk)
        return _order_page(request, form, service_id=form.cleaned_data.get("service"), status=422)
    return _order_page(request, None, service_id=row_id(request, "service"))


def _order_page(
    request: UserRequest, form: OrderForm | None, *, service_id: int | None, status: int = 200
) -> HttpResponse:
    services = services_beside(service_id, customer=request.user)
    service = next((one for one in services if one.pk == service_id), None)
    balance = balance_of(request.user)
    total: dict[str, object] = {"balance": balance}
    if service is None:
        category_id = row_id(request, "category")
        services = services_in(category_id, customer=request.user) if category_id else []
    else:
        category_id = service.category_id
        form = OrderForm.offering(service, customer=request.user) if form is None else form
        form.agree_to(service.price)
        form.show_example(rule_for(service.pk))
        total = _total(balance, partial(quote_of, service), quantity=form.quantity_typed())
    context = {
        "form": form,
        "service": service,
        "missing": service_id is not None and service is None,
        "category_id": category_id,
        "categories": categories_on_sale(),
        "services": services,
        "twin_words": message_of(form.twin) if form and form.twin else "",
        **total,
    }
    return render(request, "orders/new.html", context, status=status)


def _total(balance: Decimal, ask: Callable[..., Quote], *, quantity: int) -> dict[str, object]:
    try:
        offer = ask(quantity=quantity)
    except OrderError as error:
        return {"balance": balance, "refusal": message_of(error) if quantity else ""}
    left = balance - offer.charge
    return {"balance": balance, "quote": offer, "left": left, "short_of": max(-left, Decimal(0))}


@login_required
@require_safe
def total(request: UserRequest) -> HttpResponse:
    """Show what the quantity typed so far would cost: a part of the order page."""
    quantity = row_id(request, "quantity") or 0
    ask = partial(quote, row_id(request, "service") or 0, customer=request.user)
    context = _total(balance_of(request.user), ask, quantity=quantity)
    return render(request, "orders/_total.html", context)


@login_required
@require_safe
def index(request: UserRequest) -> HttpResponse:
    """List the customer's orders."""
    tab = request.GET.get("status", "")
    tab = tab if tab in browsing.TABS else ""
    before = row_id(request, "before")
    orders = browsing.orders_of(request.user, tab=tab, before=before)
    context = {
        "orders": orders,
        "tab": tab,
        "tabs": _tabs(browsing.counts_by_tab(request.user)),
        "newest": before is not None,
        "older": orders[-1].pk if len(orders) == browsing.PAGE else None,
    }
    return render(request, "orders/index.html", context)


def _tabs(counts: dict[str, int]) -> list[dict[str, object]]:
    tabs: list[dict[str, object]] = [{"key": "", "label": _("All"), "count": sum(counts.values())}]
    return tabs + [
        {"key": key, "label": Order.Status(key).label, "count": count} for key, count in counts.items()
    ]


@login_required
@require_safe
@vary_on_headers("HX-Request")  # one address, two answers: a cache keeps them apart
def detail(request: UserRequest, order_id: int) -> HttpResponse:
    """Show one order; htmx asks for its changing part alone."""
    orders = Order.objects.select_related("service", "provider").defer("provider__key")
    order = get_object_or_404(orders, pk=order_id, customer=request.user)
    context = {
        "order": order,
        "steps": timeline(order),
        "next": what_next(order),
        "progress": progress(order),
        "cancel_standing": cancel_standing(order),
        "cancel_until": cancel_until(order),
        "cancel_words": what_cancel_does(order),
        "cancel_minutes": settings.CANCEL_WINDOW_SECONDS // 60,
    }
    return render(request, "orders/_order.html" if request.htmx else "orders/detail.html", context)  # type: ignore[attr-defined]


@login_required
@require_POST
def cancel(request: UserRequest, order_id: int) -> HttpResponse:
    """Cancel an order, or ask the provider to."""
    order = get_object_or_404(Order, pk=order_id, customer=request.user)
    try:
        order = request_cancel(order.pk, actor=request.user)
    except NotCancelable as error:
        messages.error(request, message_of(error))
    else:
        ended = order.status == Order.Status.CANCELED
        messages.success(
            request,
            _("The order is canceled and its charge is back in your wallet.")
            if ended
            else _("The cancellation was asked for. The money comes back when the order has stopped."),
        )
    return redirect("order", order_id=order_id)

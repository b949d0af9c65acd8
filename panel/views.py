"""Pages that belong to no single room."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.browsing import count_on_sale
from orders.browsing import count_under_way, orders_of
from wallet.statement import balance_of

LAST_ORDERS = 5


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show strangers what the site sells, and customers how they stand."""
    if not request.user.is_authenticated:
        return render(request, "panel/home.html", {"on_sale": count_on_sale()})
    context = {
        "balance": balance_of(request.user),
        "under_way": count_under_way(request.user),
        "orders": orders_of(request.user, limit=LAST_ORDERS),
    }
    return render(request, "panel/home.html", context)


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers."""
    return HttpResponse("ok", content_type="text/plain")

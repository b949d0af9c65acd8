"""Pages that belong to no single room."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import loader
from django.views.decorators.http import require_safe

from catalog.browsing import count_on_sale
from operations.readiness import parts_that_work
from orders.browsing import count_under_way, orders_of
from wallet.statement import balance_of

LAST_ORDERS = 5
RETRY_AFTER_SECONDS = 10


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


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Say which parts of the site work, for monitoring: 503 while one does not."""
    parts = parts_that_work()
    return JsonResponse(parts, status=200 if all(parts.values()) else 503)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what no view caught: 503 while the database is away, for programs to try again, else 500.

    Nothing was written: the request's transaction went with the connection. The page asks nobody anything,
    since whatever it would ask may be what is broken.
    """
    away = isinstance(sys.exception(), OperationalError | InterfaceError)
    if not away:
        return HttpResponse(loader.render_to_string("500.html"), status=500)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return HttpResponse(loader.render_to_string("503.html"), status=503, headers=headers)

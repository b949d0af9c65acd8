"""The price list's page, a service's own, and what is new."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.requests import row_id
from catalog.browsing import categories_on_sale, price_list, service_shown
from catalog.news import PAGE, updates_of
from catalog.news import updates as latest_updates


@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """List what can be ordered; for everybody, logged in or not."""
    query = request.GET.get("q", "").strip()
    category_id = row_id(request, "category")
    reader = request.user if isinstance(request.user, User) else None
    context = {
        "page": price_list(
            query=query, category_id=category_id, page=request.GET.get("page"), customer=reader
        ),
        "categories": categories_on_sale(),
        "query": query,
        "category_id": category_id,
    }
    return render(request, "catalog/services.html", context)


@require_safe
def service(request: HttpRequest, service_id: int) -> HttpResponse:
    """Show one service, sold now or not; for everybody."""
    reader = request.user if isinstance(request.user, User) else None
    found = service_shown(service_id, customer=reader)
    if found is None:
        raise Http404
    shown, is_sold = found
    context = {"service": shown, "is_sold": is_sold, "news": updates_of(shown)}
    return render(request, "catalog/service.html", context)


@require_safe
def updates(request: HttpRequest) -> HttpResponse:
    """List what happened to services; for everybody."""
    before = row_id(request, "before")
    news = latest_updates(before=before)
    older = news[-1].change_id if len(news) == PAGE else None
    context = {"news": news, "older": older, "newest": before is not None}
    return render(request, "catalog/updates.html", context)

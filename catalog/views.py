"""The price list's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.requests import row_id
from catalog.browsing import categories_on_sale, price_list


@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """List what can be ordered; for everybody, logged in or not."""
    query = request.GET.get("q", "").strip()
    category_id = row_id(request, "category")
    context = {
        "page": price_list(query=query, category_id=category_id, page=request.GET.get("page")),
        "categories": categories_on_sale(),
        "query": query,
        "category_id": category_id,
    }
    return render(request, "catalog/services.html", context)

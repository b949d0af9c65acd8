"""Before a page that orders or pays: the newest terms."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from support.terms import needs_acceptance


class TermsMiddleware:
    """Lead a customer who has not accepted the newest terms to them, where `TERMS_BEFORE` names the page.

    Its form too, not only what it sends: nobody should fill in an order that is then not taken.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Go on: the page is known later."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Answer in the view's stead, or let it."""
        match = request.resolver_match
        if match is None or match.url_name not in settings.TERMS_BEFORE or not needs_acceptance(request.user):
            return None
        if request.method == "POST":
            messages.warning(request, _("Nothing was sent. Accept the terms first, then try again."))
        return redirect(f"{reverse('terms')}?{urlencode({'next': request.get_full_path()})}")

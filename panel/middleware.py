"""Around every page: text that cannot be read is refused, and admin's pages may run and show more."""

import codecs
from collections.abc import Callable

from csp.decorators import csp_update
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.defaults import bad_request

READ_CHARSETS = frozenset({"utf-8", "ascii"})


class AdminPolicyMiddleware:
    """Let admin's scripts evaluate text and its styles stand inline, as unfold needs, and no other page's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.admin_response = csp_update(settings.ADMIN_POLICY)(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the policy that fits the page's address."""
        if request.path.startswith(reverse("admin:index")):
            return self.admin_response(request)
        return self.get_response(request)


class UnreadableTextMiddleware:
    """Refuse with 400 what would break wherever it is read: a charset but UTF-8, and NUL in a query.

    A form in another charset would be read as UTF-8 (panel/wsgi.py), that is wrongly. PostgreSQL keeps no
    NUL in text and raises when it is asked for one: forms refuse it, but no form stands before admin's
    filters and the session's cookie.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the site's page for bad requests, or go on."""
        if not _is_read(request) or _has_nul(request):
            return bad_request(request, BadRequest())
        return self.get_response(request)


def _is_read(request: HttpRequest) -> bool:
    """Return whether the request's charset is one that the site reads; none named is UTF-8."""
    try:
        return codecs.lookup((request.content_params or {}).get("charset", "utf-8")).name in READ_CHARSETS
    except (LookupError, ValueError):
        return False  # nobody knows it


def _has_nul(request: HttpRequest) -> bool:
    """Return whether the address's query or a cookie holds a NUL, plain or quoted as each quotes it."""
    query = request.META.get("QUERY_STRING", "")
    return "%00" in query or any("\0" in text for text in (query, *request.COOKIES.values()))

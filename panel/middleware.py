"""Around every page: what cannot be read is refused, and who may open admin, or only look, is kept to it."""

import codecs
from collections.abc import Callable

from auditlog.context import auditlog_value
from auditlog.middleware import AuditlogMiddleware
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.defaults import bad_request
from hijack.middleware import HijackUserMiddleware

from accounts import hijacking, second_factor
from accounts.recording import NOBODY
from accounts.views import leave_look
from panel.views import healthz, readyz

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
READ_CHARSETS = frozenset({"utf-8", "ascii"})


class HealthMiddleware:
    """Say how this process and the site's parts are, before anything asks the database who wants to know.

    A monitor, or a browser with a session, is told so while the database is away.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or go on."""
        if request.path_info == reverse("healthz"):
            return healthz(request)
        if request.path_info == reverse("readyz"):
            return readyz(request)
        return self.get_response(request)


class LookUserMiddleware(HijackUserMiddleware):  # type: ignore[misc]
    """Tell pages whether staff look on as somebody; without the library's own sign in each answer.

    For that it would ask the database whose session it is, on the page too that says the database is away.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Leave the answer as it is."""
        return response


class AdminPolicyMiddleware:
    """Let admin's scripts evaluate text and its styles stand inline, as unfold needs, and no other page's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.admin_response = csp_update(settings.ADMIN_POLICY)(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the policy that fits the page's address."""
        return self.admin_response(request) if _is_admin(request) else self.get_response(request)


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


class SecondFactorMiddleware:
    """Open admin to staff who have a second factor, where staff need one, and to sessions that showed it.

    It asks by the address, whatever view is behind it, and by the session: one from before the factor was
    set up, or that a password alone has opened, shows it first. So it is with the factor's own pages, where
    a password alone could otherwise switch it off.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Send to where the factor is set up, or shown, or go on."""
        if _is_admin(request) and second_factor.must_set_up(request):
            messages.warning(request, _("Staff need a second factor here. Set one up, and admin opens."))
            return redirect("mfa_index")
        if (_is_admin(request) or _is_of_the_factor(request)) and second_factor.must_show(request):
            back = request.get_full_path() if request.method in SAFE_METHODS else request.path
            return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}")
        return self.get_response(request)


class RecordMiddleware(AuditlogMiddleware):  # type: ignore[misc]
    """Say who changes what is changed, for as long as the request lasts.

    Auditlog's own leaves the name behind: what the same thread did next would bear it.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and forget who asked."""
        try:
            answer: HttpResponseBase = super().__call__(request)
            return answer
        finally:
            auditlog_value.set(NOBODY)


class LookMiddleware:
    """Let staff who look at the site as a customer read, for a while, and nothing else.

    Closed to them are admin, and where customers keep what lets them in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Refuse, end the look, or go on."""
        look = hijacking.look_of(request.session)
        if look is None:
            return self.get_response(request)
        if look.is_over or not request.user.is_authenticated:
            return leave_look(request, look)
        if request.path != reverse("look_end") and _is_beyond_looking(request):
            return render(request, "panel/only_looking.html", status=403)
        return self.get_response(request)


def _is_admin(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index"))


def _is_of_the_factor(request: HttpRequest) -> bool:
    shown_at = (reverse("mfa_reauthenticate"), reverse("mfa_authenticate"))
    return request.path.startswith(reverse("mfa_index")) and request.path not in shown_at


def _is_beyond_looking(request: HttpRequest) -> bool:
    secrets = (reverse("mfa_index"), reverse("usersessions_list"))
    return request.method not in SAFE_METHODS or _is_admin(request) or request.path.startswith(secrets)


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

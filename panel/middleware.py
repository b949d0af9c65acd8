"""What admin's pages may run, apart from what the site's own pages may."""

from collections.abc import Callable

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse


class AdminPolicyMiddleware:
    """Let admin's scripts evaluate text, which unfold's Alpine needs, and no other page's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.admin_response = csp_update({"script-src": settings.ADMIN_SCRIPT_SOURCES})(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the policy that fits the page's address."""
        if request.path.startswith(reverse("admin:index")):
            return self.admin_response(request)
        return self.get_response(request)

"""What admin's pages may run and show, apart from what the site's own pages may."""

from collections.abc import Callable

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse


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

"""What staff do to a customer's account: block it, sign it out, look at the site as its owner.

Each is a page that says what will happen, and does it by POST.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.translation import gettext
from hijack.views import AcquireUserView
from unfold.admin import ModelAdmin

from accounts import hijacking
from accounts.models import User
from accounts.sessions import block, sign_out_everywhere, unblock


class LookView(AcquireUserView):  # type: ignore[misc]
    """django-hijack's change of whom the session belongs to, put on record."""

    success_url = reverse_lazy("home")
    raise_exception = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Begin the look."""
        operator, customer = _at_work(request), self.get_object()
        answer: HttpResponse = super().post(request, *args, **kwargs)
        hijacking.begin(request.session, operator=operator, customer=customer)
        return answer


class CustomerPages(ModelAdmin):  # type: ignore[misc]
    """The pages, for the admin of users."""

    change_form_outer_before_template = "admin/accounts/user/links.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the pages."""
        pages: dict[str, Callable[..., HttpResponseBase]] = {
            "block": self.block_page,
            "unblock": self.unblock_page,
            "sign_out": self.sign_out_page,
            "look": self.look_page,
        }
        added = [
            path(f"<int:user_id>/{name}/", self.admin_site.admin_view(page), name=f"accounts_user_{name}")
            for name, page in pages.items()
        ]
        return [*added, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: User | None = None, **more: Any
    ) -> HttpResponse:
        """Offer what can be done with this user now."""
        if obj is not None and isinstance(request.user, User):
            may_block = _may_block(request.user, obj)
            context["can_block"] = may_block and obj.is_active
            context["can_unblock"] = may_block and not obj.is_active
            context["can_sign_out"] = may_block
            context["can_look"] = hijacking.may_hijack(hijacker=request.user, hijacked=obj)
        return super().render_change_form(request, context, *args, obj=obj, **more)  # type: ignore[no-any-return]

    def block_page(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Keep a user out."""
        user = self._blockable(request, user_id)
        if request.method == "POST":
            did = gettext("%s is blocked.") if block(user) else gettext("%s was blocked before.")
            return self._did(request, user, did)
        lines = [
            gettext("%s cannot sign in any more, and is signed out everywhere.") % user,
            gettext("Orders go on, and the money stays in the wallet."),
        ]
        return self._ask(request, user, title=gettext("Block"), lines=lines, button=gettext("Yes, block"))

    def unblock_page(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Let a user in again."""
        user = self._blockable(request, user_id)
        if request.method == "POST":
            did = gettext("%s can sign in again.") if unblock(user) else gettext("%s was not blocked.")
            return self._did(request, user, did)
        lines = [gettext("%s can sign in again.") % user]
        return self._ask(request, user, title=gettext("Unblock"), lines=lines, button=gettext("Yes, unblock"))

    def sign_out_page(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """End a user's sessions."""
        user = self._blockable(request, user_id)
        if request.method == "POST":
            sign_out_everywhere(user)
            return self._did(request, user, gettext("%s is signed out everywhere."))
        lines = [gettext("%s is signed out in all browsers, and can sign in again at once.") % user]
        title = gettext("Sign out everywhere")
        return self._ask(request, user, title=title, lines=lines, button=gettext("Yes, sign out"))

    def look_page(self, request: HttpRequest, user_id: int) -> HttpResponseBase:
        """Let staff see the site as a customer sees it."""
        user = self._user(request, user_id)
        if not hijacking.may_hijack(hijacker=_at_work(request), hijacked=user):
            raise PermissionDenied
        if request.method == "POST" and request.POST.get("user_pk") == str(user.pk):
            answer: HttpResponseBase = LookView.as_view()(request)
            return answer
        minutes = int(hijacking.LONGEST.total_seconds() // 60)
        lines = [
            gettext("You see the site as %s sees it. You can change nothing, and admin is closed.") % user,
            gettext("It is put on record, and ends by itself after %(minutes)d minutes.")
            % {"minutes": minutes},
        ]
        title = gettext("Look at the site as this customer")
        return self._ask(
            request, user, title=title, lines=lines, button=gettext("Begin"), hidden=[("user_pk", user.pk)]
        )

    def _blockable(self, request: HttpRequest, user_id: int) -> User:
        user = self._user(request, user_id)
        if not _may_block(_at_work(request), user):
            raise PermissionDenied
        return user

    def _user(self, request: HttpRequest, user_id: int) -> User:
        if not self.has_view_permission(request):
            raise PermissionDenied
        user: User | None = self.get_queryset(request).filter(pk=user_id).first()
        if user is None:
            raise Http404
        return user

    def _did(self, request: HttpRequest, user: User, did: str) -> HttpResponse:
        self.message_user(request, did % user, messages.SUCCESS)
        return redirect(_page_of(user))

    def _ask(self, request: HttpRequest, user: User, **context: object) -> HttpResponse:
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "back": _page_of(user),
            **context,
        }
        return TemplateResponse(request, "admin/confirm.html", whole)


def _may_block(operator: User, user: User) -> bool:
    """Tell whether one may block the other: customers by right, staff only by superusers, nobody oneself."""
    if user.pk == operator.pk:
        return False
    if user.is_staff or user.is_superuser:
        return operator.is_superuser
    return operator.has_perm("accounts.block_customer")


def _at_work(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _page_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])

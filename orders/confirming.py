"""Pages of admin that say what happens to orders and money before they do it: what they share."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from accounts.models import User
from orders.models import Order


class ConfirmedPages(ModelAdmin):  # type: ignore[misc]
    """What an operator's pages in the admin of orders share."""

    def has_work_permission(self, request: HttpRequest) -> bool:
        """Let those work on orders who may change them; the rows themselves stay as rules made them."""
        return request.user.has_perm("orders.change_order")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Let those cancel orders who may work on them, or may do just that."""
        return self.has_work_permission(request) or request.user.has_perm("orders.cancel_order")

    def has_teach_permission(self, request: HttpRequest) -> bool:
        """Let those teach who may decide of orders and keep what texts mean."""
        return self.has_work_permission(request) and request.user.has_perm("catalog.add_taughttext")

    def _pages_of_an_order(self, **pages: Any) -> list[URLPattern]:
        return [
            path(f"<int:order_id>/{name}/", self.admin_site.admin_view(page), name=f"orders_order_{name}")
            for name, page in pages.items()
        ]

    def _order(self, request: HttpRequest, order_id: int) -> Order:
        if not self.has_work_permission(request):
            raise PermissionDenied
        return self._found(request, order_id)

    def _found(self, request: HttpRequest, order_id: int) -> Order:
        order: Order | None = self.get_queryset(request).filter(pk=order_id).first()
        if order is None:
            raise Http404
        return order

    def _confirm(
        self,
        request: HttpRequest,
        *,
        title: str,
        lines: list[str],
        button: str,
        back: str = "",
        hidden: Sequence[tuple[str, str]] = (),
        form: forms.Form | None = None,
        order: Order | None = None,
    ) -> HttpResponse:
        """Say what will happen, and offer to do it; without `button`, only say how it is.

        `form` holds what is still to be filled in, `back` is the page to go back to. Without it, that is the
        form on this very address, which finds what was typed into it in `hidden` (`is_going_back`).
        """
        context = {"lines": lines, "button": button, "back": back, "hidden": hidden, "form": form}
        return self._shown(request, "admin/confirm.html", title=title, original=order, **context)

    def _page(self, request: HttpRequest, name: str, **context: object) -> HttpResponse:
        return self._shown(request, f"admin/orders/order/{name}.html", **context)

    def _shown(self, request: HttpRequest, template: str, **context: object) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, template, whole)


def is_going_back(request: HttpRequest) -> bool:
    """Tell whether a person came back from a confirmation, to the form that they had filled in."""
    return "back" in request.POST


def user_of(request: HttpRequest) -> User:
    """Return who is at work. Raises `PermissionDenied` for nobody."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def page_of(order: Order) -> str:
    """Return the address of an order's page in admin."""
    return reverse("admin:orders_order_change", args=[order.pk])

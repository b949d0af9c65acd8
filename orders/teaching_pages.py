"""The page on which an operator teaches the text of a held order a class."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext, ngettext

from money.display import shown
from orders.confirming import ConfirmedPages, is_going_back, page_of, user_of
from orders.models import Order
from orders.teaching import settle_held
from orders.teaching_form import TeachForm

AT_ONCE = 100
"""Orders settled while a person waits; a worker goes on with the rest."""

TOLD_OF = 20


class TeachingPages(ConfirmedPages):
    """The page that teaches, for the admin of orders."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        return [*self._pages_of_an_order(teach=self.teach_page), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Order | None = None, **more: Any
    ) -> HttpResponse:
        """Offer it for a held order."""
        held = obj is not None and obj.status == Order.Status.HELD
        context["can_teach"] = held and self.has_teach_permission(request)
        return super().render_change_form(request, context, *args, obj=obj, **more)  # type: ignore[no-any-return]

    def teach_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Show the text, take its meaning, have it confirmed, teach it and settle what is held with it."""
        if not self.has_teach_permission(request):
            raise PermissionDenied
        order = self._order(request, order_id)
        if order.status != Order.Status.HELD:
            said = gettext("Order %(id)s is held no longer, it is now: %(status)s. Nothing was done.")
            words = {"id": order.pk, "status": order.get_status_display()}
            self.message_user(request, said % words, messages.ERROR)
            return redirect(page_of(order))
        form = TeachForm(request.POST or None, order=order)
        if form.is_valid() and not is_going_back(request):
            if "confirmed" not in request.POST:
                return self._confirm_teaching(request, form)
            if form.teach(user_of(request)):
                settled = settle_held(order.provider_id, first=order.pk, at_most=AT_ONCE)
                self._tell(request, order, settled)
                return redirect(page_of(order))
        context = {"original": order, "order": order, "form": form, "back": page_of(order)}
        return self._page(request, "teach", title=gettext("Teach this text a class"), **context)

    def _confirm_teaching(self, request: HttpRequest, form: TeachForm) -> HttpResponse:
        return self._confirm(
            request,
            title=gettext("Teach this text a class"),
            lines=form.consequences(),
            button=gettext("Teach it"),
            hidden=[(name, form.cleaned_data[name]) for name in form.fields],
            order=form.order,
        )

    def _tell(self, request: HttpRequest, order: Order, settled: list[Order]) -> None:
        self.message_user(request, gettext("The text is taught."))
        if order not in settled:
            order.refresh_from_db(fields=["status"])
            said = gettext("Order %(id)s was left alone, it is now: %(status)s.")
            words = {"id": order.pk, "status": order.get_status_display()}
            self.message_user(request, said % words, messages.WARNING)
        for line in _came_of(settled):
            self.message_user(request, line)
        if len(settled) == AT_ONCE:
            said = gettext("If more orders are held with it, they are settled within a minute.")
            self.message_user(request, said)


def _came_of(settled: list[Order]) -> Iterator[str]:
    """Give what became of each order; of many, what became of the first ones."""
    for order in settled[:TOLD_OF]:
        words = {"id": order.pk, "status": order.get_status_display(), "amount": shown(order.refunded)}
        if order.status == Order.Status.CANCELED:
            yield gettext("Order %(id)s is canceled, %(amount)s are back in the wallet.") % words
        elif order.status == Order.Status.QUEUED:
            yield gettext("Order %(id)s waits to be sent again.") % words
        else:
            yield gettext("Order %(id)s is now: %(status)s.") % words
    more = len(settled) - TOLD_OF
    if more > 0:
        said = ngettext(
            "%(count)s more order is settled too.", "%(count)s more orders are settled too.", more
        )
        yield said % {"count": more}

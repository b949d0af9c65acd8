"""The pages on which an operator settles an order, or ends one by hand: look, decide, confirm."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext

from operations.models import Alert
from orders.confirming import ConfirmedPages, is_going_back, page_of, user_of
from orders.deciding import EndForm, SettleForm
from orders.errors import EvidenceChanged, NotForEnding, NotForSettling
from orders.evidence import Evidence, evidence_for
from orders.models import Order, OrderEvent


class SettlingPages(ConfirmedPages):
    """The pages of decisions about one order, for the admin of orders."""

    def get_urls(self) -> list[URLPattern]:
        """Add the pages on which an order is settled and ended."""
        added = self._pages_of_an_order(settle=self.settle_page, end=self.end_page)
        return [*added, *super().get_urls()]

    def settle_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Settle an order: show the evidence, take the decision, have it confirmed, carry it out."""
        order = self._order(request, order_id)
        if order.status not in Order.FOR_A_PERSON:
            return self._settled_before(request, order)
        [evidence] = evidence_for([order])
        form = _settle_form(request, evidence)
        if form.is_valid() and not is_going_back(request):
            if "confirmed" not in request.POST:
                return self._confirm_settling(request, form)
            try:
                if form.settle(user_of(request)):
                    self.message_user(request, gettext("Order %(id)s is settled.") % {"id": order.pk})
                    return redirect(page_of(order))
            except EvidenceChanged:
                # Between our look and the row's lock: the form is shown again, beside what is known now.
                return self.settle_page(request, order_id)
            except NotForSettling:
                return self._settled_before(request, order)
        context = {
            **_about(order, form),
            "evidence": evidence,
            "can_teach": self.has_teach_permission(request),
        }
        return self._page(request, "settle", title=gettext("Settle the order"), **context)

    def end_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """End an order by hand that its provider does not end: take the end, have it confirmed, do it."""
        order = self._order(request, order_id)
        if order.status not in Order.OPEN_UPSTREAM:
            return self._moved_on(request, order)
        form = EndForm(request.POST or None, order=order)
        if form.is_valid() and not is_going_back(request):
            if "confirmed" not in request.POST:
                return self._confirm_end(request, form)
            try:
                form.end(user_of(request))
            except NotForEnding:
                # Between our look and the row's lock: shown again as it is now, unless it moved on.
                return self.end_page(request, order_id)
            self.message_user(request, gettext("Order %(id)s is ended.") % {"id": order.pk})
            return redirect(page_of(order))
        alerts = Alert.objects.filter(
            kind=Alert.Kind.ORDER_UNREADABLE, cause=f"order:{order.pk}", closed_at=None
        )
        context = {**_about(order, form), "alerts": alerts}
        return self._page(request, "end", title=gettext("End the order by hand"), **context)

    def _settled_before(self, request: HttpRequest, order: Order) -> HttpResponse:
        order.refresh_from_db(fields=["status"])
        event = order.events.filter(kind=OrderEvent.Kind.SETTLED).select_related("actor").last()
        said = (
            gettext("Order %(id)s was settled by %(who)s first, and is now: %(status)s. Nothing was done.")
            if event
            else gettext(
                "Order %(id)s does not wait for a decision, it is now: %(status)s. Nothing was done."
            )
        )
        words = {"id": order.pk, "who": event and event.actor, "status": order.get_status_display()}
        self.message_user(request, said % words, messages.ERROR)
        return redirect(page_of(order))

    def _moved_on(self, request: HttpRequest, order: Order) -> HttpResponse:
        order.refresh_from_db(fields=["status"])
        said = gettext("Order %(id)s cannot be ended so, it is now: %(status)s. Nothing was done.")
        words = {"id": order.pk, "status": order.get_status_display()}
        self.message_user(request, said % words, messages.ERROR)
        return redirect(page_of(order))

    def _confirm_settling(self, request: HttpRequest, form: SettleForm) -> HttpResponse:
        return self._confirm(
            request,
            title=gettext("Settle the order"),
            lines=[*form.consequences(), _reason_of(form)],
            button=gettext("Settle it so"),
            hidden=_filled_in(form),
            order=form.order,
        )

    def _confirm_end(self, request: HttpRequest, form: EndForm) -> HttpResponse:
        return self._confirm(
            request,
            title=gettext("End the order by hand"),
            lines=[*form.consequences(), _reason_of(form)],
            button=gettext("End it so"),
            hidden=_filled_in(form),
            order=form.order,
        )


def _settle_form(request: HttpRequest, evidence: Evidence) -> SettleForm:
    """Return the form, with the decision filled in that a link to this page names."""
    wanted = {name: request.GET[name] for name in ("decision", "provider_order_id") if name in request.GET}
    return SettleForm(request.POST or None, order=evidence.order, evidence=evidence.mark, initial=wanted)


def _about(order: Order, form: SettleForm | EndForm) -> dict[str, object]:
    return {"original": order, "order": order, "form": form, "back": page_of(order)}


def _reason_of(form: SettleForm | EndForm) -> str:
    return gettext("Reason: %(why)s") % {"why": form.cleaned_data["why"]}


def _filled_in(form: SettleForm | EndForm) -> list[tuple[str, str]]:
    values = ((name, form.cleaned_data[name]) for name in form.fields)
    return [(name, "" if value is None else str(value)) for name, value in values]

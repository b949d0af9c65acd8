"""The page on which a person gives a part of an order's charge back, or the rest: enter, confirm, done."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from accounts.models import User
from money.display import plain, shown
from orders.confirming import ConfirmedPages, page_of, user_of
from orders.errors import NotForRefund, RefundOutOfBounds, RefundSeenOtherwise
from orders.models import Order
from orders.refunding_by_hand import refund_by_hand, refundable

STEP = Decimal("0.00001")


class RefundForm(forms.Form):
    """How much of an order's charge goes back, why, and what had gone back when the page was opened."""

    amount = forms.DecimalField(
        label=_("Amount"),
        min_value=STEP,
        max_digits=18,
        decimal_places=5,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )
    why = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("It is kept in the order's timeline, with your name; for staff."),
    )
    seen = forms.DecimalField(max_digits=18, decimal_places=6, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, order: Order) -> None:
        self.order, self.most = order, refundable(order)
        super().__init__(data, initial={"amount": plain(self.most), "seen": order.refunded})
        self.fields["amount"].help_text = gettext("At most %(most)s.") % {"most": shown(self.most)}

    def clean_amount(self) -> Decimal:
        """Refuse more than what is left of the charge."""
        amount: Decimal = self.cleaned_data["amount"]
        if amount > self.most:
            raise forms.ValidationError(gettext("At most %(most)s.") % {"most": shown(self.most)})
        return amount

    def consequences(self) -> list[str]:
        """Return what the refund would do, in the language of the page."""
        order, amount = self.order, self.cleaned_data["amount"]
        words = {"id": order.pk, "customer": order.customer, "provider": order.provider}
        words |= {"amount": shown(amount), "status": order.get_status_display()}
        words |= {"kept": shown(order.kept - amount), "charge": shown(order.charge)}
        ended = gettext("The order stays as it ended: %(status)s. %(provider)s is told nothing.")
        goes_on = gettext(
            "The order goes on at %(provider)s, and stays: %(status)s. To end it as well, use “End by hand”."
        )
        lines = (
            gettext("Order %(id)s: %(amount)s go back to the wallet of %(customer)s, at your own loss."),
            gettext("%(kept)s of its charge of %(charge)s stay paid."),
            ended if order.is_ended else goes_on,
            gettext(
                "If %(provider)s says later that less was delivered, only what is still missing goes back."
            ),
        )
        return [*(line % words for line in lines), gettext("Reason: %(why)s") % self.cleaned_data]

    def refund(self, actor: User) -> Order:
        """Carry it out. Raises `NotForRefund`, `RefundSeenOtherwise` and `RefundOutOfBounds`."""
        data = self.cleaned_data
        return refund_by_hand(
            self.order.pk, amount=data["amount"], seen=data["seen"], actor=actor, why=data["why"]
        )


class RefundPages(ConfirmedPages):
    """The page, for the admin of orders."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        return [*self._pages_of_an_order(refund=self.refund_page), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Order | None = None, **more: Any
    ) -> HttpResponse:
        """Offer it where something can be given back."""
        if obj is not None and self.has_work_permission(request):
            context["can_refund"] = refundable(obj) > 0
        return super().render_change_form(request, context, *args, obj=obj, **more)  # type: ignore[no-any-return]

    def refund_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Take an amount and a reason, have them confirmed, and give the money back."""
        order = self._order(request, order_id)
        if refundable(order) <= 0:
            return self._nothing_to_refund(request, order)
        form = RefundForm(request.POST or None, order=order)
        # "back": a person who was asked to confirm goes back to what they had filled in.
        if not form.is_valid() or "back" in request.POST:
            context = {"original": order, "order": order, "form": form, "back": page_of(order)}
            return self._page(request, "refund", title=gettext("Give money back"), **context)
        if "confirmed" in request.POST:
            return self._refund(request, form)
        return self._confirm(
            request,
            title=gettext("Give money back"),
            lines=form.consequences(),
            button=gettext("Give it back"),
            back=request.path,
            hidden=[(name, str(form.cleaned_data[name])) for name in form.fields],
        )

    def _refund(self, request: HttpRequest, form: RefundForm) -> HttpResponse:
        try:
            order = form.refund(user_of(request))
        except (RefundSeenOtherwise, RefundOutOfBounds) as error:
            return self._moved_meanwhile(request, form.order, error)
        except NotForRefund:
            return self._nothing_to_refund(request, form.order)
        words = {"id": order.pk, "amount": shown(form.cleaned_data["amount"]), "customer": order.customer}
        said = gettext("Order %(id)s: %(amount)s are back in the wallet of %(customer)s.") % words
        self.message_user(request, said, messages.SUCCESS)
        return redirect(page_of(order))

    def _moved_meanwhile(self, request: HttpRequest, order: Order, error: Exception) -> HttpResponse:
        """Say that money went back since the page was opened: by another person, the provider, or a click."""
        order.refresh_from_db(fields=["status", "refunded"])
        said = gettext(
            "Order %(id)s: %(refunded)s of its charge are back by now, more than when you opened the page. "
            "Nothing more was given back. Look at the order, and decide again."
        )
        words = {"id": order.pk, "refunded": shown(order.refunded)}
        self.message_user(request, said % words, messages.ERROR)
        return redirect(page_of(order))

    def _nothing_to_refund(self, request: HttpRequest, order: Order) -> HttpResponse:
        order.refresh_from_db(fields=["status", "refunded"])
        said = (
            gettext("Order %(id)s: the whole charge is back already. Nothing was done.")
            if order.kept == 0
            else gettext(
                "Order %(id)s is now: %(status)s. It is canceled or settled instead; nothing was done."
            )
        )
        words = {"id": order.pk, "status": order.get_status_display()}
        self.message_user(request, said % words, messages.ERROR)
        return redirect(page_of(order))

"""The form by which an operator settles an order that waits for one."""

from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import User
from money.display import shown
from orders.errors import NotForSettling, ProviderIdTaken
from orders.models import Order
from orders.settling import settle_placed, settle_refund, settle_send_again


class Decision(models.TextChoices):
    """What can be decided of an order that may or may not have been placed."""

    PLACED = "placed", gettext_lazy("It was placed, under the id below")
    SEND_AGAIN = "send_again", gettext_lazy("It was not placed: send it again")
    REFUND = "refund", gettext_lazy("End it, and give the whole charge back")


def evidence_of(order: Order) -> int:
    """Return a number that grows with every attempt: which evidence a decision was made on."""
    return order.attempts.order_by("-id").values_list("pk", flat=True).first() or 0


class SettleForm(forms.Form):
    """A decision, the reason for it, and the evidence that its maker saw."""

    decision = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        choices=Decision.choices,
        widget=UnfoldAdminRadioSelectWidget(choices=Decision.choices),
    )
    provider_order_id = forms.CharField(
        label=gettext_lazy("Provider's order id"),
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("For an order that was placed."),
    )
    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "How you know. It is kept in the order's timeline, with your name; for staff."
        ),
    )
    evidence = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, order: Order) -> None:
        super().__init__(data, initial={"evidence": evidence_of(order)})
        self.order = order

    def clean(self) -> dict[str, Any]:
        """Demand the id of an order that was placed, and refuse one where it would be lost."""
        if "evidence" in self.errors:
            raise forms.ValidationError(_("The form arrived damaged. Open it again."))
        data = super().clean() or {}
        placed = data.get("decision") == Decision.PLACED
        if placed and not data.get("provider_order_id") and "provider_order_id" not in self.errors:
            self.add_error("provider_order_id", _("Enter the id that the provider gave it."))
        elif "decision" in data and not placed and data.get("provider_order_id"):
            self.add_error("provider_order_id", _("Leave it empty unless the order was placed."))
        return data

    def consequences(self) -> list[str]:
        """Return what the decision would do to the order and to the money, in the language of the page."""
        words = {"id": self.order.pk, "customer": self.order.customer, "charge": shown(self.order.charge)}
        words["provider_id"] = self.cleaned_data["provider_order_id"]
        words["provider"] = self.order.provider
        wanted = self.order.cancel_state == Order.CancelState.WANTED
        if self.cleaned_data["decision"] == Decision.PLACED:
            return [text % words for text in _placed(wanted)]
        if self.cleaned_data["decision"] == Decision.SEND_AGAIN:
            return [text % words for text in _send_again(wanted)]
        return [
            _("Order %(id)s ends as canceled, and %(charge)s go back to the wallet of %(customer)s.") % words,
            _("If %(provider)s has it after all, the provider delivers it, and you pay for it.") % words,
        ]

    def settle(self, actor: User) -> bool:
        """Carry the decision out; False, with an error beside the id, when another order has that id.

        Raises `NotForSettling` when somebody settled the order first, or more became known since the form
        was opened.
        """
        data = self.cleaned_data
        if data["evidence"] != evidence_of(self.order):
            raise NotForSettling
        order_id, why = self.order.pk, data["why"]
        try:
            if data["decision"] == Decision.PLACED:
                settle_placed(order_id, provider_order_id=data["provider_order_id"], actor=actor, why=why)
            elif data["decision"] == Decision.SEND_AGAIN:
                settle_send_again(order_id, actor=actor, why=why)
            else:
                settle_refund(order_id, actor=actor, why=why)
        except ProviderIdTaken:
            self.add_error("provider_order_id", _("Another order has this id already."))
            return False
        return True


def _placed(wanted: bool) -> list[str]:
    return [
        _("%(provider)s is asked about order %(id)s under the id %(provider_id)s from now on."),
        _("%(customer)s wanted it canceled: the provider is asked to.")
        if wanted
        else _("%(charge)s stay paid. What is not delivered is given back when the provider says so."),
    ]


def _send_again(wanted: bool) -> list[str]:
    if wanted:
        return [
            _("%(customer)s wanted it canceled: it is not sent again, but canceled."),
            _("%(charge)s go back to the wallet of %(customer)s."),
        ]
    return [
        _("Order %(id)s is sent to %(provider)s once more. %(charge)s stay paid, nothing is charged anew."),
        _("If the provider has it already, it is delivered twice, and you pay the provider twice."),
    ]

"""The forms by which an operator decides what no machine can know, with what each decision does in words."""

from typing import Any

from django import forms
from django.db import models
from django.http import QueryDict
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import User
from money.display import shown
from orders.ending import remains_of, seen_of, settle_end
from orders.errors import ProviderIdTaken, RemainsOutOfBounds
from orders.matching import Verdict, findings_of, other_with
from orders.models import LostAnswer, Order
from orders.refunding import owed
from orders.settling import is_provider_id, settle_placed, settle_refund, settle_send_again


class Decision(models.TextChoices):
    """What can be decided of an order that may or may not have been placed."""

    PLACED = "placed", gettext_lazy("It was placed, under the id below")
    SEND_AGAIN = "send_again", gettext_lazy("It was not placed: send it again")
    REFUND = "refund", gettext_lazy("End it, and give the whole charge back")


class End(models.TextChoices):
    """How an order can be ended by hand."""

    COMPLETED = Order.Status.COMPLETED.value, gettext_lazy("It was delivered in full")
    PARTIAL = Order.Status.PARTIAL.value, gettext_lazy("It was delivered in part")
    CANCELED = Order.Status.CANCELED.value, gettext_lazy("Nothing was delivered")


def _reason() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "How you know. It is kept in the order's timeline, with your name; for staff."
        ),
    )


def _outdated() -> forms.ValidationError:
    return forms.ValidationError(
        _("More became known since you opened this page. Look at it, and decide again.")
    )


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
    why = _reason()
    evidence = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, *, order: Order, evidence: str, initial: dict[str, str]
    ) -> None:
        self.is_outdated = data is not None and data.get("evidence") != evidence
        if data is not None and self.is_outdated:
            # Shown again with what is known now, it is a decision about that.
            data = data.copy()
            data["evidence"] = evidence
        super().__init__(data, initial={**initial, "evidence": evidence})
        self.order = order

    def clean(self) -> dict[str, Any]:
        """Demand the id of an order that was placed, and refuse one where it would be lost.

        A decision made on other evidence than there is now is refused as well.
        """
        if self.is_outdated:
            raise _outdated()
        data = super().clean() or {}
        placed = data.get("decision") == Decision.PLACED
        if placed and not data.get("provider_order_id") and "provider_order_id" not in self.errors:
            self.add_error("provider_order_id", _("Enter the id that the provider gave it."))
        elif placed and data.get("provider_order_id") and not is_provider_id(data["provider_order_id"]):
            text = _("Enter the id as the provider writes it: without blanks, and without zeros before it.")
            self.add_error("provider_order_id", text)
        elif placed and "provider_order_id" in data:
            self._refuse_others(data["provider_order_id"])
        elif "decision" in data and not placed and data.get("provider_order_id"):
            self.add_error("provider_order_id", _("Leave it empty unless the order was placed."))
        return data

    def consequences(self) -> list[str]:
        """Return what the decision would do to the order and to the money, in the language of the page."""
        words = {"id": self.order.pk, "customer": self.order.customer, "charge": shown(self.order.charge)}
        words["provider_id"] = self.cleaned_data["provider_order_id"]
        words["provider"] = self.order.provider
        return [*self._against(), *self._follows(words)]

    def _against(self) -> list[str]:
        """Return what the search found that speaks against the decision."""
        lost = LostAnswer.objects.filter(attempt__order=self.order).select_related("attempt__order")
        found = [finding for findings in findings_of(list(lost[:20])).values() for finding in findings]
        fits = [str(finding.candidate) for finding in found if finding.verdict == Verdict.FITS]
        if self.cleaned_data["decision"] != Decision.PLACED:
            text = _("The search found %(ids)s, which fits this order: it was probably placed.")
            return [text % {"ids": ", ".join(fits[:5])}] if fits else []
        if self.cleaned_data["provider_order_id"] in fits:
            return []
        return [
            _("The search did not find that this id fits the order. Look it up in the provider's own list.")
        ]

    def _follows(self, words: dict[str, Any]) -> list[str]:
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

        Raises `NotForSettling` when somebody settled the order first, and `EvidenceChanged`.
        """
        data = self.cleaned_data
        order_id, about = self.order.pk, {"why": data["why"], "evidence": data["evidence"]}
        try:
            if data["decision"] == Decision.PLACED:
                settle_placed(order_id, provider_order_id=data["provider_order_id"], actor=actor, **about)
            elif data["decision"] == Decision.SEND_AGAIN:
                settle_send_again(order_id, actor=actor, **about)
            else:
                settle_refund(order_id, actor=actor, **about)
        except ProviderIdTaken:
            self._refuse_others(data["provider_order_id"])
            return False
        return True

    def _refuse_others(self, provider_order_id: str) -> None:
        other = other_with(provider_order_id, order=self.order)
        if other is not None:
            text = _("Order %(id)s has this id already. Look up the right one in the provider's own list.")
            self.add_error("provider_order_id", text % {"id": other})


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


class SendAgainForm(forms.Form):
    """The one reason for which several orders are sent again."""

    why = _reason()


def what_sending_again_does(order: Order) -> str:
    """Return what sending an order again would do to it and to the money."""
    words = {"id": order.pk, "customer": order.customer, "charge": shown(order.charge)}
    words["provider"] = order.provider
    if order.cancel_state == Order.CancelState.WANTED:
        text = _("Order %(id)s: %(customer)s wanted it canceled. It is canceled, and %(charge)s go back.")
    else:
        text = _("Order %(id)s of %(customer)s, %(charge)s, is sent to %(provider)s once more.")
    return text % words


class EndForm(forms.Form):
    """How an order ends that its provider never ends in a way that can be read, and why."""

    status = forms.ChoiceField(
        label=gettext_lazy("How it ends"),
        choices=End.choices,
        widget=UnfoldAdminRadioSelectWidget(choices=End.choices),
    )
    remains = forms.IntegerField(
        label=gettext_lazy("Not delivered"),
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("For an order that was carried out in part: how much is missing."),
    )
    why = _reason()
    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, order: Order) -> None:
        partly = order.remains is not None and 0 < order.remains < order.quantity
        seen = seen_of(order)
        self.is_outdated = data is not None and data.get("seen") != seen
        if data is not None and self.is_outdated:
            # Shown again with what the provider says now, it is a decision about that.
            data = data.copy()
            data["seen"] = seen
        super().__init__(data, initial={"seen": seen, "remains": order.remains if partly else None})
        self.order = order

    def clean(self) -> dict[str, Any]:
        """Demand a part of the quantity for a partial end, and nothing for another.

        An end decided when the provider had said something else is refused.
        """
        if self.is_outdated:
            raise _outdated()
        data = super().clean() or {}
        if "status" not in data or "remains" in self.errors:
            return data
        try:
            remains_of(self.order, status=data["status"], remains=data["remains"])
        except RemainsOutOfBounds:
            text = _("Enter how much is missing: more than 0, and less than %(quantity)s.")
            self.add_error("remains", text % {"quantity": _number(self.order.quantity)})
        return data

    def consequences(self) -> list[str]:
        """Return what the end would do to the order and to the money, in the language of the page."""
        order, status = self.order, self.cleaned_data["status"]
        left = remains_of(order, status=status, remains=self.cleaned_data["remains"])
        words = {"id": order.pk, "customer": order.customer, "provider": order.provider}
        words |= {"charge": shown(order.charge), "back": shown(owed(order, status=status, remains=left))}
        words |= {"delivered": _number(order.quantity - (left or 0)), "quantity": _number(order.quantity)}
        return [text % words for text in (_END_WORDS[status], *_ANY_END)]

    def end(self, actor: User) -> None:
        """Carry it out. Raises `NotForEnding` when the order is no longer as it was shown."""
        data = self.cleaned_data
        about = {"status": data["status"], "remains": data["remains"], "seen": data["seen"]}
        settle_end(self.order.pk, **about, actor=actor, why=data["why"])


_END_WORDS = {
    End.COMPLETED: gettext_lazy("Order %(id)s ends as completed: %(charge)s stay paid, nothing goes back."),
    End.PARTIAL: gettext_lazy(
        "Order %(id)s ends as partial, with %(delivered)s of %(quantity)s delivered: %(back)s of %(charge)s "
        "go back to the wallet of %(customer)s."
    ),
    End.CANCELED: gettext_lazy(
        "Order %(id)s ends as canceled: %(back)s go back to the wallet of %(customer)s."
    ),
}

_ANY_END = (
    gettext_lazy("%(provider)s is told nothing: if it still works on the order, you pay for that."),
    gettext_lazy(
        "If %(provider)s says later that less was delivered, more is given back by itself. What was given "
        "back is never taken back."
    ),
)


def _number(count: int) -> str:
    return number_format(count, use_l10n=True, force_grouping=True)

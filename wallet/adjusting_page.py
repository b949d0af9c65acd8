"""The page of admin on which a person puts money into a customer's wallet, or takes it out."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
)

from accounts.models import User
from money.display import shown
from wallet import ledger
from wallet.errors import AlreadyMoved, InsufficientFunds, InvalidAmount
from wallet.models import NOTE_LENGTH
from wallet.statement import balance_of


class Way(models.TextChoices):
    """Which way the money goes."""

    IN = "in", _("Put in")
    OUT = "out", _("Take out")


class AdjustForm(forms.Form):
    """How much, which way, and why."""

    way = forms.ChoiceField(
        label=_("What to do"), choices=Way.choices, initial=Way.IN, widget=UnfoldAdminRadioSelectWidget()
    )
    amount = forms.DecimalField(
        label=_("Amount"),
        min_value=Decimal("0.00001"),
        max_digits=18,
        decimal_places=5,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=NOTE_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Why. The customer sees it in the statement."),
    )
    # One page moves money once, however often it is sent.
    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def adjust(self, user: User, *, made_by: User) -> bool:
        """Move the money; False, with what is wrong beside its field, when the ledger refuses."""
        data = self.cleaned_data
        amount = data["amount"] if data["way"] == Way.IN else -data["amount"]
        try:
            ledger.adjust(
                user, amount=amount, reference=str(data["reference"]), note=data["note"], made_by=made_by
            )
        except InsufficientFunds as error:
            said = gettext("The wallet holds only %(held)s. Nothing was moved.")
            self.add_error("amount", said % {"held": shown(error.available)})
        except InvalidAmount:
            self.add_error("amount", gettext("This amount cannot be moved. Nothing was."))
        except AlreadyMoved:
            self.add_error(
                None, gettext("This was done already, by an earlier click. Nothing more was moved.")
            )
        return self.is_valid()


class AdjustingPage(ModelAdmin):  # type: ignore[misc]
    """The page, for the admin of ledger accounts."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        page = self.admin_site.admin_view(self.adjust_page)
        return [
            path("adjust/<int:user_id>/", page, name="wallet_ledgeraccount_adjust"),
            *super().get_urls(),
        ]

    def adjust_page(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Take the amount and the note, and move the money in the name of whoever is at work."""
        if not request.user.has_perm("wallet.add_transfer") or not isinstance(request.user, User):
            raise PermissionDenied
        user = get_object_or_404(User, pk=user_id)
        form = AdjustForm(request.POST or None)
        back = reverse("admin:accounts_user_change", args=[user.pk])
        if form.is_valid() and form.adjust(user, made_by=request.user):
            words = {"who": user, "balance": shown(balance_of(user))}
            said = gettext("The balance of %(who)s is now %(balance)s.") % words
            self.message_user(request, said, messages.SUCCESS)
            return redirect(back)
        return self._adjust_page(request, user, form=form, back=back)

    def _adjust_page(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        words = {"who": user, "balance": shown(balance_of(user))}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Adjust the balance"),
            "lines": [gettext("The balance of %(who)s is %(balance)s.") % words],
            "button": gettext("Move the money"),
            **more,
        }
        return TemplateResponse(request, "admin/confirm.html", context)

"""The order form."""

import uuid
from decimal import Decimal
from typing import Any, Self

from django import forms
from django.core.validators import RegexValidator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from catalog.link_form import MAX_LENGTH
from catalog.models import LinkRule, Service
from orders.errors import DuplicateLink, OrderError, RequestIdReused
from orders.messages import field_of, message_of
from orders.models import Order
from orders.placing import place_order
from wallet.errors import InsufficientFunds


def new_request_id() -> str:
    """Return an idempotency key for a form that is about to be shown."""
    return uuid.uuid4().hex


class WholeNumberField(forms.IntegerField):
    """A whole number in plain digits; Django's own takes "1.000" for 1, which many write for a thousand."""

    def to_python(self, value: Any) -> int | None:
        """Refuse what is not digits alone."""
        text = "" if value is None else str(value).strip()
        if text and not (text.isascii() and text.isdigit()):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(text)


class OrderForm(forms.Form):
    """What a customer orders. The checks that matter are `place_order`'s; here are only types."""

    service = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)
    request_id = forms.CharField(
        widget=forms.HiddenInput, max_length=64, validators=[RegexValidator(r"^[0-9A-Za-z_-]{8,64}$")]
    )
    agreed_price = forms.DecimalField(widget=forms.HiddenInput, max_digits=18, decimal_places=6)
    # For which link a second order is meant: an answer to `twin`. Another link is asked about anew.
    agreed_link = forms.CharField(required=False, max_length=MAX_LENGTH)
    link = forms.CharField(
        label=_("Link"),
        max_length=MAX_LENGTH,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off", "inputmode": "url"}),
        help_text=_("The page, post or video that the order is for."),
        error_messages={"required": _("Enter the link that the order is for.")},
    )
    quantity = WholeNumberField(
        label=_("Quantity"),
        error_messages={
            "required": _("Enter how much to order."),
            "invalid": _("Enter a whole number, for example 1000."),
        },
    )

    def __init__(self, *args: Any, customer: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.customer = customer
        self.twin: DuplicateLink | None = None

    @classmethod
    def offering(cls, service: Service, *, customer: User) -> Self:
        """Return an empty form that offers a service."""
        form = cls(customer=customer, initial={"service": service.pk, "request_id": new_request_id()})
        least, greatest = service.min_quantity, service.max_quantity
        form.fields["quantity"].initial = least if least == greatest else None
        return form

    def agree_to(self, price: Decimal | None) -> None:
        """Make the price per 1000 that the page shows the one that the next submit agrees to."""
        if self.is_bound:
            self._refill(agreed_price=str(price))
        else:
            self.initial["agreed_price"] = price

    def show_example(self, rule: LinkRule | None) -> None:
        """Say what links the service takes, where its rule has an example."""
        if rule is not None and rule.example:
            words = str(_("The page, post or video that the order is for. For example: {example}"))
            # The drawn field, which took its own words from the form's when it was first looked at.
            self["link"].help_text = format_html(words, example=rule.example)

    def quantity_typed(self) -> int:
        """Return the quantity that the form shows, for its total; 0 while there is none to be ordered."""
        typed = self.cleaned_data.get("quantity") if self.is_bound else self.fields["quantity"].initial
        return typed or 0

    def clean(self) -> None:
        """Refuse a form whose hidden part is not as the page made it; nobody can mend that by typing."""
        if any(name in self.errors for name in ("service", "request_id", "agreed_price", "agreed_link")):
            raise forms.ValidationError(_("The form arrived damaged. Choose the service again."))

    def place(self) -> Order | None:
        """Place the order, or put the refusal beside its field and return None.

        Where an open order for the link is only warned of, that becomes `twin`, for the page to ask about.
        """
        if not self.is_valid():
            return None
        data = self.cleaned_data
        try:
            return place_order(
                self.customer,
                service_id=data["service"],
                link=data["link"],
                quantity=data["quantity"],
                request_id=data["request_id"],
                agreed_price=data["agreed_price"],
                duplicate_agreed=data["agreed_link"] == data["link"],
            )
        except (OrderError, InsufficientFunds) as error:
            self._take_refusal(error)
            return None

    def _take_refusal(self, error: OrderError | InsufficientFunds) -> None:
        if isinstance(error, DuplicateLink) and error.may_agree:
            self.twin = error
            return
        if isinstance(error, RequestIdReused):
            # A page that came back by the Back button: what is sent next is meant as another order.
            self._refill(request_id=new_request_id())
        field = field_of(error)
        self.add_error(field if field in ("link", "quantity") else None, message_of(error))

    def _refill(self, **values: str) -> None:
        data: Any = self.data
        data = data.copy()  # what came with the request is never changed
        for name, value in values.items():
            data[name] = value
        self.data = data

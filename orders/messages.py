"""The words in which a page tells a customer what the rules refuse, and what to do about it."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from money.display import shown
from orders.errors import (
    ChargeTooSmall,
    DuplicateLink,
    InvalidLink,
    LinkNotTaken,
    NoOrdersNow,
    NotCancelable,
    OrderError,
    PriceChanged,
    QuantityOutOfBounds,
    RequestIdReused,
    ServiceNotSold,
)
from wallet.errors import InsufficientFunds


def field_of(error: OrderError | InsufficientFunds) -> str | None:
    """Return the order form's field that a refusal is about; None when it is about the whole order."""
    if isinstance(error, InvalidLink | DuplicateLink):
        return "link"
    if isinstance(error, QuantityOutOfBounds | ChargeTooSmall):
        return "quantity"
    if isinstance(error, ServiceNotSold):
        return "service"
    return None


def message_of(error: OrderError | InsufficientFunds) -> str:
    """Return the sentence that tells a customer of a refusal, in the language of the page."""
    if isinstance(error, InsufficientFunds):
        return _(
            "The order costs %(needed)s and your wallet holds %(available)s. Top up and order again."
        ) % {
            "needed": shown(error.needed),
            "available": shown(error.available),
        }
    if isinstance(error, QuantityOutOfBounds):
        return _("Enter a quantity from %(least)s to %(greatest)s.") % {
            "least": number_format(error.least, use_l10n=True, force_grouping=True),
            "greatest": number_format(error.greatest, use_l10n=True, force_grouping=True),
        }
    if isinstance(error, PriceChanged):
        return _("The price has changed to %(price)s per 1000. Check the new total and order again.") % {
            "price": shown(error.price)
        }
    if isinstance(error, DuplicateLink):
        return _of_a_twin(error)
    if isinstance(error, NoOrdersNow):
        return error.reason
    if isinstance(error, LinkNotTaken):
        return _of_a_link(error)
    return _plain(error)


def _of_a_twin(error: DuplicateLink) -> str:
    if error.may_agree:
        return _(
            "An order of this service for this link is still open. Two at once get in each other's way: "
            "what one delivers may be counted for the other."
        )
    if error.own_order_id is not None:
        return _(
            "Your order %(id)s of this service for this link is still open. Order again when it has ended."
        ) % {"id": error.own_order_id}
    return _("An order of this service for this link is still open. Order again when it has ended.")


def _of_a_link(error: LinkNotTaken) -> str:
    if not error.example:
        return _("This service is for links of another kind.")
    return _("This service is for links of another kind. Enter one like this: %(example)s") % {
        "example": error.example
    }


def _plain(error: OrderError) -> str:
    words = {
        InvalidLink: _("Enter a full address that begins with http:// or https://."),
        ServiceNotSold: _("This service is not sold now. Choose another one."),
        ChargeTooSmall: _("This order is too small to be charged. Enter a greater quantity."),
        RequestIdReused: _("This form was sent before with other values. Check it and order again."),
        NotCancelable: _("This order can no longer be canceled."),
    }
    return words[type(error)]

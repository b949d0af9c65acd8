"""What the rules of orders refuse. Each carries what its message needs; the words are in `messages.py`."""

from decimal import Decimal


class OrderError(Exception):
    """Base of all refusals of the orders room; nothing was changed when one is raised."""


class NoOrdersNow(OrderError):
    """Raised while the site takes no orders; `reason` is what customers read, in the reader's language."""

    def __init__(self, *, reason: str) -> None:
        super().__init__("the site takes no orders now")
        self.reason = reason


class ServiceNotSold(OrderError):
    """Raised for a service that does not exist or is not on sale now."""


class InvalidLink(OrderError):
    """Raised for a link that is no http(s) URL, is too long, names a user, or has invisible characters."""


class LinkNotTaken(InvalidLink):
    """Raised for a link of another kind than the service's rule takes; `example` may be empty."""

    def __init__(self, *, example: str) -> None:
        super().__init__("not a link that the service's rule takes")
        self.example = example


class QuantityOutOfBounds(OrderError):
    """Raised for a quantity outside the service's bounds."""

    def __init__(self, *, least: int, greatest: int) -> None:
        super().__init__(f"quantity outside {least} to {greatest}")
        self.least = least
        self.greatest = greatest


class ChargeTooSmall(OrderError):
    """Raised for an order so small that its charge rounds to nothing."""


class PriceChanged(OrderError):
    """Raised when the service costs more now than the customer was shown."""

    def __init__(self, *, price: Decimal) -> None:
        super().__init__(f"the price is {price} per 1000 now")
        self.price = price


class RequestIdReused(OrderError):
    """Raised when a request id comes again with another service, link or quantity."""


class DuplicateLink(OrderError):
    """Raised when an order of the same service for the same link is still open.

    `own_order_id` is that order, if it is the customer's own; None says nothing of whose it is. `may_agree`
    tells whether the customer may order all the same.
    """

    def __init__(self, *, own_order_id: int | None, may_agree: bool) -> None:
        super().__init__("an order of this service for this link is open")
        self.own_order_id = own_order_id
        self.may_agree = may_agree


class NotCancelable(OrderError):
    """Raised when an order has ended, was asked to be canceled before, or is past the provider's time."""


class NotForSettling(OrderError):
    """Raised when an order does not wait for a person, or somebody settled it first."""


class EvidenceChanged(OrderError):
    """Raised when more became known of an order than was shown to the person who decides about it."""


class NotForEnding(OrderError):
    """Raised when an order that is to be ended by hand is not at its provider as it was shown."""


class RemainsOutOfBounds(OrderError):
    """Raised for a partial end of which everything, nothing, or an unknown number is left undelivered."""


class InvalidProviderId(OrderError):
    """Raised for an id that no provider gives: with blanks, without a digit, with zeros before a number."""


class ProviderIdTaken(OrderError):
    """Raised when an order is to get a provider's id that another order has already."""


class NotForRefund(OrderError):
    """Raised when nothing of an order can be given back by hand: all is, or the provider never had it."""


class RefundSeenOtherwise(OrderError):
    """Raised when money went back since the person who gives some by hand looked; `refunded` is the sum."""

    def __init__(self, *, refunded: Decimal) -> None:
        super().__init__(f"{refunded} were given back by now")
        self.refunded = refunded


class RefundOutOfBounds(OrderError):
    """Raised for a refund by hand of nothing, of more than `most`, or finer than a charge is."""

    def __init__(self, *, most: Decimal) -> None:
        super().__init__(f"a refund is above zero and up to {most}")
        self.most = most

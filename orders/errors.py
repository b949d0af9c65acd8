"""What the rules of orders refuse. Each carries what its message needs; the words are in `messages.py`."""

from decimal import Decimal


class OrderError(Exception):
    """Base of all refusals of the orders room; nothing was changed when one is raised."""


class ServiceNotSold(OrderError):
    """Raised for a service that does not exist or is not on sale now."""


class InvalidLink(OrderError):
    """Raised for a link that is no http(s) URL, is longer than 2048 characters, or has invisible ones."""


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


class NotCancelable(OrderError):
    """Raised when an order has ended, was asked to be canceled before, or is past the provider's time."""


class NotForSettling(OrderError):
    """Raised when an order does not wait for a person, or somebody settled it first."""


class ProviderIdTaken(OrderError):
    """Raised when an order is to get a provider's id that another order has already."""

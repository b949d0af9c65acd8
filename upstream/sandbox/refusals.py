"""Every error of `provider-api.txt`, spelled as there."""

ACTION_EMPTY = "Action should not be empty"
KEY_EMPTY = "API key should not be empty"
SERVICE_EMPTY = "Service ID should not be empty"
LINK_EMPTY = "Requested link should not be empty"
QUANTITY_EMPTY = "Order quantity should not be empty"
ORDER_EMPTY = "Order ID should not be empty"
KEY_INVALID = "Invalid API key"
ACTION_INVALID = "Invalid Action"
SERVICE_NOT_ACTIVE = "Service Not Active"
SERVICE_INVALID = "Invalid Service ID"
ORDER_INVALID = "Invalid order ID"
NO_FUNDS = "Insuffcient Funds"
QUANTITY_OUT_OF_BOUNDS = "Quantity should be within min quantity to max quantity"
ALREADY_CANCELED = "Order already canceled"
TOO_MANY_ORDERS = (
    "No more than 100 orders in one call"  # the classic dialect's own: the document has no `orders`
)


class Refused(Exception):
    """Raised when a call is refused; its text is the answer's `error`."""


def spam_wait(seconds: int) -> str:
    """Return the refusal of a repeated order ("Создать заказ", error 12) with the seconds to wait."""
    return f"Spam protection, wait {seconds} seconds"


def too_late_to_cancel(minutes: float) -> str:
    """Return the refusal of a cancel after its minutes ("Отмена заказа", error 6)."""
    return f"An order can be canceled only within {minutes:g} minutes"

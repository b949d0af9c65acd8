"""What a provider may answer, by name: each class of the error table, with the rules that mean more."""

from upstream.answers import CancelTaken, Status
from upstream.errors import (
    Bounds,
    CancelRefused,
    Halt,
    Later,
    OrderUnknown,
    ProviderError,
    Refused,
    Uncertain,
    UnknownText,
)

UNHEARD_OF = "the moon is too full for this"
"""An error text that no row of the table knows, and that a person may teach a class."""


def _unheard_of() -> UnknownText:
    fault = UnknownText(UNHEARD_OF, rule="unknown_text")
    fault.words = UNHEARD_OF
    return fault


ADD_FAULTS: dict[str, ProviderError] = {
    "bad link": Refused("Bad link", rule="bad_link"),
    "quantity": Refused("Quantity less than 200", rule="quantity", bounds=Bounds(least=200)),
    "a parameter is missing": Refused("Missing parameter", rule="missing_parameter"),
    "service unknown": Refused("Invalid Service ID", rule="service_unknown", switch_service_off=True),
    "service off": Refused("Service Not Active", rule="service_inactive", switch_service_off=True),
    "nothing sent": Later("connection refused", rule="nothing_sent"),
    "rate limit": Later("Too many requests", rule="rate_limit", paces_provider=True),
    "spam": Later("Spam protection", rule="spam_wait", wait_seconds=8, hints_at_earlier=True),
    "active order": Later("Active order with this link", rule="active_order", hints_at_earlier=True),
    "key": Halt("Invalid API key", rule="key"),
    "funds": Halt("Insuffcient Funds", rule="funds", funds=True),
    "no answer": Uncertain("read timeout", rule="no_answer"),
    "HTTP 500": Uncertain("HTTP 500", rule="http_5xx", http_status=500),
    "unheard of": _unheard_of(),
}
PLACED, PLACED_AS_ANOTHER = "placed", "placed as another"
ADD_ANSWERS = [PLACED, PLACED_AS_ANOTHER, *ADD_FAULTS]

STATUS_FAULTS: dict[str, ProviderError] = {
    "order unknown": OrderUnknown("Invalid order ID", rule="order_unknown"),
    "unknown text": Later("the moon is too full", rule="unknown_text"),
    "no answer": Later("read timeout", rule="no_answer"),
    "rate limit": Later("Too many requests", rule="rate_limit", paces_provider=True),
    "key": Halt("Invalid API key", rule="key"),
}

CANCEL_ANSWERS: dict[str, CancelTaken | ProviderError] = {
    "taken": CancelTaken(already=False, raw=""),
    "taken before": CancelTaken(already=True, raw=""),
    "too late": CancelRefused("only within 10 minutes", rule="cancel_window"),
    "rate limit": Later("Too many requests", rule="rate_limit", wait_seconds=30),
    "key": Halt("Invalid API key", rule="key"),
    "no answer": Uncertain("read timeout", rule="no_answer"),
}

STATUSES: list[Status | None] = [*Status, None]
REMAINS = [None, -5, 0, 1, 77, 333, 1000, 50_000]

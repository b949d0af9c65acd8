"""The bytes, wrappers, words and numbers of an answer (`provider-dialects.md`, section 1).

Numbers of JSON are kept as text from the start: `50.000` without quotes would otherwise lose its zeros.
"""

import json
import re
from decimal import Decimal
from typing import Literal

from upstream.answers import Status
from upstream.cleaning import clean, printable

Action = Literal["services", "add", "status", "cancel", "balance"]

MAX_DIGITS = 18
"""Digits before the point, and after it: what a 64-bit column keeps, and more than anything that is sold."""

ID_LIMIT = 100

MAX_BRACKETS = 500_000
MAX_COMMAS = 1_000_000
"""What an answer may have of them, in texts too: several times what the longest of catalogues has.

An empty list is three bytes of JSON and sixty in memory: twenty megabytes of them took a gigabyte.
"""

_UNKNOWN_NUMBERS = frozenset({"", "-", "unknown", "n/a"})
_NO_BREAK_BLANKS = re.compile("[\u00a0\u2009\u202f]")

_PLAIN = re.compile(r"-?[0-9]+")
# The first group cannot begin with 0: "0.500" is a broken half, not five hundred.
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}([.,' ])[0-9]{3}(?:\1[0-9]{3})*")
_ZERO_DECIMALS = re.compile(r"(-?[0-9]+)[.,]0{1,2}")

_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_LONE_COMMA = re.compile(r"-?(?:0|[0-9]+(?=,(?![0-9]{3}$))),[0-9]+")
_MANY_GROUPS = re.compile(r"-?[1-9][0-9]{0,2}([.,])[0-9]{3}(?:\1[0-9]{3})+")
_ENGLISH = re.compile(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]+")
_EUROPEAN = re.compile(r"-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+")
_SPACED = re.compile(r"-?[1-9][0-9]{0,2}(?:([ '])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?")

_ID = re.compile(r"(?=.*[1-9a-z])(?=.*[0-9])[0-9a-z][0-9a-z_:-]*", re.IGNORECASE)

_FAILED = frozenset({"error", "fail", "failed", "false"})
_STATUS_FIELDS = ("charge", "remains", "start_count")
_RESULT_FIELDS = ("order", "balance", *_STATUS_FIELDS)

_STATUSES: dict[str, Status] = {
    **dict.fromkeys(("pending", "awaiting", "queued"), Status.PENDING),
    "processing": Status.PROCESSING,
    **dict.fromkeys(("in progress", "inprogress", "active"), Status.IN_PROGRESS),
    "partial": Status.PARTIAL,
    **dict.fromkeys(("completed", "complete", "success"), Status.COMPLETED),
    **dict.fromkeys(("canceled", "cancelled", "order canceled", "order cancelled"), Status.CANCELED),
    **dict.fromkeys(("refunded", "refunds", "refund"), Status.CANCELED),
}


class _Fractional(str):
    """A number that JSON wrote with a point or an exponent: to be read as a number, and never as an id."""

    __slots__ = ()


class Unreadable(ValueError):
    """Raised when an answer, or a value in it, cannot be read; its text says what, and is short."""


def decode_body(body: bytes) -> object:
    """Return the JSON in `body` with every number as text.

    Raises `Unreadable` when there is none: HTML, cut off, empty, nested too deep, or of too many values.
    """
    # Counted before it is parsed: what it would take in memory is taken by then.
    if body.count(b"{") + body.count(b"[") > MAX_BRACKETS or body.count(b",") > MAX_COMMAS:
        raise Unreadable("too many values")
    try:
        return json.loads(body_text(body), parse_float=_Fractional, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        pass
    raise Unreadable("no JSON" if body.strip() else "an empty body")


def body_text(body: bytes) -> str:
    """Return a body as text, whatever it claims to be: UTF-8 with replacements, without a byte order mark."""
    return body.decode("utf-8", errors="replace").removeprefix("\ufeff")


def unwrap(answer: object, *, action: Action, order_id: str = "") -> object:
    """Return what is inside a list of exactly one object, `{"data": …}`, or `{"<order_id>": …}`.

    `services` is never unwrapped: a catalogue of one service is a list of one object.
    """
    if action == "services":
        return answer
    answer = _only_object(answer)
    if isinstance(answer, dict) and "data" in answer and not any(field in answer for field in _RESULT_FIELDS):
        inside = answer["data"]
        if isinstance(inside, dict | list) and error_text(answer, action) is None:
            answer = _only_object(inside)
    if action == "status" and isinstance(answer, dict) and isinstance(answer.get(order_id), dict | str):
        return answer[order_id]
    return answer


def _only_object(answer: object) -> object:
    if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], dict):
        return answer[0]
    return answer


def error_text(answer: object, action: Action) -> str | None:
    """Return the error that an answer carries, wrapped in a list or not, or None.

    That is the first truthy of error, Error, errors; else, where `status` says "error" or "fail", a message.
    In an answer to `status` that word is the order's own, unless charge, remains and start_count are missing.
    """
    if action == "status" and isinstance(answer, str):
        return answer.strip() or None  # {"<order_id>": "Incorrect order ID"}
    listed = isinstance(answer, list)
    answer = _only_object(answer)
    if not isinstance(answer, dict) or (action == "services" and listed and "service" in answer):
        return None
    for field in ("error", "Error", "errors"):
        if text := _words(answer.get(field)):
            # {"error": true, "message": …} and {"error": 1, "message": …}: the words stand beside it.
            return text if not text.isdigit() else _message(answer) or text
    if action == "status" and any(field in answer for field in _STATUS_FIELDS):
        return None
    said = answer.get("status")
    if said is False or (isinstance(said, str) and said.strip().lower() in _FAILED):
        return _message(answer) or f"status {str(said).strip().lower()}"
    return None


def _message(answer: dict[str, object]) -> str:
    return next((text for field in ("msg", "message") if (text := _words(answer.get(field)))), "")


def _words(value: object, depth: int = 3) -> str:
    """Return the words of an error field: a text, or the first one inside it; "" when it says no error."""
    if isinstance(value, str):
        return "" if value.strip() == "0" else value.strip()
    if value is True:
        return "1"
    if not isinstance(value, dict | list) or not value:
        return ""
    if depth == 0:
        return "an error without words"
    if isinstance(value, list):
        return _words(value[0], depth - 1)
    named = [value[field] for field in ("message", "msg", "text", "error") if field in value]
    return _words(named[0] if named else next(iter(value.values())), depth - 1) or "an error without words"


def whole_number(value: object) -> int | None:
    """Return a whole number, thousands separators dropped ("50.000" is 50000); None for "", null, "-", "N/A".

    Raises `Unreadable` for anything else, "1.5" and numbers of more than 18 digits included.
    """
    text = _number_text(value)
    if text is None:
        return None
    if is_grouped(text):
        return _bounded_int(re.sub(r"[.,' ]", "", text))
    if match := _ZERO_DECIMALS.fullmatch(text):
        return _bounded_int(match[1])
    if _PLAIN.fullmatch(text):
        return _bounded_int(text)
    raise Unreadable(f"no whole number: {shown(value)}")


def is_grouped(value: object) -> bool:
    """Tell whether a whole number is written in groups of thousands, like "1.000"."""
    text = _number_text(value)
    return text is not None and _GROUPED.fullmatch(text) is not None


def _bounded_int(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise Unreadable(f"too long a number: {shown(digits)}")
    return int(digits)


def money(value: object) -> Decimal | None:
    """Return an amount; a lone dot is the decimal point ("1.000" is 1), None for "", null, "-", "N/A".

    Two or more groups are thousands ("1.234.567", "1,234.56", "1.234,56"). A sign is kept: a balance may be
    below zero. Raises `Unreadable` for anything else: NaN, exponents, and "1,234", which may be either.
    """
    text = _number_text(value)
    if text is None:
        return None
    if _DECIMAL.fullmatch(text):
        return _bounded_decimal(text)
    if _LONE_COMMA.fullmatch(text) or _EUROPEAN.fullmatch(text):
        return _bounded_decimal(text.replace(".", "").replace(",", "."))
    if _MANY_GROUPS.fullmatch(text):
        return _bounded_decimal(re.sub(r"[.,]", "", text))
    if _ENGLISH.fullmatch(text):
        return _bounded_decimal(text.replace(",", ""))
    if _SPACED.fullmatch(text):
        return _bounded_decimal(re.sub(r"[ ']", "", text).replace(",", "."))
    raise Unreadable(f"no amount: {shown(value)}")


def _bounded_decimal(text: str) -> Decimal:
    whole, _, decimals = text.lstrip("-").partition(".")
    if len(whole) > MAX_DIGITS or len(decimals) > MAX_DIGITS:
        raise Unreadable(f"too long an amount: {shown(text)}")
    return Decimal(text)


def _number_text(value: object) -> str | None:
    """Return a number's text, trimmed, its no-break blanks as blanks; None when it says "not known"."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unreadable(f"no number: {shown(value)}")
    text = _NO_BREAK_BLANKS.sub(" ", value).strip()
    return None if text.lower() in _UNKNOWN_NUMBERS else text


def status_word(value: object) -> Status | None:
    """Return the status that a word means; None for an unknown one, and for "fail", "error", "rejected".

    Whole words only: "Cancelation pending" is no cancel (`provider-dialects.md`, section 1, "Statuses").
    """
    if not isinstance(value, str):
        return None
    return _STATUSES.get(" ".join(re.sub(r"[_-]", " ", value).lower().split()))


def order_id_text(value: object) -> str | None:
    """Return the id of an order or a service as text, or None if it is none (null, "", 0, -1, a sentence).

    An id is at most 100 letters, digits, "-", "_" and ":", with a digit among them; "1e9" is one as a text,
    and none as a number.
    """
    if isinstance(value, _Fractional):
        return None
    text = value.strip(" ") if isinstance(value, str) else ""
    return text if len(text) <= ID_LIMIT and _ID.fullmatch(text) else None


def text_field(value: object, *, limit: int) -> str:
    """Return a text of an answer, fit to keep; "" for anything but text and numbers."""
    return clean(value, limit=limit) if isinstance(value, str) else ""


def shown(value: object) -> str:
    """Return a value for a message, short."""
    return repr(printable(value)[:40]) if isinstance(value, str) else f"({type(value).__name__})"

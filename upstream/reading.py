"""Whole answers: the catalogue, an order's status, the balance (`provider-dialects.md`, section 1)."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from upstream.answers import Balance, Catalogue, OrderStatus, ServiceRow, SkippedRow
from upstream.cleaning import clean
from upstream.parsing import (
    MAX_DIGITS,
    Unreadable,
    is_grouped,
    money,
    order_id_text,
    shown,
    status_word,
    text_field,
    whole_number,
)

NAME_LIMIT = 500
CATEGORY_LIMIT = 300
TYPE_LIMIT = 50
STATUS_LIMIT = 100
CURRENCY_LIMIT = 10
REASON_LIMIT = 200
BALANCE_LIMIT = 100

# Of a length that is kept: a row that cannot be read anyway says nothing of how the others are written.
_PLAIN_THOUSANDS = re.compile(rf"[0-9]{{4,{MAX_DIGITS}}}(?:[.,]0{{1,2}})?")
_ONE_OR_ONE_THOUSAND = re.compile(r"-?[0-9]+\.[0-9]{3}")
_FLAGS: dict[str, bool] = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Number = TypeVar("Number", int, Decimal)


def read_catalogue(answer: object) -> Catalogue:
    """Return the services of a catalogue, and those that cannot be sold safely with the reason.

    Raises `Unreadable` when the answer is no list of objects. Source: `provider-api.txt`, "Список услуг".
    """
    if not isinstance(answer, list) or not all(isinstance(entry, dict) for entry in answer):
        raise Unreadable("no list of services")
    mixed = _is_mixed(answer)
    rows: dict[str, ServiceRow] = {}
    skipped: list[SkippedRow] = []
    for position, entry in enumerate(answer):
        try:
            row = _service_row(entry, mixed=mixed)
            if row.service_id in rows:
                raise Unreadable("listed twice; the first one counts")
            rows[row.service_id] = row
        except Unreadable as why:
            service_id = text_field(entry.get("service"), limit=100)
            skipped.append(SkippedRow(position, service_id, clean(str(why), limit=REASON_LIMIT)))
    return Catalogue(rows=tuple(rows.values()), skipped=tuple(skipped))


def _is_mixed(entries: list[dict[str, object]]) -> bool:
    """Tell whether a catalogue writes both `12000` and `1.000`: then the dot's meaning is anybody's guess."""
    bounds = [
        value for entry in entries for value in (entry.get("min"), entry.get("max")) if isinstance(value, str)
    ]
    plain = any(_PLAIN_THOUSANDS.fullmatch(value.strip()) for value in bounds)
    return plain and any(is_grouped(value) for value in bounds)


def _service_row(entry: dict[str, object], *, mixed: bool) -> ServiceRow:
    service_id = order_id_text(entry.get("service"))
    if service_id is None:
        raise Unreadable(f"no service id: {shown(entry.get('service'))}")
    name = text_field(entry.get("name"), limit=NAME_LIMIT)
    if not name:
        raise Unreadable("no name")
    least, greatest = _bounds(entry, mixed=mixed)
    return ServiceRow(
        service_id=service_id,
        name=name,
        type=text_field(entry.get("type"), limit=TYPE_LIMIT),
        category=text_field(entry.get("category"), limit=CATEGORY_LIMIT),
        rate=_rate(entry.get("rate")),
        min=least,
        max=greatest,
        refill=_flag(entry.get("refill")),
        cancel=_flag(entry.get("cancel")),
        dripfeed=_flag(entry.get("dripfeed")),
    )


def _bounds(entry: dict[str, object], *, mixed: bool) -> tuple[int, int]:
    least, greatest = (_known(whole_number, entry, field) for field in ("min", "max"))
    if mixed and (is_grouped(entry.get("min")) or is_grouped(entry.get("max"))):
        raise Unreadable("min or max with a separator, in a catalogue that also writes thousands without one")
    if least < 1:
        raise Unreadable(f"min {least} is below 1")
    if least > greatest:
        raise Unreadable(f"min {least} is above max {greatest}")
    return least, greatest


def _rate(value: object) -> Decimal:
    rate = _known(money, {"rate": value}, "rate")
    if rate <= 0:
        raise Unreadable(f"rate {rate} is not above 0")
    return rate


def _known(read: Callable[[object], Number | None], entry: dict[str, object], field: str) -> Number:
    try:
        number = read(entry.get(field))
    except Unreadable as why:
        raise Unreadable(f"{field}: {why}") from why
    if number is None:
        raise Unreadable(f"{field} is not said")
    return number


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None


def read_order_status(answer: object, *, raw: str) -> OrderStatus:
    """Return an order's status out of an unwrapped answer (`provider-api.txt`, "Статус заказа").

    Raises `Unreadable` when it is no object with a status or one of charge, remains and start_count.
    """
    fields = ("status", "charge", "remains", "start_count")
    if not isinstance(answer, dict) or all(answer.get(field) is None for field in fields):
        raise Unreadable("no order status")
    if answer.get("status") == "success" and all(answer.get(field) is None for field in fields[1:]):
        # An envelope of unknown make, not an order that was completed.
        raise Unreadable("no order status beside success")
    unreadable: list[str] = []
    charge = _read_or_note(money, answer, "charge", unreadable)
    if charge is not None and charge < 0:
        charge = None
        unreadable.append("charge")
    return OrderStatus(
        status=status_word(answer.get("status")),
        status_text=text_field(answer.get("status"), limit=STATUS_LIMIT),
        charge=charge,
        start_count=_read_or_note(whole_number, answer, "start_count", unreadable),
        remains=_read_or_note(whole_number, answer, "remains", unreadable),
        currency=text_field(answer.get("currency"), limit=CURRENCY_LIMIT).upper(),
        unreadable=tuple(unreadable),
        raw=raw,
    )


def _read_or_note(
    read: Callable[[object], Number | None], answer: dict[str, object], field: str, unreadable: list[str]
) -> Number | None:
    try:
        return read(answer.get(field))
    except Unreadable:
        unreadable.append(field)
        return None


def read_balance(answer: object) -> Balance:
    """Return the balance out of an unwrapped answer (`provider-api.txt`, "Баланс пользователя").

    Raises `Unreadable` when the answer has no `balance`. An unreadable amount is None beside its text.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("balance"), str):
        raise Unreadable("no balance")
    amount = _read_or_note(money, answer, "balance", [])
    text = text_field(answer["balance"], limit=BALANCE_LIMIT)
    return Balance(
        amount=amount,
        raw_text=text,
        verified=amount is not None and _ONE_OR_ONE_THOUSAND.fullmatch(text) is None,
        currency=text_field(answer.get("currency"), limit=CURRENCY_LIMIT).upper(),
        user_id=text_field(answer.get("userid", answer.get("user_id")), limit=100),
        username=text_field(answer.get("username"), limit=150),
    )

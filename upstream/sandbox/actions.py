"""The five actions: their checks in the document's order, and their answers as JSON-ready values."""

import re
from collections.abc import Mapping
from typing import Any

from upstream.sandbox.book import Book
from upstream.sandbox.catalogue import Catalogue
from upstream.sandbox.dialects import DocumentDialect
from upstream.sandbox.refusals import (
    ACTION_EMPTY,
    ACTION_INVALID,
    KEY_EMPTY,
    KEY_INVALID,
    LINK_EMPTY,
    ORDER_EMPTY,
    QUANTITY_EMPTY,
    SERVICE_EMPTY,
    SERVICE_INVALID,
    SERVICE_NOT_ACTIVE,
    TOO_MANY_ORDERS,
    Refused,
)

MAX_ORDERS = 100

REQUIRED: dict[str, tuple[tuple[str, str], ...]] = {
    "services": (),
    "add": (("service", SERVICE_EMPTY), ("link", LINK_EMPTY), ("quantity", QUANTITY_EMPTY)),
    "status": (("order", ORDER_EMPTY),),
    "cancel": (("order", ORDER_EMPTY),),
    "balance": (),
}

Fields = Mapping[str, str]

# No catalogue and no balance needs more digits, and int() of thousands of them is slow.
_NUMBER = re.compile(r"[0-9]{1,15}")


def action_of(fields: Fields) -> str:
    """Return the action asked for, in lower case: the document writes "Services" and "add"."""
    return _text(fields, "action").lower()


class Actions:
    """Carries calls out on one account and answers in one dialect."""

    def __init__(self, *, key: str, catalogue: Catalogue, book: Book, dialect: DocumentDialect) -> None:
        self._key = key
        self._catalogue = catalogue
        self._book = book
        self._dialect = dialect

    def check(self, fields: Fields) -> None:
        """Check what all actions share; empty fields are told before a wrong key, as the lists have it.

        Raises `Refused`.
        """
        action = action_of(fields)
        if not action:
            raise Refused(ACTION_EMPTY)
        if not _text(fields, "key"):
            raise Refused(KEY_EMPTY)
        if action not in REQUIRED:
            raise Refused(ACTION_INVALID)
        for name, text in REQUIRED[action]:
            if not _text(fields, name) and not (name == "order" and self._asked_many(fields)):
                raise Refused(text)
        if _text(fields, "key") != self._key:
            raise Refused(KEY_INVALID)

    def services(self) -> list[dict[str, Any]]:
        """Return the answer of "Список услуг"."""
        return [self._dialect.service(row) for row in self._catalogue.rows()]

    def perform(self, fields: Fields) -> Any:
        """Carry out a call of another action and return its answer. Raises `Refused`."""
        self.check(fields)
        match action_of(fields):
            case "add":
                return self._add(fields)
            case "status":
                return self._status(fields)
            case "cancel":
                return self._cancel(fields)
        return self._dialect.balance(self._book.balance)

    def _add(self, fields: Fields) -> Any:
        service = _number(_text(fields, "service"))
        row = None if service is None else self._catalogue.get(service)
        if row is None:
            raise Refused(SERVICE_NOT_ACTIVE if service in self._catalogue.retired else SERVICE_INVALID)
        quantity = _number(_text(fields, "quantity"))
        return self._dialect.added(self._book.place(row, link=_text(fields, "link"), quantity=quantity).id)

    def _status(self, fields: Fields) -> Any:
        if not self._asked_many(fields):
            return self._dialect.wrapped(self._one_status(_text(fields, "order")))
        answers: dict[str, Any] = {}
        for order_id in _order_ids(_text(fields, "orders")):
            try:
                answers[order_id] = self._one_status(order_id)
            except Refused as refusal:
                answers[order_id] = {"error": str(refusal)}
        return answers

    def _one_status(self, order_id: str) -> dict[str, str]:
        return self._dialect.status(*self._book.look_up(order_id))

    def _cancel(self, fields: Fields) -> Any:
        if not self._asked_many(fields):
            self._book.cancel(_text(fields, "order"))
            return self._dialect.canceled()
        return [self._one_cancel(order_id) for order_id in _order_ids(_text(fields, "orders"))]

    def _one_cancel(self, order_id: str) -> dict[str, Any]:
        shown = order_id if _number(order_id) is None else int(order_id)
        try:
            self._book.cancel(order_id)
        except Refused as refusal:
            return {"order": shown, "cancel": {"error": str(refusal)}}
        return {"order": shown, "cancel": 1}

    def _asked_many(self, fields: Fields) -> bool:
        return self._dialect.takes_many and bool(_text(fields, "orders"))


def _text(fields: Fields, name: str) -> str:
    return fields.get(name, "").strip()


def _order_ids(text: str) -> list[str]:
    order_ids = [order_id.strip() for order_id in text.split(",")]
    if len(order_ids) > MAX_ORDERS:
        raise Refused(TOO_MANY_ORDERS)
    return order_ids


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None

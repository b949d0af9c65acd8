"""Which class of fault an answer is: the error table of `provider-dialects.md`, section 2, as data.

The order of the rows is part of the rule: the first one that matches counts. Escalations ("three in a row")
are the caller's; each fault carries its row's id for that.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses

from upstream.bounds import bounds_in
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
from upstream.parsing import Action
from upstream.replies import Reply, bounded_wait
from upstream.unlinking import without_link, without_names, without_urls, without_words

MATCHED_LIMIT = 2000

MISCONFIGURED_STATUSES = frozenset({301, 302, 307, 308, 401, 403, 404, 405})
"""Answers that speak of our URL, key, address or method; after an `add`, `balance` tells (`client.py`)."""

MAINTENANCE_WAIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: what a text must contain, and the class of fault with its flags."""

    rule: str
    pattern: re.Pattern[str]
    kind: type[ProviderError]
    switch_service_off: bool = False
    paces_provider: bool = False
    hints_at_earlier: bool = False
    funds: bool = False
    wait_seconds: int | None = None

    @property
    def is_of_one_order(self) -> bool:
        """Whether nobody else's orders wait, or are no longer sold, because of it."""
        return self.kind is not Halt and not self.paces_provider and not self.switch_service_off


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.ASCII)


ADD_ROWS: tuple[Row, ...] = (
    Row("rate_limit", _any_of("too many requests", r"\brate[ -]?limit"), Later, paces_provider=True),
    Row("spam_wait", _any_of("spam protection", r"\bwait (for )?[0-9]+ ?sec"), Later, hints_at_earlier=True),
    Row(
        "active_order",
        _any_of("active order with this link", "link duplicate", "already has an order", "duplicate order"),
        Later,
        hints_at_earlier=True,
    ),
    # Stands before the row "key", for "service not active for your account" is no matter of the account.
    Row("service_inactive", _any_of("service (is )?not active"), Refused, switch_service_off=True),
    Row(
        "key",
        _any_of(
            "api key should not be empty",
            "(invalid|incorrect) api key",
            "unauthorized",
            "user inactive",
            "suspended",
            r"\b(account|user)\b.*\bnot active",
            r"\bnot active\b.*\b(account|user)\b",
            r"\bbanned",
            "api is disable",
        ),
        Halt,
    ),
    Row(
        "action",
        _any_of(
            "action should not be empty",
            "(invalid|incorrect|unknown) action",
            "incorrect request",
            "method not allowed",
        ),
        Halt,
    ),
    Row(
        "missing_parameter",
        _any_of(
            "service id should not be empty",
            "requested link should not be empty",
            "order quantity should not be empty",
            "missing parameter",
            "incorrect parameters",
        ),
        Refused,
    ),
    Row(
        "service_inactive",
        _any_of("disabled service", "service (is )?(inactive|disabled|unavailable)"),
        Refused,
        switch_service_off=True,
    ),
    Row(
        "service_unknown",
        _any_of("(invalid|incorrect) service", "service (id )?(not found|do(es)? not exists?)"),
        Refused,
        switch_service_off=True,
    ),
    Row(
        "quantity",
        _any_of(
            "quantity should be within",
            "quantity (less|more) than",
            r"\b(min|max)(imum)? quantity",
            "out of bounds",
            "invalid quantity",
        ),
        Refused,
    ),
    Row(
        "bad_link",
        _any_of(
            r"\b(bad|incorrect|invalid|wrong) link\b",
            r"neworder\.error\.link$",
            r"\blink not found",
            "private account",
        ),
        Refused,
    ),
    Row("funds", _any_of("insuff", "not enough funds", "low balance"), Halt, funds=True),
    Row(
        "maintenance",
        _any_of("maintenance", "temporarily", "overloaded"),
        Later,
        paces_provider=True,
        wait_seconds=MAINTENANCE_WAIT_SECONDS,
    ),
    Row(
        "unclear_error",
        _any_of("try again", "unknown error", "failed to place", "something went wrong", "error processing"),
        Uncertain,
    ),
)

ORDER_UNKNOWN = _any_of("(invalid|incorrect|wrong) order", "order (id )?(not found|do(es)? not exists?)")
ALREADY_CANCELED = _any_of("already (been )?cancell?ed")

CANCEL_ROWS: tuple[Row, ...] = (
    Row("cancel_window", _any_of(r"only within\b"), CancelRefused),
    Row("cancel_not_supported", _any_of("not supported"), CancelRefused),
    Row("not_cancelable", _any_of("(cannot|can not|can't) be cancell?ed"), CancelRefused),
    Row("order_unknown", ORDER_UNKNOWN, CancelRefused),
)

_WAIT = re.compile(r"\bwait (?:for )?([0-9]+) ?(min)?", re.ASCII)


def matching(text: str) -> str:
    """Return a text as the patterns see it: lower case, without URLs, blanks and underscores collapsed."""
    return " ".join(without_urls(text.lower())[:MATCHED_LIMIT].replace("_", " ").split())


def words_of(text: str, *, link: str) -> str:
    """Return an error text of `add` as the patterns see it, without the link that was sent and its names."""
    return matching(without_names(without_link(text.lower(), link), link))


def row_of(text: str, rows: tuple[Row, ...] = ADD_ROWS) -> Row | None:
    """Return the first row that an error text matches."""
    seen = matching(text)
    return next((row for row in rows if row.pattern.search(seen)), None)


def asked_wait_seconds(text: str) -> int | None:
    """Return the wait that a text asks for and one second more, 1 to 3600; None if it names none."""
    found = _WAIT.search(matching(text))
    if found is None:
        return None
    return bounded_wait(int(found[1]) * (60 if found[2] else 1) + 1)


def class_of_add_error(text: str | None, *, reply: Reply, link: str = "") -> ProviderError:
    """Return the fault that an answer to `add` without a clear success is; `text` is its JSON error, if any.

    A text that matches a row wins over the HTTP status. `link` is the one that was sent: a text that repeats
    it holds a customer's words, which decide nothing. `rule` is "misconfigured" for a status that speaks of
    our settings: whether anything was placed then, `balance` must tell. A text that no row knows stands in
    the fault's `words`, for what a person may have taught of it (`taught.py`).
    """
    own_words = text and without_names(without_link(text.lower(), link), link)
    bare_words = own_words and without_words(own_words, link)
    row = _own_row(own_words, bare_words, reply)
    # "Too many attempts, try again" under 429 was turned away at the door, whatever the words.
    turned_away = reply.status == HTTPStatus.TOO_MANY_REQUESTS and row is not None and row.kind is Uncertain
    if row is not None and text and not turned_away:
        return _by_row(row, text, reply, bare_words)
    fault = _by_status(text, reply, bare_words)
    if text and fault.rule in ("unknown_text", "http_5xx") and not _says_its_own_name(text, reply):
        # Without the key, as what is shown to the person who teaches.
        fault.words = words_of(reply.hide(text), link=link)
    return fault


def _own_row(text: str | None, bare: str | None, reply: Reply) -> Row | None:
    """Return the row that an error text of `add` matches, by words that its customer cannot have chosen.

    "User banned not found" about the page of one "banned" is no matter of the account. What is more than one
    order's, the text must say without the link's words; else its order is held. So "Invalid API key" about
    https://example.com/api holds that order, which loses nothing: the next one, of any other link, halts.
    The order's own money hangs on words, too: "Unknown error of bad_link" is no refusal. Nor is "Deadlock at
    bad_link": what the link joins is read nowhere (`without_names`), while its single words are, here alone,
    so that "Bad link" stays one about https://example.com/link.
    """
    row, sure = _worded_row(text, reply), _worded_row(bare, reply)
    if row is None or not row.is_of_one_order:
        return sure
    return sure if sure is not None and sure.kind is Uncertain else row


def _worded_row(text: str | None, reply: Reply) -> Row | None:
    """Return the row that an error text matches, unless a 5xx merely says its own name."""
    return None if not text or _says_its_own_name(text, reply) else row_of(text)


def _says_its_own_name(text: str, reply: Reply) -> bool:
    """Tell whether the text of a 5xx is but the name of its status.

    A 503 "Service (Temporarily) Unavailable" is a gateway's word about itself, not about a service of ours,
    and the order may have been placed.
    """
    name = responses.get(reply.status, "").lower()
    bare = matching(text).replace(" is ", " ").replace(" temporarily ", " ")
    return reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR and bool(name) and name in bare


def _by_row(row: Row, text: str, reply: Reply, own_words: str | None = None) -> ProviderError:
    said, raw, status = reply.hide(text), reply.raw, reply.status
    if row.kind is Later:
        return Later(
            said,
            rule=row.rule,
            raw=raw,
            http_status=status,
            wait_seconds=_wait_of(row, own_words or text, reply),
            paces_provider=row.paces_provider,
            hints_at_earlier=row.hints_at_earlier,
        )
    if row.kind is Refused:
        return Refused(
            said,
            rule=row.rule,
            raw=raw,
            http_status=status,
            switch_service_off=row.switch_service_off,
            bounds=bounds_in(matching(own_words or text)) if row.rule == "quantity" else Bounds(),
        )
    if row.kind is Halt:
        return Halt(said, rule=row.rule, raw=raw, http_status=status, funds=row.funds)
    return row.kind(said, rule=row.rule, raw=raw, http_status=status)


def _wait_of(row: Row, text: str, reply: Reply) -> int | None:
    return asked_wait_seconds(text) or reply.asked_wait_seconds() or row.wait_seconds


def _by_status(text: str | None, reply: Reply, own_words: str | None) -> ProviderError:
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limited(text, reply, own_words)
    rule = _rule_of_status(reply)
    if rule == "misconfigured":
        return _fault(Halt, rule, text, reply)
    if text and rule == "no_clear_answer" and not _is_redirect(reply):
        return _fault(UnknownText, "unknown_text", text, reply)
    return _fault(Uncertain, rule, text, reply)


def class_of_read_error(text: str | None, *, reply: Reply, action: Action) -> ProviderError:
    """Return the fault that an answer to `services`, `status` or `balance` is.

    `Halt` for a refused key or action, `OrderUnknown` for "Invalid order ID" to `status`, else `Later`.
    Source: `provider-api.txt`, "Статус заказа"; dialects, section 2, "Reads".
    """
    if text and action == "status" and ORDER_UNKNOWN.search(matching(text)):
        return _fault(OrderUnknown, "order_unknown", text, reply)
    row = _worded_row(text, reply)
    if row is not None and text and (row.kind is Later or _stops_everything(row)):
        return _by_row(row, text, reply)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limited(text, reply)
    rule = row.rule if row else "unknown_text" if text else _rule_of_status(reply)
    return Later(
        _said(text, reply),
        rule=rule,
        raw=reply.raw,
        http_status=reply.status,
        wait_seconds=reply.asked_wait_seconds(),
    )


def class_of_cancel_error(text: str | None, *, reply: Reply) -> ProviderError:
    """Return the fault that an answer to `cancel` without a clear success is.

    `CancelRefused` for every error text that is neither about key and action, nor a wait, nor unclear itself;
    `Uncertain` where no text tells (`provider-api.txt`, "Отмена заказа").
    """
    if text and (refusal := row_of(text, CANCEL_ROWS)):
        return _by_row(refusal, text, reply)
    row = _worded_row(text, reply)
    if row is not None and text:
        goes_on = row.kind in (Later, Uncertain) or _stops_everything(row)
        return _by_row(row, text, reply) if goes_on else _fault(CancelRefused, "unknown_text", text, reply)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limited(text, reply)
    rule = _rule_of_status(reply)
    if text and rule != "http_5xx" and not _is_redirect(reply):
        return _fault(CancelRefused, "unknown_text", text, reply)
    return _fault(Uncertain, rule, text, reply)


def _stops_everything(row: Row) -> bool:
    return row.kind is Halt and not row.funds


def _rule_of_status(reply: Reply) -> str:
    if reply.status in MISCONFIGURED_STATUSES:
        return "misconfigured"
    return "http_5xx" if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "no_clear_answer"


def _is_redirect(reply: Reply) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST


def _rate_limited(text: str | None, reply: Reply, own_words: str | None = None) -> Later:
    return Later(
        _said(text, reply),
        rule="rate_limit",
        raw=reply.raw,
        http_status=reply.status,
        wait_seconds=asked_wait_seconds(own_words or text or "") or reply.asked_wait_seconds(),
        paces_provider=True,
    )


def _fault(kind: type[ProviderError], rule: str, text: str | None, reply: Reply) -> ProviderError:
    return kind(_said(text, reply), rule=rule, raw=reply.raw, http_status=reply.status)


def _said(text: str | None, reply: Reply) -> str:
    return reply.hide(text) if text else f"HTTP {reply.status} without a readable result or error"

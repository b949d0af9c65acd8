"""The error table: every row of `provider-dialects.md`, section 2, and every error of `provider-api.txt`."""

import json
import time
from email.utils import formatdate
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstream.classing import (
    ADD_ROWS,
    asked_wait_seconds,
    class_of_add_error,
    class_of_cancel_error,
    class_of_read_error,
    row_of,
)
from upstream.cleaning import Secret
from upstream.errors import (
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
from upstream.replies import Reply

KEY = "0123456789abcdef"


def reply(text: str | None = None, *, status: int = 200, **headers: str) -> Reply:
    body = b"<html>" if text is None else json.dumps({"error": text}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=body, secret=Secret(KEY))


def add_error(text: str | None, *, status: int = 200, **headers: str) -> ProviderError:
    return class_of_add_error(text, reply=reply(text, status=status, **headers))


ADD_TEXTS: list[tuple[str, type[ProviderError], str]] = [
    # provider-api.txt, "Создать заказ"
    ("Action should not be empty", Halt, "action"),
    ("API key should not be empty", Halt, "key"),
    ("Service ID should not be empty", Refused, "missing_parameter"),
    ("Requested link should not be empty", Refused, "missing_parameter"),
    ("Order quantity should not be empty", Refused, "missing_parameter"),
    ("Invalid API key", Halt, "key"),
    ("Service Not Active", Refused, "service_inactive"),
    ("Invalid Service ID", Refused, "service_unknown"),
    ("Insuffcient Funds", Halt, "funds"),
    ("Quantity should be within min quantity to max quantity", Refused, "quantity"),
    ("Invalid Action", Halt, "action"),
    ("Spam protection, wait 7 seconds", Later, "spam_wait"),
    # provider-dialects.md, section 2, row by row
    ("Too many requests", Later, "rate_limit"),
    ("Rate limit exceeded", Later, "rate_limit"),
    ("rate_limit", Later, "rate_limit"),
    ("Please wait 30 sec", Later, "spam_wait"),
    ("You have active order with this link. Please wait until order being completed.", Later, "active_order"),
    ("neworder.error.link_duplicate", Later, "active_order"),
    ("This link already has an order", Later, "active_order"),
    ("Duplicate order", Later, "active_order"),
    ("Incorrect API key", Halt, "key"),
    ("Unauthorized", Halt, "key"),
    ("user_inactive", Halt, "key"),
    ("Your account was suspended", Halt, "key"),
    ("Your account is not active", Halt, "key"),
    ("Not active account", Halt, "key"),
    ("You are banned", Halt, "key"),
    ("API is disabled for this user", Halt, "key"),
    ("Incorrect request", Halt, "action"),
    ("Incorrect action", Halt, "action"),
    ("Unknown action", Halt, "action"),
    ("Method not allowed", Halt, "action"),
    ("Missing parameter: link", Refused, "missing_parameter"),
    ("Incorrect parameters", Refused, "missing_parameter"),
    ("Service is not active", Refused, "service_inactive"),
    ("Service not active for your account", Refused, "service_inactive"),
    ("Disabled service", Refused, "service_inactive"),
    ("Service inactive", Refused, "service_inactive"),
    ("Service is disabled", Refused, "service_inactive"),
    ("Service unavailable", Refused, "service_inactive"),
    ("Incorrect service ID", Refused, "service_unknown"),
    ("Service not found", Refused, "service_unknown"),
    ("Service ID does not exists", Refused, "service_unknown"),
    ("service_id does not exist", Refused, "service_unknown"),
    ("Not enough funds on balance", Halt, "funds"),
    ("not_enough_funds", Halt, "funds"),
    ("insufficient_balance", Halt, "funds"),
    ("Low balance", Halt, "funds"),
    ("Quantity less than minimal 100", Refused, "quantity"),
    ("Quantity more than maximal 500", Refused, "quantity"),
    ("neworder.error.min_quantity", Refused, "quantity"),
    ("Minimum quantity is 100", Refused, "quantity"),
    ("max_quantity", Refused, "quantity"),
    ("Quantity out of bounds", Refused, "quantity"),
    ("Invalid quantity", Refused, "quantity"),
    ("Bad link", Refused, "bad_link"),
    ("Incorrect link", Refused, "bad_link"),
    ("Invalid link: insufficient access", Refused, "bad_link"),
    ("Wrong link", Refused, "bad_link"),
    ("neworder.error.link", Refused, "bad_link"),
    ("link_not_found", Refused, "bad_link"),
    ("Private account", Refused, "bad_link"),
    ("Under maintenance, try again later", Later, "maintenance"),
    ("Temporarily closed", Later, "maintenance"),
    ("Overloaded", Later, "maintenance"),
    ("Please try again", Uncertain, "unclear_error"),
    ("Unknown error", Uncertain, "unclear_error"),
    ("Failed to place the order", Uncertain, "unclear_error"),
    ("Something went wrong", Uncertain, "unclear_error"),
    ("Error processing your request", Uncertain, "unclear_error"),
    ("Your balance of karma", UnknownText, "unknown_text"),
    ("Not active", UnknownText, "unknown_text"),
]


@pytest.mark.parametrize(("text", "kind", "rule"), ADD_TEXTS)
@pytest.mark.parametrize(
    "shape", [str, str.upper, lambda text: text.replace(" ", "_"), lambda text: f"  {text}\n"]
)
def test_text_of_add(text: str, kind: type[ProviderError], rule: str, shape: object) -> None:
    error = add_error(shape(text))  # type: ignore[operator]
    assert (type(error), error.rule, error.http_status) == (kind, rule, 200)


@pytest.mark.parametrize(("text", "kind", "rule"), ADD_TEXTS)
def test_text_that_matches_wins_over_a_5xx(text: str, kind: type[ProviderError], rule: str) -> None:
    error = add_error(text, status=500)
    expected = (Uncertain, "http_5xx") if kind is UnknownText else (kind, rule)
    assert (type(error), error.rule) == expected


def test_every_row_is_tested() -> None:
    assert {row_of(text) for text, *_ in ADD_TEXTS} - {None} == set(ADD_ROWS)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_that_says_its_own_name_is_about_no_service(status: int) -> None:
    for text in (HTTPStatus(status).phrase, f"{status} {HTTPStatus(status).phrase}."):
        assert isinstance(add_error(text, status=status), Uncertain)
    assert isinstance(add_error("The service is unavailable", status=503), Uncertain)
    assert isinstance(add_error("503 Service Temporarily Unavailable", status=503), Uncertain)


@pytest.mark.parametrize(
    ("status", "kind", "rule"),
    [
        (200, Uncertain, "no_clear_answer"),
        (204, Uncertain, "no_clear_answer"),
        (400, Uncertain, "no_clear_answer"),
        (422, Uncertain, "no_clear_answer"),
        (303, Uncertain, "no_clear_answer"),
        (429, Later, "rate_limit"),
        *((status, Halt, "misconfigured") for status in (301, 302, 307, 308, 401, 403, 404, 405)),
        *((status, Uncertain, "http_5xx") for status in (500, 502, 503, 504, 520, 524)),
    ],
)
def test_add_without_text(status: int, kind: type[ProviderError], rule: str) -> None:
    error = add_error(None, status=status)
    assert (type(error), error.rule, error.http_status) == (kind, rule, status)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, UnknownText),
        (400, UnknownText),
        (422, UnknownText),
        (303, Uncertain),
        (404, Halt),
        (520, Uncertain),
    ],
)
def test_add_with_unknown_text(status: int, kind: type[ProviderError]) -> None:
    assert type(add_error("Computer says no", status=status)) is kind


def test_flags_of_add() -> None:
    spam, active = add_error("Spam protection"), add_error("Duplicate order")
    assert isinstance(spam, Later)
    assert isinstance(active, Later)
    assert (spam.hints_at_earlier, spam.paces_provider, spam.wait_seconds) == (True, False, None)
    assert (active.hints_at_earlier, active.paces_provider, active.wait_seconds) == (True, False, None)
    limit, repair = add_error("Too many requests"), add_error("Maintenance")
    assert isinstance(limit, Later)
    assert isinstance(repair, Later)
    assert (limit.paces_provider, limit.hints_at_earlier, limit.wait_seconds) == (True, False, None)
    assert (repair.paces_provider, repair.wait_seconds) == (True, 300)


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("Service Not Active", True),
        ("Invalid Service ID", True),
        ("Bad link", False),
        ("Invalid quantity", False),
    ],
)
def test_service_goes_off_only_when_it_is_dead(text: str, off: bool) -> None:
    error = add_error(text)
    assert isinstance(error, Refused)
    assert error.switch_service_off is off


@pytest.mark.parametrize(("text", "funds"), [("Insuffcient Funds", True), ("Invalid API key", False)])
def test_halt_for_funds_says_so(text: str, funds: bool) -> None:
    error = add_error(text)
    assert isinstance(error, Halt)
    assert error.funds is funds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Spam protection, wait 7 seconds", 8),
        ("Spam protection, wait 0 seconds", 1),
        ("Spam protection, wait for 2 minutes", 121),
        ("wait 99999 sec", 3600),
        ("wait " + "9" * 1900 + " sec", 3600),
        ("Spam protection", None),
    ],
)
def test_wait_out_of_the_text(text: str, seconds: int | None) -> None:
    assert asked_wait_seconds(text) == seconds


def test_wait_of_a_429() -> None:
    now = int(time.time())
    cases: list[tuple[dict[str, str], int | None]] = [
        ({"retry_after": "17"}, 17),
        ({"retry_after": "0"}, 1),
        ({"retry_after": "99999"}, 3600),
        ({"retry_after": formatdate(now + 100, usegmt=True)}, 100),
        ({"retry_after": formatdate(now - 100)}, 1),
        ({"retry_after": "soon", "x_ratelimit_reset": "9"}, 9),
        ({"x_ratelimit_reset": str(now + 60)}, 60),
        ({"retry_after": "9" * 400}, None),
        ({}, None),
    ]
    for headers, seconds in cases:
        error = add_error(None, status=429, **headers)
        assert isinstance(error, Later)
        assert error.paces_provider
        if seconds is None:
            assert error.wait_seconds is None
        else:
            assert abs((error.wait_seconds or 0) - seconds) <= 2, headers


def test_429_with_words() -> None:
    assert add_error("Spam protection, wait 7 seconds", status=429).rule == "spam_wait"
    assert add_error("Too many attempts, try again later", status=429).rule == "rate_limit"
    assert add_error("Computer says no", status=429).rule == "rate_limit"


READS: tuple[Action, ...] = ("services", "status", "balance")


@pytest.mark.parametrize("action", READS)
@pytest.mark.parametrize(
    ("text", "kind", "rule"),
    [
        ("Action should not be empty", Halt, "action"),
        ("API key should not be empty", Halt, "key"),
        ("Invalid Action", Halt, "action"),
        ("Invalid API key", Halt, "key"),
        ("Order ID should not be empty", Later, "unknown_text"),
        ("Insuffcient Funds", Later, "funds"),
        ("Spam protection, wait 7 seconds", Later, "spam_wait"),
        ("Something went wrong", Later, "unclear_error"),
        ("Computer says no", Later, "unknown_text"),
        (None, Later, "no_clear_answer"),
    ],
)
def test_reads(action: Action, text: str | None, kind: type[ProviderError], rule: str) -> None:
    error = class_of_read_error(text, reply=reply(text), action=action)
    assert (type(error), error.rule) == (kind, rule)


@pytest.mark.parametrize(
    ("status", "rule"),
    [(500, "http_5xx"), (403, "misconfigured"), (301, "misconfigured"), (429, "rate_limit")],
)
def test_reads_by_status(status: int, rule: str) -> None:
    error = class_of_read_error(None, reply=reply(status=status, retry_after="5"), action="balance")
    assert isinstance(error, Later)
    assert (error.rule, error.wait_seconds, error.paces_provider) == (rule, 5, status == 429)


@pytest.mark.parametrize(
    "text", ["Invalid order ID", "Incorrect order ID", "Order not found", "order_id does not exist"]
)
def test_unknown_order(text: str) -> None:
    assert type(class_of_read_error(text, reply=reply(text), action="status")) is OrderUnknown
    assert type(class_of_read_error(text, reply=reply(text), action="balance")) is Later


@pytest.mark.parametrize(
    ("text", "kind", "rule"),
    [
        ("API key should not be empty", Halt, "key"),
        ("Order ID should not be empty", CancelRefused, "unknown_text"),
        ("Invalid API key", Halt, "key"),
        ("Invalid Action", Halt, "action"),
        ("Invalid order ID", CancelRefused, "order_unknown"),
        ("An order can be canceled only within 10 minutes", CancelRefused, "cancel_window"),
        ("Cancel is not supported", CancelRefused, "cancel_not_supported"),
        ("Order cannot be cancelled, try again later", CancelRefused, "not_cancelable"),
        ("Insuffcient Funds", CancelRefused, "unknown_text"),
        ("Computer says no", CancelRefused, "unknown_text"),
        ("Spam protection, wait 7 seconds", Later, "spam_wait"),
        ("Maintenance", Later, "maintenance"),
        ("Something went wrong", Uncertain, "unclear_error"),
        (None, Uncertain, "no_clear_answer"),
    ],
)
def test_cancel(text: str | None, kind: type[ProviderError], rule: str) -> None:
    error = class_of_cancel_error(text, reply=reply(text))
    assert (type(error), error.rule) == (kind, rule)


@pytest.mark.parametrize(
    ("text", "status", "kind", "rule"),
    [
        (None, 429, Later, "rate_limit"),
        (None, 502, Uncertain, "http_5xx"),
        (None, 403, Uncertain, "misconfigured"),
        ("Computer says no", 500, Uncertain, "http_5xx"),
        ("Computer says no", 400, CancelRefused, "unknown_text"),
    ],
)
def test_cancel_by_status(text: str | None, status: int, kind: type[ProviderError], rule: str) -> None:
    error = class_of_cancel_error(text, reply=reply(text, status=status))
    assert (type(error), error.rule) == (kind, rule)


@given(st.text(), st.integers(min_value=100, max_value=999))
def test_any_text_has_a_class(text: str, status: int) -> None:
    answer = reply(text, status=status)
    for error in (
        class_of_add_error(text, reply=answer),
        class_of_cancel_error(text, reply=answer),
        class_of_read_error(text, reply=answer, action="status"),
    ):
        assert isinstance(error, ProviderError)
        assert error.rule
        assert len(error.text) <= 500
        assert len(error.raw) <= 2000


def test_key_is_masked_before_texts_are_cut() -> None:
    error = add_error("x" * 490 + KEY + " and " + KEY.upper())
    assert KEY[:8] not in error.text + error.raw + repr(error)
    assert "***" in error.text

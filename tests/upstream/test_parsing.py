"""The bytes, wrappers, words and numbers of answers."""

import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstream.answers import Status
from upstream.cleaning import Secret, clean
from upstream.parsing import (
    Action,
    Unreadable,
    decode_body,
    error_text,
    money,
    order_id_text,
    status_word,
    unwrap,
    whole_number,
)
from upstream.reading import read_balance, read_catalogue, read_order_status

ACTIONS: tuple[Action, ...] = ("services", "add", "status", "cancel", "balance")

FIELDS = (
    "error", "Error", "errors", "message", "msg", "status", "data", "order", "balance", "service", "name",
    "rate", "min", "max", "charge", "remains", "start_count", "currency", "1242",
)  # fmt: skip

json_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
json_values = st.recursive(
    json_leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=5)
    ),
    max_leaves=15,
)


def service(**changes: object) -> dict[str, object]:
    row = {"service": 1, "name": "Просмотры", "type": "Default", "category": "ТикТок"}
    return row | {"rate": "90", "min": "100", "max": "500"} | changes


def decoded(value: object) -> object:
    return decode_body(json.dumps(value).encode())


# --- Whole numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100", 100),
        ("50.000", 50_000),
        ("1.000", 1000),
        ("5.000.000", 5_000_000),
        ("5,000,000", 5_000_000),
        ("5'000'000", 5_000_000),
        ("5 000 000", 5_000_000),
        ("5\u00a0000\u202f000", 5_000_000),
        (" 100\u00a0", 100),
        ("100.0", 100),
        ("100,00", 100),
        ("-5", -5),
        ("-1.000", -1000),
        ("0", 0),
        ("0.0", 0),
        ("007", 7),
        ("9" * 18, int("9" * 18)),
    ],
)
def test_whole_number_reads(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("value", [None, "", " ", "-", "Unknown", "N/A", "n/a", "\u00a0"])
def test_whole_number_not_known(value: object) -> None:
    assert whole_number(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "1.5", "12.34", "1e3", "0.500", "1.0000", "1.000,000", "1.000 000", "1..000", "+5", "--5", "five",
        "NaN", "Infinity", "١٠٠", "100\n000", "1.000.00", "9" * 19, "9" * 400, "9" * 5000, True, 1.0, [], {},
    ],
)  # fmt: skip
def test_whole_number_refuses(value: object) -> None:
    with pytest.raises(Unreadable):
        whole_number(value)


@given(st.integers(min_value=-(10**17), max_value=10**17), st.sampled_from(".,' \u00a0"))
def test_whole_number_survives_any_separator(number: int, separator: str) -> None:
    assert whole_number(f"{number:,}".replace(",", separator)) == number


@given(st.text(alphabet="0123456789.,' -+eE\u00a0", max_size=30) | st.text() | json_leaves)
def test_whole_number_is_whole_or_typed_error(value: object) -> None:
    try:
        number = whole_number(value)
    except Unreadable:
        return
    assert number is None or type(number) is int


# --- Money -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("90", "90"),
        ("0.27819", "0.27819"),
        ("1.000", "1.000"),
        ("1.500", "1.5"),
        ("-3.50", "-3.5"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1.234.567,89", "1234567.89"),
        ("0,27819", "0.27819"),
        ("12,5", "12.5"),
        ("1 234.56", "1234.56"),
        ("1\u00a0234,5", "1234.5"),
        ("0.123456789012345678", "0.123456789012345678"),
    ],
)
def test_money_reads(text: str, amount: str) -> None:
    assert money(text) == Decimal(amount)


@pytest.mark.parametrize(
    "value",
    [
        "1,234", "NaN", "sNaN", "Infinity", "-Infinity", "1e3", "1E-7", "1_000", ".5", "5.", "12.5 RUB", "$1",
        "1.2.3", "9" * 19, "9" * 400, "0." + "1" * 400, "١", False, 0.5, [], {},
    ],
)  # fmt: skip
def test_money_refuses(value: object) -> None:
    with pytest.raises(Unreadable):
        money(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=5))
def test_money_is_exact(amount: Decimal) -> None:
    assert money(f"{amount:f}") == amount


@given(st.text(alphabet="0123456789.,' -+eE\u00a0", max_size=30) | st.text() | json_leaves)
def test_money_is_decimal_or_typed_error(value: object) -> None:
    try:
        amount = money(value)
    except Unreadable:
        return
    assert amount is None or (type(amount) is Decimal and amount.is_finite())


# --- Bodies and wrappers ---------------------------------------------------------------------------------


def test_numbers_without_quotes_lose_no_digit() -> None:
    assert decode_body(b'{"max": 50.000, "min": 100, "rate": NaN}') == {
        "max": "50.000",
        "min": "100",
        "rate": "NaN",
    }


def test_byte_order_mark_and_broken_utf8() -> None:
    assert decode_body(b'\xef\xbb\xbf{"error": "\xff"}') == {"error": "\ufffd"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"<html>",
        b'{"order": "12',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{'order': 1}",
        b"\x1f\x8b\x00",
    ],
)
def test_no_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode_body(body)


@pytest.mark.parametrize("digits", [400, 100_000])
def test_endless_numbers_are_harmless(digits: int) -> None:
    answer = decode_body(b'{"balance": ' + b"9" * digits + b"}")
    assert read_balance(answer).amount is None


@given(st.binary() | st.text().map(str.encode) | json_values.map(lambda value: json.dumps(value).encode()))
def test_garbage_raises_typed_errors_only(body: bytes) -> None:
    readers: list[Callable[[object], object]] = [
        read_catalogue,
        read_balance,
        lambda answer: read_order_status(answer, raw=""),
    ]
    try:
        answer = decode_body(body)
    except Unreadable:
        return
    assert not _has_float(answer)
    for action in ACTIONS:
        inside = unwrap(answer, action=action, order_id="1242")
        text = error_text(inside, action)
        assert text is None or text.strip()
    for read in readers:
        with suppress(Unreadable):
            assert not _has_float(read(unwrap(answer, action="status", order_id="1242")))


def _has_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_float, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_float, value))
    return isinstance(value, float)


result = st.fixed_dictionaries({"charge": st.just("1"), "status": st.just("Pending")})


@given(result, st.sampled_from(["bare", "list", "data", "data_list", "list_data", "keyed", "list_keyed"]))
def test_every_wrapper_of_a_status_comes_off(inside: dict[str, str], wrapper: str) -> None:
    wrapped: dict[str, object] = {
        "bare": inside,
        "list": [inside],
        "data": {"data": inside, "error": None},
        "data_list": {"data": [inside], "status": "success"},
        "list_data": [{"data": inside}],
        "keyed": {"1242": inside},
        "list_keyed": [{"1242": inside}],
    }
    assert unwrap(wrapped[wrapper], action="status", order_id="1242") == inside


def test_services_are_never_unwrapped() -> None:
    one = [service()]
    assert unwrap(one, action="services") is one


def test_data_with_an_error_stays_wrapped() -> None:
    answer = {"status": "error", "message": "Insuffcient Funds", "data": [{}]}
    assert unwrap(answer, action="add") == answer


def test_list_of_two_stays_a_list() -> None:
    assert unwrap([{"order": "1"}, {"order": "2"}], action="add") == [{"order": "1"}, {"order": "2"}]


# --- Errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "Bad"},
        [{"error": "Bad"}],
        {"Error": "Bad"},
        {"error": "", "Error": None, "errors": ["Bad", "Worse"]},
        {"errors": [{"message": "Bad"}]},
        {"errors": {"link": ["Bad"]}},
        {"error": {"message": "Bad", "code": 3}},
        {"error": True, "message": "Bad"},
        {"error": 1, "msg": "Bad"},
        {"status": "fail", "msg": "Bad"},
        {"status": False, "message": "Bad"},
        {"status": "Error", "message": "Bad", "data": []},
    ],
)
@pytest.mark.parametrize("action", ACTIONS)
def test_error_text_is_found(answer: object, action: Action) -> None:
    assert error_text(decoded(answer), action) == "Bad"


@pytest.mark.parametrize(
    "answer",
    [
        {"order": 1},
        {"order": 1, "error": None},
        {"order": 1, "error": False},
        {"order": 1, "error": ""},
        {"order": 1, "error": 0},
        {"order": 1, "error": []},
        {"order": 1, "errors": {}},
        {"order": 1, "status": "success"},
        "Bad",
        None,
        [],
    ],
)
def test_no_error_is_none(answer: object) -> None:
    assert error_text(decoded(answer), "add") is None


def test_status_of_an_order_is_no_error() -> None:
    assert error_text({"status": "Error", "charge": "0.5"}, "status") is None
    assert error_text({"status": "error", "message": "Bad"}, "status") == "Bad"


def test_error_field_of_a_service_is_none_of_the_answer() -> None:
    assert error_text([service(error="odd")], "services") is None


# --- Words and ids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", Status.PENDING), ("awaiting", Status.PENDING), ("QUEUED", Status.PENDING),
        ("Processing", Status.PROCESSING), ("In progress", Status.IN_PROGRESS),
        ("in_progress", Status.IN_PROGRESS), ("In-Progress", Status.IN_PROGRESS),
        ("inprogress", Status.IN_PROGRESS), ("Active", Status.IN_PROGRESS),
        ("Partial", Status.PARTIAL), ("Completed", Status.COMPLETED), ("complete", Status.COMPLETED),
        ("Success", Status.COMPLETED), ("Canceled", Status.CANCELED), (" cancelled ", Status.CANCELED),
        ("Order  Cancelled", Status.CANCELED), ("Refunded", Status.CANCELED), ("refunds", Status.CANCELED),
        ("Refund", Status.CANCELED),
        ("Fail", None), ("failed", None), ("Error", None), ("rejected", None), ("Cancelation pending", None),
        ("", None), (None, None), (True, None), ("Paused", None),
    ],
)  # fmt: skip
def test_status_word(word: object, status: Status | None) -> None:
    assert status_word(word) == status


@pytest.mark.parametrize("value", ["1242", " 1242 ", "5f0c9a-1", "ab:12", "0012", "1" * 100])
def test_order_id_is_text(value: str) -> None:
    assert order_id_text(value) == value.strip()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "0",
        "000",
        "-1",
        "null",
        "Order placed",
        "12 34",
        "1.5",
        "1" * 101,
        "12\x0034",
        "12\n",
        "١٢",
        True,
        {},
    ],
)
def test_no_order_id(value: object) -> None:
    assert order_id_text(value) is None


@given(st.text())
def test_clean_text_is_printable_and_bounded(text: str) -> None:
    cleaned = clean(text, limit=10)
    assert len(cleaned) <= 10
    assert cleaned.encode("utf-8") is not None
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in cleaned)


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=4), st.text())
def test_secret_is_nowhere_in_what_it_hid(key: str, around: str) -> None:
    secret = Secret(key)
    for spelled in (key, json.dumps(key), key.upper() if len(key.upper()) == len(key) else key):
        assert key not in secret.hide(f"{around}{spelled}") or key in "***"
    assert key not in repr(secret)


# --- The catalogue ---------------------------------------------------------------------------------------


def read(*entries: dict[str, object]) -> tuple[list[str], list[tuple[str, str]]]:
    catalogue = read_catalogue(decoded(list(entries)))
    return [row.service_id for row in catalogue.rows], [
        (row.service_id, row.reason) for row in catalogue.skipped
    ]


def test_catalogue_of_the_document() -> None:
    body = """[
        {"service": 1, "name": "Подписчики YouTube", "type": "Default", "category": "YouTube", "rate": "90",
         "min": "100", "max": "50.000"},
        {"service": 2, "name": "Просмотры ТикТок", "type": "Default", "category": "ТикТок", "rate": "100",
         "min": "1.000", "max": "5.000.000"}]"""
    first, second = read_catalogue(decode_body(body.encode())).rows
    assert (first.service_id, first.rate, first.min, first.max) == ("1", Decimal(90), 100, 50_000)
    assert (second.name, second.min, second.max) == ("Просмотры ТикТок", 1000, 5_000_000)
    assert (first.refill, first.cancel, first.dripfeed) == (None, None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": "0"}, {"rate": "-1"}, {"rate": "NaN"}, {"rate": float("nan")}, {"rate": "1e3"},
        {"rate": None}, {"rate": "1,234"}, {"rate": 10**400}, {"min": "1.5"}, {"max": "1e3"},
        {"min": None}, {"max": "N/A"},
        {"min": 0}, {"min": -5}, {"min": 501}, {"max": "9" * 400}, {"service": None}, {"service": 0},
        {"service": True}, {"name": ""}, {"name": "\x00"}, {"name": None}, {"min": {}},
    ],
)  # fmt: skip
def test_row_that_cannot_be_sold_is_skipped(changes: dict[str, object]) -> None:
    sold, skipped = read(service(**changes), service(service=2))
    assert sold == ["2"]
    assert len(skipped) == 1
    assert skipped[0][1]


def test_service_listed_twice_counts_once() -> None:
    catalogue = read_catalogue(decoded([service(rate="1"), service(rate="2")]))
    assert [row.rate for row in catalogue.rows] == [Decimal(1)]
    assert [row.position for row in catalogue.skipped] == [1]


def test_mixed_catalogue_skips_the_dotted_rows() -> None:
    sold, skipped = read(
        service(service=1, max="12000"),
        service(service=2, min="1.000", max="2.000"),
        service(service=3, max="5.000.000"),
        service(service=4, max="900"),
    )
    assert sold == ["1", "4"]
    assert [service_id for service_id, _ in skipped] == ["2", "3"]


def test_dotted_catalogue_is_not_mixed() -> None:
    sold, _ = read(service(service=1, max="999"), service(service=2, min="1.000", max="50.000"))
    assert sold == ["1", "2"]


def test_texts_are_trimmed_cleaned_and_bounded() -> None:
    row = read_catalogue(
        decoded([service(name=" a\x00\tb\ud800" + "n" * 600, category="c" * 400, type="t" * 60)])
    ).rows[0]
    assert row.name.startswith("a bnn")
    assert (len(row.name), len(row.category), len(row.type)) == (500, 300, 50)


@pytest.mark.parametrize(
    ("said", "flag"), [(True, True), (False, False), ("1", True), (0, False), ("", None), ([], None)]
)
def test_flags(said: object, flag: bool | None) -> None:
    assert read_catalogue(decoded([service(refill=said)])).rows[0].refill is flag


@pytest.mark.parametrize("answer", [{}, {"data": [service()]}, None, "x", ["x"], [service(), None]])
def test_no_list_of_objects_is_no_catalogue(answer: object) -> None:
    with pytest.raises(Unreadable):
        read_catalogue(decoded(answer))


# --- Status and balance ----------------------------------------------------------------------------------


def test_status_of_the_document() -> None:
    answer = {
        "charge": "0.27819",
        "start_count": "1.000",
        "status": "Pending",
        "remains": "500",
        "currency": "rub",
    }
    status = read_order_status(answer, raw="raw")
    assert (
        status.status,
        status.charge,
        status.start_count,
        status.remains,
        status.currency,
        status.unreadable,
    ) == (
        Status.PENDING,
        Decimal("0.27819"),
        1000,
        500,
        "RUB",
        (),
    )


def test_unreadable_fields_are_named_and_unknown_ones_are_not() -> None:
    answer = {"charge": "-1", "start_count": "", "status": "Paused", "remains": "1.5"}
    status = read_order_status(answer, raw="")
    assert (status.status, status.status_text) == (None, "Paused")
    assert (status.charge, status.start_count, status.remains) == (None, None, None)
    assert status.unreadable == ("charge", "remains")


@pytest.mark.parametrize("answer", [None, [], {}, {"status": None}, {"status": "success"}, {"order": "1"}])
def test_no_status(answer: object) -> None:
    with pytest.raises(Unreadable):
        read_order_status(answer, raw="")


@pytest.mark.parametrize(
    ("text", "amount", "verified"),
    [
        ("1.000", "1", False),
        ("12.345", "12.345", False),
        ("-1.000", "-1", False),
        ("90", "90", True),
        ("1.00", "1", True),
        ("99.8472", "99.8472", True),
        ("1.234.567", "1234567", True),
        ("1,234", None, False),
        ("N/A", None, False),
    ],
)
def test_balance_is_verified_unless_it_may_be_read_two_ways(
    text: str, amount: str | None, verified: bool
) -> None:
    balance = read_balance({"userid": "1", "balance": text, "username": "smmub"})
    assert balance.amount == (None if amount is None else Decimal(amount))
    assert (balance.raw_text, balance.verified) == (text, verified)
    assert (balance.user_id, balance.username, balance.currency) == ("1", "smmub", "")

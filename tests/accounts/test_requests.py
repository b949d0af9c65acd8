import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from accounts.requests import MAX_ID, row_id


def read(text: str | None) -> int | None:
    request = RequestFactory().get("/", {} if text is None else {"before": text})
    return row_id(request, "before")


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("0", 0), ("007", 7), (str(MAX_ID), MAX_ID)])
def test_a_rows_number(text: str, number: int) -> None:
    assert read(text) == number


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "one",
        " 1",
        "1 ",
        "0x1",
        "1_0",
        "²",
        "٣",
        "\x00",
        str(MAX_ID + 1),
        "9" * 5000,
    ],
)
def test_what_no_row_could_have(text: str | None) -> None:
    assert read(text) is None


@given(st.text())
def test_whatever_comes_is_a_rows_number_or_nothing(text: str) -> None:
    number = read(text)

    assert number is None or 0 <= number <= MAX_ID


def test_the_last_of_two_counts() -> None:
    assert row_id(RequestFactory().get("/?before=1&before=2"), "before") == 2

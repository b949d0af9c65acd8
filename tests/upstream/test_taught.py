"""Texts that a person taught: "any other `error` text ... the operator can teach the text a class"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstream.bounds import bounds_in
from upstream.classing import class_of_add_error, words_of
from upstream.cleaning import Secret
from upstream.errors import Bounds, Halt, Later, ProviderError, Refused, Uncertain, UnknownText
from upstream.replies import Reply
from upstream.taught import (
    Meaning,
    class_by_meaning,
    closest,
    says,
    table_rule,
    taught_form,
    telling_signs,
    with_open_numbers,
)

KEY = "0123456789abcdef"
LINK = "https://example.com/too-many-requests"


def add_error(text: str | None, *, status: int = 200) -> ProviderError:
    body = b"<html>" if text is None else json.dumps({"error": text}).encode()
    reply = Reply(status=status, headers={}, body=body, secret=Secret(KEY))
    return class_of_add_error(text, reply=reply, link=LINK)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("The  Moon_is\ttoo BRIGHT", "the moon is too bright"),
        (f"No luck with {LINK} today", "no luck with … today"),
        ("No luck with https://elsewhere.example/x today", "no luck with … today"),
        (f"The key {KEY} had no luck", "the key *** had no luck"),
    ],
)
def test_an_unknown_text_carries_its_words(said: str, words: str) -> None:
    error = add_error(said)
    assert (type(error), error.words) == (UnknownText, words)
    assert words_of(error.text, link=LINK) == words  # what is held says the same


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ("Bad link", 200, ""),  # a row of the table wins
        ("Bad link", 500, ""),
        ("Unknown error", 200, ""),
        ("The moon is too bright", 422, "the moon is too bright"),
        # "A JSON `error` that matches a row below wins over the code": what is taught is one.
        ("The moon is too bright", 500, "the moon is too bright"),
        ("Internal Server Error", 500, ""),  # a gateway's own name
        ("Service Temporarily Unavailable", 503, ""),
        ("The moon is too bright", 429, ""),  # the code says it: later
        ("The moon is too bright", 403, ""),  # `balance` tells
        ("The moon is too bright", 303, ""),
        (None, 500, ""),
        (None, 200, ""),
    ],
)
def test_only_unknown_words_can_be_taught(said: str | None, status: int, words: str) -> None:
    assert add_error(said, status=status).words == words


@pytest.mark.parametrize(
    ("words", "taught", "found"),
    [
        ("limit 500 reached for user 17", "limit # reached for user #", True),
        ("limit 1.500 reached for user 17.", "limit # reached for user #.", True),
        ("limit ##5 reached", "limit # reached", True),
        ("limit reached", "limit # reached", False),
        ("sorry, error code 42!", "error code 42", True),
        ("error code 421", "error code 42", False),
        ("error code 142", "42", False),
        ("error code 43", "error code 42", False),
        ("error (code.*)", "(code.*)", True),
        ("error code", "(code.*)", False),
    ],
)
def test_literal_but_for_open_numbers(words: str, taught: str, found: bool) -> None:
    assert says(words, taught) is found


def test_the_longest_text_counts_and_then_the_one_with_fewer_open_numbers() -> None:
    taught = ["moon", "the moon # is", "the moon 4 is", "the sun is"]
    assert closest("the moon 4 is bright", taught) == "the moon 4 is"
    assert closest("the moon 5 is bright", taught) == "the moon # is"
    assert closest("a moon", taught) == "moon"
    assert closest("a star", taught) is None


@pytest.mark.parametrize(
    ("text", "form"),
    [("Limit_ 5", "limit 5"), ("limit ## of #.#", "limit # of #"), ("see https://x.example/", "see …")],
)
def test_the_form_in_which_a_text_is_kept(text: str, form: str) -> None:
    assert taught_form(text) == form
    assert taught_form(form) == form


@given(st.text(max_size=300))
def test_words_with_open_numbers_are_in_the_words_themselves(text: str) -> None:
    words = taught_form(text)
    assert says(words, taught_form(with_open_numbers(words)))


def test_many_open_numbers_take_no_time() -> None:
    assert not says("1" * 2000 + "x", " # ".join(["#"] * 60) + "y")
    assert not says("1.1" * 600, "#" * 300 + "y")


@pytest.mark.parametrize(
    ("taught", "rule"),
    [("invalid link", "bad_link"), ("please wait # sec", "spam_wait"), ("the moon", "")],
)
def test_what_the_table_knows(taught: str, rule: str) -> None:
    assert table_rule(taught) == rule


def test_marks_tell_nothing() -> None:
    assert telling_signs("… # , # …") == 0
    assert telling_signs("код 42") == 5


def test_each_meaning_is_its_class() -> None:
    fault = add_error("The moon is too bright; wait 5 min", status=422)
    said = {meaning: class_by_meaning(meaning, fault) for meaning in Meaning}
    assert {meaning: type(error) for meaning, error in said.items()} == {
        "refused": Refused,
        "later": Later,
        "halt": Halt,
        "uncertain": Uncertain,
    }
    for error in said.values():
        assert (error.rule, error.http_status, error.raw) == ("taught", 422, fault.raw)
        assert error.text == fault.text
    later, refused, halt = said[Meaning.LATER], said[Meaning.REFUSED], said[Meaning.HALT]
    assert isinstance(later, Later)
    assert (later.wait_seconds, later.paces_provider, later.hints_at_earlier) == (301, False, True)
    assert isinstance(refused, Refused)
    assert not refused.switch_service_off
    assert isinstance(halt, Halt)
    assert not halt.funds


def test_a_taught_later_without_a_wait_leaves_it_to_the_caller() -> None:
    later = class_by_meaning(Meaning.LATER, add_error("The moon is too bright"))
    assert isinstance(later, Later)
    assert later.wait_seconds is None


@pytest.mark.parametrize(
    ("words", "bounds"),
    [
        ("quantity less than minimal 100", (100, None)),
        ("quantity more than maximal 5.000", (None, 5000)),
        ("minimum quantity is 100", (100, None)),
        ("min quantity: 10, max quantity: 500", (10, 500)),
        ("quantity should be within 100 to 5.000.000", (100, 5_000_000)),
        ("quantity out of bounds (1.000 - 5.000)", (1000, 5000)),
        ("quantity should be within min quantity to max quantity", (None, None)),
        ("quantity should be within 500 to 100", (None, None)),
        ("minimum quantity is 0", (None, None)),
        ("minimum quantity is " + "9" * 400, (None, None)),
    ],
)
def test_bounds_out_of_the_text(words: str, bounds: tuple[int | None, int | None]) -> None:
    """ "read the numbers out of the text if there"."""
    assert bounds_in(words) == Bounds(*bounds)

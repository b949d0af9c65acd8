"""What went wrong, in words for staff."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from django.utils.html import conditional_escape

from catalog.fault_words import RULES, halt_in_words, rule_in_words, said, text_in_words
from catalog.halting import halt
from operations.wording import Words
from tests.factories import make_provider
from upstream.classing import ADD_ROWS, CANCEL_ROWS

HOUSE = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with translation.override("en"):
        yield


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_every_rule_that_the_code_writes_has_words() -> None:
    written = {row.rule for row in (*ADD_ROWS, *CANCEL_ROWS)}
    for room in ("upstream", "orders", "catalog"):
        for file in (HOUSE / room).glob("*.py"):
            written |= set(re.findall(r'\brule="(\w+)"', file.read_text()))
    assert written > {"no_answer", "worker_died", "rate_limit", "id_taken"}
    assert written <= set(RULES)


@pytest.mark.parametrize("rule", ["http_5xx", "no_catalogue", "unknown_text", "taught", "by_hand", "funds"])
def test_rules_that_are_written_in_other_ways_have_words_too(rule: str) -> None:
    assert rule in RULES


def test_a_rule_is_told_with_its_code() -> None:
    html = rule_in_words("http_5xx")
    assert words(html) == "the provider's server failed http_5xx"
    assert ">http_5xx</code>" in html
    assert rule_in_words("") == "—"


def test_a_rule_that_has_no_words_is_its_own_and_escaped() -> None:
    assert "<b>" not in rule_in_words("<b>")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("no answer (RemoteDisconnected)", "no answer came"),
        ("an answer of more than 65536 bytes", "no answer came"),
        ("could not connect: [Errno 111] Connection refused", "no connection: nothing was sent"),
        ("HTTP 502 without a readable result or error", "no clear answer"),
        ("id 1242 belongs to another order", "the id belongs to another order"),
        (
            "the worker that sent it died before it recorded an answer",
            "the worker stopped in the middle of the call",
        ),
    ],
)
def test_our_own_texts_are_told_by_their_labels(text: str, label: str) -> None:
    assert words(text_in_words(text)) == f"{label} {text}"


@pytest.mark.parametrize(
    "text",
    [
        "no answer (ReadTimeout)",
        "no JSON in 40 bytes, from '<html>' to '</html>'",
        "no list of services",
        "no call can be made to this address: its host or its port is none",
        "the address of a provider begins with http:// or https://",
    ],
)
def test_an_alert_has_our_own_texts_in_the_readers_language(text: str) -> None:
    words = said(text)

    assert isinstance(words, Words)
    assert (words.text in RULES.values(), str(words)) == (True, text)
    with translation.override("ru"):
        assert not re.search("[A-Za-z]", translation.gettext(words.text))


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("halted by olga@example.com", {"who": "olga@example.com"}),
        ("order 12 and Try again", {"id": "12", "said": "Try again"}),
    ],
)
def test_and_what_they_quote_beside_them(text: str, params: dict[str, str]) -> None:
    words = said(text)

    assert isinstance(words, Words)
    assert (words.params, words.text % words.params, str(words)) == (params, text, text)


@pytest.mark.parametrize("text", ["The moon is too bright", "no answer", "HTTP 502", "order 12"])
def test_an_alert_has_a_providers_words_as_they_are(text: str) -> None:
    assert said(text) == text


@pytest.mark.parametrize("text", ["The moon is too bright", "no answer", "HTTP 502"])
def test_a_providers_words_are_quoted_as_they_are(text: str) -> None:
    assert text_in_words(text) == f"“{text}”"


def test_a_providers_words_are_words_only() -> None:
    assert conditional_escape(text_in_words("<script>")) == "“&lt;script&gt;”"
    assert "<b>" not in text_in_words("could not connect: <b>")
    assert text_in_words("") == "—"


def test_a_halt_is_told_with_since_when_and_why(db: None) -> None:
    provider = make_provider()
    assert halt_in_words(provider) == ""

    halt(provider, rule="key", text="Invalid <b>API</b> key")

    html = halt_in_words(provider)
    assert re.search(r"halted since \S+.*: the key or the account is refused key; “Invalid", words(html))
    assert "“Invalid &lt;b&gt;API&lt;/b&gt; key”" in html


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("unreachable", "the provider's address does not answer"),
        ("missing_parameter", "it misses parameters that we send: their names differ"),
        ("service_unknown", "it does not know several services: did the account change?"),
    ],
)
def test_a_halt_of_our_own_is_not_put_into_a_providers_mouth(db: None, rule: str, text: str) -> None:
    assert f'"{text}"' in (HOUSE / "orders/escalating.py").read_text()
    provider = make_provider()

    halt(provider, rule=rule, text=text)

    said = words(halt_in_words(provider))
    assert said.endswith(f": {RULES[rule]} {rule}; {text}")

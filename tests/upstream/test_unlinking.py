"""Whatever a customer writes into a link, an error's class follows from the provider's own words."""

import html
import json
import re
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.upstream.scripted import answer, scripted_server
from tests.upstream.test_classing import ADD_TEXTS
from upstream.classing import class_of_add_error, class_of_cancel_error, class_of_read_error
from upstream.cleaning import Secret
from upstream.client import Client
from upstream.errors import CancelRefused, Halt, Later, ProviderError, Refused, Uncertain, UnknownText
from upstream.replies import Reply
from upstream.unlinking import without_link

SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.lower,
    lambda link: quote(link, safe=""),
    quote,
    quote_plus,
    html.escape,
    lambda link: html.escape(link).replace("/", "&#x2F;"),
    lambda link: json.dumps(link)[1:-1],
    lambda link: json.dumps(link)[1:-1].replace("/", "\\/"),
    lambda link: link.split("://", 1)[1],
    lambda link: quote(link.split("://", 1)[1], safe=""),
    lambda link: link.split("://", 1)[1].removeprefix("www."),
    lambda link: link.replace("http://", "https://", 1),
    lambda link: quote(link, safe="")[:-1] + "…",  # cut short
    lambda link: link[:-1] + "...",
]

WORDS = sorted({word for text, *_ in ADD_TEXTS for word in re.findall(r"\w+", text)} | {"Я", "wait", "9 sec"})
joins = st.sampled_from(["-", "_", "/", "+", "%20", ".", "&", "?", "#", '"', "<", "'", "\\", "="])
texts = st.sampled_from([text for text, *_ in ADD_TEXTS])


@st.composite
def links(draw: st.DrawFn) -> str:
    """Draw a link made of the table's words, or of one of its texts."""
    scheme = draw(st.sampled_from(["http://", "https://", "HTTPS://", "https://www."]))
    host = draw(
        st.sampled_from(["x.example", "rate-limit.example", "suspended.banned", "пример.рф", "u@x.io:8"])
    )
    words = draw(st.lists(st.sampled_from(WORDS), max_size=8) | texts.map(str.split))
    path = "".join(draw(joins) + word for word in words)
    return re.sub(r"\s", "_", f"{scheme}{host}/{path}/")


def class_of(text: str, link: str) -> ProviderError:
    reply = Reply(200, {}, json.dumps({"error": text}).encode(), Secret("0123456789abcdef"))
    return class_of_add_error(text, reply=reply, link=link)


@given(links(), st.sampled_from(SPELLINGS))
def test_words_of_a_link_decide_nothing(link: str, spell: Callable[[str], str]) -> None:
    said = spell(link)

    bad = class_of(f"Bad link: {said}", link)
    assert (type(bad), bad.rule) == (Refused, "bad_link")
    assert type(class_of(f"Unknown error {said}", link)) is Uncertain
    assert type(class_of(said, link)) is UnknownText
    spam = class_of(f"Spam protection, {said}", link)
    assert isinstance(spam, Later)
    assert (spam.rule, spam.wait_seconds) == ("spam_wait", None)


@given(links(), st.sampled_from(SPELLINGS), st.sampled_from([text for text, *_ in ADD_TEXTS]))
def test_words_around_a_link_decide_as_ever(link: str, spell: Callable[[str], str], text: str) -> None:
    alone, beside = class_of(text, link), class_of(f"{spell(link)} {text}", link)
    assert (type(beside), beside.rule) == (type(alone), alone.rule)
    assert without_link(text.lower(), link) == text.lower()


@given(links(), st.integers(min_value=8))
def test_cut_link_with_its_scheme_decides_nothing(link: str, length: int) -> None:
    said = link[: max(length, link.index("://") + 4)]
    bad = class_of(f"Bad link: {said}", link)
    assert (type(bad), bad.rule) == (Refused, "bad_link")


@pytest.mark.parametrize(
    "said",
    ["x.example/service_not_active/aa…", "X.EXAMPLE%2Frate-limit%2Fa...", "https%3A%2F%2Fx.example%2Fbanned"],
)
def test_cut_link_without_its_scheme_decides_nothing(said: str) -> None:
    link = "https://www.x.example/service_not_active/" + "a" * 100
    bad = class_of(f"Bad link: {said}", link)
    assert (type(bad), bad.rule) == (Refused, "bad_link")


NAMED = "https://www.instagram.com/{}"


@pytest.mark.parametrize(
    ("link", "text"),
    [
        (NAMED.format("banned"), "User banned not found"),
        (NAMED.format("banned"), "User @Banned not found"),
        (NAMED.format("@BANNED?hl=en"), 'Username "banned" does not exist'),
        (NAMED.format("%62anned"), "User banned not found"),
        (NAMED.format("%2562anned"), "User banned not found"),
        (NAMED.format("bannedforlife"), "User bannedforli… not found"),
        (NAMED.format("bannedforlife"), "User bannedforlif... not found"),
        (NAMED.format("insuff_ff"), "User insuff_ff not found"),
        (NAMED.format("suspended.girl"), "Profile suspended.girl is closed"),
        (NAMED.format("suspended.girl"), "Profile suspended is closed"),
        (NAMED.format("temporarily"), "temporarily: no such page"),
        (NAMED.format("p/?user=rate-limit"), "No page of rate limit"),
        (NAMED.format("disabled_service"), "User disabled_service not found"),
        ("https://suspended.example.com/", "Blog suspended not found"),
    ],
)
def test_a_customer_s_words_alone_stop_nobody_else(link: str, text: str) -> None:
    fault = class_of(text, link)
    assert (type(fault), fault.rule) == (UnknownText, "unknown_text")


@pytest.mark.parametrize(("text", "kind", "rule"), ADD_TEXTS)
def test_a_name_takes_nothing_from_honest_words(text: str, kind: type[ProviderError], rule: str) -> None:
    fault = class_of(text, NAMED.format("some.body/?hl=en"))
    assert (type(fault), fault.rule) == (kind, rule)


def test_a_refused_key_halts_by_the_next_order() -> None:
    assert type(class_of("Invalid API key", "https://example.com/api")) is UnknownText
    assert type(class_of("Invalid API key", "https://example.com/ap/i")) is Halt
    assert type(class_of("Account banned: Invalid API key", NAMED.format("banned"))) is Halt


@pytest.mark.parametrize("text", ["Unknown error of user bad_link", "@bad_link: something went wrong"])
def test_a_customer_s_words_give_no_money_back(text: str) -> None:
    assert type(class_of(text, "https://x.example/")) is Refused
    assert type(class_of(text, NAMED.format("bad_link"))) is Uncertain


def test_a_customer_s_words_set_no_wait_for_others() -> None:
    fault = class_of("Too many requests for wait_3000_sec", NAMED.format("wait_3000_sec"))
    assert isinstance(fault, Later)
    assert (fault.rule, fault.wait_seconds) == ("rate_limit", None)


def test_words_on_both_sides_of_a_link_do_not_meet() -> None:
    link = "https://x.example/"
    assert type(class_of(f"Service {link} suspended by rate", link)) is Halt
    assert type(class_of(f"Computer too many {link} requests", link)) is UnknownText


@pytest.mark.parametrize("url", ["https://other.example/rate-limit", "www.other.example/suspended"])
def test_any_url_decides_nothing(url: str) -> None:
    assert type(class_of(f"Bad link: {url}", "https://x.example/")) is Refused
    assert type(class_of(f"Unknown error {quote(url)}", "https://x.example/")) is Uncertain
    order = Reply(200, {}, b"", Secret("0123456789abcdef"))
    fault = class_of_cancel_error(f"Order of {url} cannot be canceled", reply=order)
    assert (type(fault), fault.rule) == (CancelRefused, "not_cancelable")
    assert class_of_read_error(f"No order {url}", reply=order, action="status").rule == "unknown_text"


def test_words_close_to_a_whole_link_count() -> None:
    link = "https://x.example/a"
    assert class_of(f"{link}|rate_limit", link).rule == "rate_limit"
    assert class_of("x.example/a:suspended", link).rule == "key"


@pytest.mark.parametrize("said", ["https://x.example/wait_3000_sec", "x.example/wait_3000_sec"])
@pytest.mark.parametrize("status", [200, 429])
def test_link_sets_no_wait(said: str, status: int) -> None:
    link = "https://x.example/wait_3000_sec"
    reply = Reply(status, {}, b"", Secret("0123456789abcdef"))
    for text in (f"Spam protection, {said}", f"Too many requests: {said}"):
        fault = class_of_add_error(text, reply=reply, link=link)
        assert isinstance(fault, Later)
        assert fault.wait_seconds is None
    turned_away = class_of_add_error(
        f"Computer says {said}", reply=Reply(429, {}, b"", reply.secret), link=link
    )
    assert isinstance(turned_away, Later)
    assert turned_away.wait_seconds is None


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    "said", ["Deadlock at {}", "deadlock at @{}.", "Deadlock: user_{}", "Deadlock ({}...)"]
)
@pytest.mark.parametrize(
    "name", ["private_account", "Bad_Link", "link_duplicate", "wait_5_sec", "spam_protection"]
)
def test_a_name_in_the_link_decides_nothing(name: str, said: str, status: int) -> None:
    reply = Reply(status, {}, b"", Secret("0123456789abcdef"))
    for link in (f"https://t.me/{name}", f"t.me/@{name}?start=1", f"https://x.example/?u={quote(name)}"):
        said_so = said.format(name[:-1] if "..." in said else name)
        found = class_of_add_error(said_so, reply=reply, link=link)
        assert (type(found), "…" in found.words) == (UnknownText if status == 200 else Uncertain, True)


def test_a_name_that_is_not_in_the_link_is_the_providers_own_word() -> None:
    assert class_of("Private_account", "https://t.me/durov").rule == "bad_link"
    assert class_of("Private account", "https://t.me/private_account").rule == "bad_link"
    assert class_of("a_b: private account", "https://t.me/_").rule == "bad_link"


@pytest.mark.parametrize(
    "link", ["a", "link", "https://link", "", "http://", "://", "https://[", "https://x/\ud800"]
)
def test_odd_link_takes_no_word_away(link: str) -> None:
    assert type(class_of("Bad link", link)) is Refused


@given(st.text(), st.text())
def test_any_link_and_any_text(text: str, link: str) -> None:
    assert class_of(text, link).text == class_of(text, "").text


@pytest.mark.parametrize(
    ("said", "kind", "rule"),
    [
        ("Bad link: {}", Refused, "bad_link"),
        ("Unknown error {}", Uncertain, "unclear_error"),
        ("{}", UnknownText, "unknown_text"),
    ],
)
@pytest.mark.parametrize(
    "path", ["rate-limit", "service_not_active", "suspended", "too-many-requests", "insufficient_balance"]
)
def test_link_repeated_by_a_provider(said: str, kind: type[ProviderError], rule: str, path: str) -> None:
    link = f"https://example.com/{path}"
    behave = answer({"error": said.format(link.removeprefix("https://"))})
    with scripted_server(any=behave) as server, closing(Client(server.url, "k-e-y")) as client:
        with pytest.raises(ProviderError) as raised:
            client.add(service_id="1", link=link, quantity=1)
        assert server.actions() == ["add"]
    error = raised.value
    assert (type(error), error.rule) == (kind, rule)
    # People see it whole.
    assert path in error.text
    assert path in error.raw
    if isinstance(error, Refused):
        assert not error.switch_service_off

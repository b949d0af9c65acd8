import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.errors import InvalidLink
from orders.links import MAX_LENGTH, clean_link


@pytest.mark.parametrize(
    "link",
    [
        "https://t.me/channel",
        "http://example.com",
        "https://example.com/Path?x=1&Y=%2f#Part",
        "https://User:Secret@example.com/",
        "https://example.com:8443/a/b",
        "http://example.com:443/",
        "https://example.com:80/",
        "https://example.com:4430/",
        "https://example.com/a:443",
        "https://a:443@example.com/",
        "https://пример.рф/страница?кто=я",
        "https://192.0.2.7/x",
        "https://example.com/" + "a" * (MAX_LENGTH - 20),
    ],
)
def test_a_link_stays_as_it_is(link: str) -> None:
    assert clean_link(link) == link


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("HTTPS://T.me/Channel", "https://t.me/Channel"),
        ("Http://EXAMPLE.COM:8443", "http://example.com:8443"),
        ("https://EXAMPLE.COM/A?B=C#D", "https://example.com/A?B=C#D"),
        ("https://EXAMPLE.COM?Q=HTTPS://B.COM/", "https://example.com?Q=HTTPS://B.COM/"),
        ("https://User:Secret@EXAMPLE.COM/", "https://User:Secret@example.com/"),
        ("https://ПРИМЕР.РФ/Я", "https://пример.рф/Я"),
    ],
)
def test_scheme_and_host_are_in_lower_case_and_nothing_else(typed: str, kept: str) -> None:
    assert clean_link(typed) == clean_link(kept) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("HTTPS://example.com:443/p", "https://example.com/p"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com:/p", "http://example.com/p"),
        ("https://a@example.com:443?x#y", "https://a@example.com?x#y"),
        ("https://[2001:db8::1]:443/", "https://[2001:db8::1]/"),
    ],
)
def test_the_port_that_the_scheme_means_goes(typed: str, kept: str) -> None:
    assert clean_link(typed) == clean_link(kept) == kept


@pytest.mark.parametrize("blanks", [" ", "\n", "\t", "\r\n", "\u00a0", "\u2003"])
def test_blanks_around_it_go(blanks: str) -> None:
    assert clean_link(f"{blanks}https://t.me/channel{blanks}") == "https://t.me/channel"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "channel",
        "@channel",
        "t.me/channel",
        "//t.me/channel",
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "mailto:someone@example.com",
        "https://",
        "https:///path",
        "https://example .com/",
        "https://example.com/a b",
        "https://example.com/\u00a0x",
        "https://exa_mple..com",
        "https://[::1",
        "https://example.com:port/",
        "https://example.com/" + "a" * MAX_LENGTH,
    ],
)
def test_what_is_no_link(text: str) -> None:
    with pytest.raises(InvalidLink):
        clean_link(text)


@pytest.mark.parametrize(
    "unseen",
    ["\x00", "\x01", "\x1b", "\x7f", "\x85", "\r\n", "\t", "\u200b", "\u202e", "\u2028", "\ufeff", "\ud800"],
    ids=ascii,
)
def test_what_nobody_sees_in_a_link(unseen: str) -> None:
    with pytest.raises(InvalidLink):
        clean_link(f"https://example.com/a{unseen}b")


@given(st.text())
def test_whatever_comes_is_a_link_or_refused(text: str) -> None:
    try:
        link = clean_link(text)
    except InvalidLink:
        return
    assert link.lower().startswith(("http://", "https://"))
    assert link.isprintable()


@given(st.text())
def test_whatever_follows_an_address(text: str) -> None:
    try:
        link = clean_link(f"https://example.com/{text}")
    except InvalidLink:
        return
    assert link.isprintable()
    assert " " not in link
    link.encode()

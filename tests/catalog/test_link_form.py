"""The normal form of links: what becomes one text, and what never does."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.link_form import MAX_LENGTH, NotALink, normal_form, normal_host


def formed(text: str) -> str:
    """Return the text of a link's normal form."""
    return str(normal_form(text))


@pytest.mark.parametrize(
    "link",
    [
        "https://t.me/channel",
        "http://example.com/",
        "https://example.com/Path?x=1&Y=%2F",
        "https://example.com:8443/a/b",
        "http://example.com:443/",
        "https://example.com:80/",
        "https://example.com:4430/",
        "https://example.com:0/",
        "https://example.com/a:443",
        "https://www.example.com/@Name",
        "https://example.com/a//b/",
        "https://example.com/a?b=c@d&e=//f?g",
        "https://example.com/a+b,c;d=e!f$g&h'i(j)k*l[m]n",
        "https://example.com/%25%2F%3F%23%20%2B",
        "https://xn--e1afmkfd.xn--p1ai/",
        "https://r3---sn-4g5e6nez.example.com/x",
        "https://192.0.2.7/x",
        "https://[2001:db8::1]/",
        "https://example.com/" + "a" * (MAX_LENGTH - 20),
    ],
)
def test_a_link_in_its_form_stays_as_it_is(link: str) -> None:
    assert formed(link) == link


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("HTTPS://T.me/Channel", "https://t.me/Channel"),
        ("Http://EXAMPLE.COM:8443", "http://example.com:8443/"),
        ("https://EXAMPLE.COM?Q=HTTPS://B.COM/", "https://example.com/?Q=HTTPS://B.COM/"),
        # The port that the scheme means, and zeros before another one.
        ("HTTPS://example.com:443/p", "https://example.com/p"),
        ("http://example.com:80", "http://example.com/"),
        ("http://example.com:/p", "http://example.com/p"),
        ("https://example.com:00443/p", "https://example.com/p"),
        ("https://example.com:08443/p", "https://example.com:8443/p"),
        # The root's dot.
        ("https://example.com./p", "https://example.com/p"),
        ("https://example.com.:443/p", "https://example.com/p"),
        # Hosts beyond ASCII, by the rules of browsers: their capitals, their widths, their dots.
        ("https://пример.рф/", "https://xn--e1afmkfd.xn--p1ai/"),
        ("https://ПРИМЕР.РФ./", "https://xn--e1afmkfd.xn--p1ai/"),
        ("https://XN--E1AFMKFD.xn--P1AI/", "https://xn--e1afmkfd.xn--p1ai/"),
        ("https://ｅxample。com/", "https://example.com/"),
        ("https://straße.de/", "https://xn--strae-oqa.de/"),
        ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]/"),
        # Escapes that nothing needs, and the case of those that something does.
        ("https://example.com/%70%61th", "https://example.com/path"),
        ("https://example.com/%7euser/%40name%3a", "https://example.com/~user/@name:"),
        ("https://example.com/a%2fb%c3%a9", "https://example.com/a%2Fb%C3%A9"),
        ("https://example.com/?q=%61%2b%40", "https://example.com/?q=a%2B%40"),
        ("https://example.com/я?кто=я", "https://example.com/%D1%8F?%D0%BA%D1%82%D0%BE=%D1%8F"),
        ('https://example.com/a|b"c\\d', "https://example.com/a%7Cb%22c%5Cd"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/%%37%30", "https://example.com/%2570"),
        # The browser's own part, and a "?" that asks nothing.
        ("https://example.com/p#a", "https://example.com/p"),
        ("https://example.com/p?x=1#a?y", "https://example.com/p?x=1"),
        ("https://example.com#a", "https://example.com/"),
        ("https://example.com/p?", "https://example.com/p"),
        ("https://example.com/p?#", "https://example.com/p"),
        ("https://example.com/p#a@b!/c", "https://example.com/p"),
        ("https://example.com/p#%40name", "https://example.com/p"),
        # But where a site's own script finds its pages by it.
        ("https://WEB.telegram.org/k#@name", "https://web.telegram.org/k#@name"),
        ("https://web.telegram.org/k/#@n%61me", "https://web.telegram.org/k/#@name"),
        ("https://web.telegram.org/a/#-1001", "https://web.telegram.org/a/#-1001"),
        ("https://example.com?x=1#!/page?y=я", "https://example.com/?x=1#!/page?y=%D1%8F"),
        ("https://example.com/#/page", "https://example.com/#/page"),
        # Dots that lead elsewhere.
        ("https://example.com/a/./b/../c", "https://example.com/a/c"),
        ("https://example.com/a/%2e%2E/b", "https://example.com/b"),
        ("https://example.com/../../a", "https://example.com/a"),
        ("https://example.com/a/..", "https://example.com/"),
        ("https://example.com/a/b/.", "https://example.com/a/b/"),
        ("https://example.com/...", "https://example.com/..."),
    ],
)
def test_spellings_of_one_page_are_one_text(typed: str, kept: str) -> None:
    assert formed(typed) == formed(kept) == kept


@pytest.mark.parametrize(
    "other",
    [
        "https://example.com/channel/",
        "http://example.com/channel",
        "https://www.example.com/channel",
        "https://example.com/Channel",
        "https://example.com/channel?x",
        "https://example.com/channel%2F",
        "https://example.com//channel",
        "https://example.com:444/channel",
        "https://example.com/channel#@name",
        "https://example.com/channel#!name",
    ],
)
def test_what_may_be_another_page_is_another_text(other: str) -> None:
    assert formed(other) == other != formed("https://example.com/channel")


@pytest.mark.parametrize("blanks", [" ", "\n", "\t", "\r\n", "\u00a0", "\u2003"])
def test_blanks_around_it_go(blanks: str) -> None:
    assert formed(f"{blanks}https://t.me/channel{blanks}") == "https://t.me/channel"


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
        "https://example.com/a#b c",
        "https://example.com/\u00a0x",
        "https://exa_mple..com",
        "https://example.com../",
        "https://[::1",
        "https://[::1]x/",
        "https://[::g]/",
        "https://example.com:port/",
        "https://example.com:80:80/",
        "https://example.com:99999999/",
        "https://user@example.com/",
        "https://User:Secret@example.com/",
        "https://a:443@example.com/",
        "https://@example.com/",
        "https://ex%61mple.com/",
        "https://example.com\\@evil.example/",
        # What becomes a delimiter only in the host's own form.
        "https://example.com：80/",
        "https://a＠example.com/",
        "https://example.com／x",
        "https://пример..рф/",
        "https://❤.ws/",
        "https://" + "a." * 130 + "com/",
        "https://example.com/" + "a" * MAX_LENGTH,
        "https://example.com/" + "я" * 400,
    ],
)
def test_what_is_no_link(text: str) -> None:
    with pytest.raises(NotALink):
        normal_form(text)


@pytest.mark.parametrize(
    "unseen",
    ["\x00", "\x01", "\x1b", "\x7f", "\x85", "\r\n", "\t", "\u200b", "\u202e", "\u2028", "\ufeff", "\ud800"],
    ids=ascii,
)
@pytest.mark.parametrize(
    "where", ["https://example.com/a{}b", "https://exa{}mple.com/", "https://e.com/#{}b"]
)
def test_what_nobody_sees_in_a_link(unseen: str, where: str) -> None:
    with pytest.raises(NotALink):
        normal_form(where.format(unseen))


def test_a_link_without_its_query() -> None:
    assert str(normal_form("https://example.com/p?utm=1").without_query()) == "https://example.com/p"


@pytest.mark.parametrize("text", ["", ".", "a..b", "https://a.com", "a.com/", "*.a.com", "a b"])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(NotALink):
        normal_host(text)


# --- Whatever comes ---------------------------------------------------------------------------------------

# Thick with what the form is about.
SOME = st.lists(
    st.sampled_from([*"%2eEfF./?#@:*[]я\\|&=;+,", "%2e", "%2F", "%70", "%25", "..", "é", "abc"]), max_size=30
).map("".join)


@given(st.text() | SOME.map("https://example.com/{}".format) | SOME.map("https://{}".format))
def test_the_form_of_a_form_is_itself(text: str) -> None:
    try:
        link = formed(text)
    except NotALink:
        return
    assert formed(link) == link
    assert link.isascii()
    assert link.isprintable()
    assert link.startswith(("http://", "https://"))
    assert "#" not in link or link.partition("#")[2].startswith(("@", "!", "/", "-"))
    assert len(link) <= MAX_LENGTH


@given(SOME.filter(lambda text: not {"?", "#"} & set(text)))
def test_a_paths_characters_keep_their_meaning(path: str) -> None:
    try:
        kept = normal_form(f"https://example.com/{path}").path
    except NotALink:
        return
    # What a site reads, part by part: an escaped slash is no slash.
    read = [unquote_to_bytes(part) for part in f"/{path}".split("/")]
    if b"." in read or b".." in read:
        return
    assert [unquote_to_bytes(part) for part in kept.split("/")] == read


@given(SOME.filter(lambda text: "#" not in text))
def test_a_querys_characters_keep_their_meaning(query: str) -> None:
    try:
        kept = normal_form(f"https://example.com/?{query}").query
    except NotALink:
        return
    for delimiter in "&=;+":
        read = [unquote_to_bytes(part) for part in query.split(delimiter)]
        assert [unquote_to_bytes(part) for part in kept.split(delimiter)] == read

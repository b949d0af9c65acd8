"""A provider's own words, without the links in them: a link is a customer's, and its words decide nothing.

"Bad link: https://example.com/rate-limit" is no rate limit. All texts here are in lower case. What is cut
leaves a mark, so that the words on both sides of it do not become neighbours.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote

from upstream.cleaning import spellings

MARK = " … "

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

_COLON = r"(?::|%(?:25)*3a|&#58;|&#x3a;|&colon;)"
_SLASH = r"(?:\\*/|%(?:25)*2f|&#47;|&#x2f;|&sol;)"
# Also what is left of a link that the provider cut short. As far as the next blank, for no link holds one:
# to lose a word that stands close to it makes a text unknown, to keep one of the link's a wrong class.
_URL = re.compile(rf"(?:https?{_COLON}{_SLASH}|www\.)\S+")

_WORD = re.compile(r"([^\W_]+)(…|\.\.)?")
_SHORTEST_WORD = 3

# Words that underscores join, which to the patterns are blanks: taken whole, for a text may be one long word.
_JOINED_WORDS = re.compile(r"(\w++)(…|\.\.)?")


def without_urls(text: str) -> str:
    """Return a text without anything that looks like a URL, however its scheme is escaped."""
    return _URL.sub(MARK, text)


def without_link(text: str, link: str) -> str:
    """Return a text without a link, with or without its scheme, quoted, escaped, cut short, in any case."""
    for spelling in _whole(link):
        text = text.replace(spelling, MARK)
    for host in _hosts(link):
        text = re.sub(re.escape(host) + r"\S*", MARK, text)
    return text


def without_names(text: str, link: str) -> str:
    """Return a text without the names in a link, which a provider may repeat alone: "@wait_5_sec".

    A name is a part whose words an underscore joins, written as in the link, lengthened or broken off. Those
    of one word stay, and those with blanks: a provider says "link" and "bad link" for itself.
    """
    names = _names(link)
    if not names:
        return text
    any_name = re.compile("|".join(map(re.escape, names)))

    def cut(found: re.Match[str]) -> str:
        written, broken_off = found.groups()
        is_theirs = any_name.search(written) or (
            broken_off and "_" in written and any(name.startswith(written) for name in names)
        )
        return MARK if is_theirs else found[0]

    return _JOINED_WORDS.sub(cut, text)


def _names(link: str) -> set[str]:
    """Return the parts of a link whose words an underscore joins, quoted or not, in lower case."""
    spelled = " ".join([link, unquote(link), unquote(unquote(link))]).lower()
    written = (name for name, _ in _JOINED_WORDS.findall(spelled))
    return {name for name in written if "_" in name and len(name) >= _SHORTEST_WORD}


def without_words(text: str, link: str) -> str:
    """Return a text without the words of a link: a provider may repeat a part of it, such as "@name", alone.

    Takes more than a customer wrote: "key" of "Invalid API key", too, if the link has it. Words of fewer than
    three characters stay.
    """
    theirs = _words(link)

    def cut(found: re.Match[str]) -> str:
        word, broken_off = found.groups()
        is_theirs = word in theirs or (
            broken_off and len(word) >= _SHORTEST_WORD and any(one.startswith(word) for one in theirs)
        )
        return MARK if is_theirs else found[0]

    return _WORD.sub(cut, text)


def _words(link: str) -> set[str]:
    """Return the words of a link in lower case, of its address, its path and its query, quoted or not."""
    spelled = " ".join([link, unquote(link), unquote(unquote(link))]).lower()
    return {word for word, _ in _WORD.findall(spelled) if len(word) >= _SHORTEST_WORD}


def _whole(link: str) -> list[str]:
    """Return how a link may be spelled, the longest first, so that none leaves the tail of another one."""
    forms = {link, _bare(link)}
    # Without a dot or a slash it is a word, which the provider may use for itself.
    telling = [form for form in forms if "." in form or "/" in form]
    # Of both cases: "Я" and "я" are not quoted alike.
    spelled = {one.lower() for form in telling for case in (form, form.lower()) for one in spellings(case)}
    return sorted(spelled, key=len, reverse=True)


def _hosts(link: str) -> Iterator[str]:
    """Give how a link may begin without its scheme: with and without its user, "www.", in ASCII."""
    authority = re.split(r"[/?#\\]", _bare(link), maxsplit=1)[0]
    host = authority.rpartition("@")[2].lower().removeprefix("www.")
    if "." not in host:
        return
    yield from sorted((one.lower() for one in spellings(authority)), key=len, reverse=True)
    yield host
    with suppress(UnicodeError):
        yield host.encode("idna").decode()


def _bare(link: str) -> str:
    scheme = _SCHEME.match(link)
    return link[scheme.end() :] if scheme else link

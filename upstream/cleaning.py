"""Text of strangers made fit to keep and show: no control characters, no endless lengths, no key."""

import html
import json
import re
from urllib.parse import quote, quote_plus

_BLANKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Surrogates come from JSON such as "\ud800"; neither they nor NUL can be stored as UTF-8 text by a database.
# Marks of direction turn the text around them, so that "gpj.exe" reads "exe.jpg": letters turn by themselves.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

MASK = "***"


def clean(text: str, *, limit: int) -> str:
    """Return `text` trimmed, without control characters, and of at most `limit` characters."""
    return printable(text)[:limit].rstrip()


def printable(text: str) -> str:
    """Return `text` trimmed, line breaks and tabs as blanks, without control characters.

    Marks of direction are control characters too.
    """
    return _UNPRINTABLE.sub("", _BLANKS.sub(" ", text)).strip()


def spellings(text: str) -> set[str]:
    """Return how a server may write back a text that it was sent: as it is, URL-quoted, in HTML, in JSON."""
    quoted = {quote(text, safe="", errors="replace"), quote(text, errors="replace")}
    in_json = json.dumps(text)[1:-1]
    return {
        text,
        *quoted,
        quote_plus(text, errors="replace"),
        html.escape(text),
        in_json,
        in_json.replace("/", "\\/"),
    }


class Secret:
    """A key that goes out with each call and must not come back in any text."""

    def __init__(self, key: str) -> None:
        self._key = key
        # The longest first, so that no spelling leaves the tail of another one.
        forms = sorted((printable(form) for form in spellings(key)), key=len, reverse=True)
        self._pattern = re.compile(
            "|".join(re.escape(form) for form in forms if form) or r"(?!)", re.IGNORECASE
        )

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def reveal(self) -> str:
        """Return the key, for the request that carries it."""
        return self._key

    def hide(self, text: str) -> str:
        """Return `text`, printable, with the key masked, however a server may have spelled it back.

        Comes before any cutting to length: half a key at the cut would not be recognised.
        """
        return self._pattern.sub(MASK, printable(text))

"""The one form in which a link is kept, sent and compared.

Spellings that lead to the same page whatever the site become one text (RFC 3986 §6.2.2 and §6.2.3, RFC 3987
§3.1), and no others: the case of a path and of a query, a closing slash, "www." and an escaped delimiter mean
what the site wants them to mean. The provider is told the text in ASCII, which every program reads.
"""

import ipaddress
import re
from dataclasses import dataclass, replace
from urllib.parse import quote

import idna
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

MAX_LENGTH = 2048

MAX_HOST_LENGTH = 253

# What follows a "#" is a place on the page, which no site is sent; but where a site's own script finds its
# pages by it (web.telegram.org/k/#@name, #!/page), it is part of which page is meant.
_PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#([@!/-].*))?", re.IGNORECASE)
_SITE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")

_DEFAULT_PORT = {"http": "80", "https": "443"}

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Both may stand in a path as they are, and part nothing there (RFC 3986 §3.3).
_PLAIN_IN_PATH = _UNRESERVED | {"@", ":"}

# An escape, a percent sign that begins none, or what no URL holds unescaped.
_ODD = re.compile(r"%([0-9A-Fa-f]{2})?|[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")

_is_url = URLValidator(schemes=["http", "https"])


class NotALink(ValueError):
    """Raised for a text that is no http(s) URL, is too long, names a user, or has characters nobody sees."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link in its normal form: `path` begins with "/"; `query` is without its "?", `route` without "#"."""

    scheme: str
    host: str
    port: str
    path: str
    query: str
    route: str = ""

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        query = f"?{self.query}" if self.query else ""
        route = f"#{self.route}" if self.route else ""
        return f"{self.scheme}://{self.host}{port}{self.path}{query}{route}"

    def without_query(self) -> "Link":
        """Return the link to the page alone."""
        return replace(self, query="")


def normal_form(text: str) -> Link:
    """Return a link in its normal form. Raises `NotALink`.

    What cannot be seen (NUL, which PostgreSQL does not even keep, a turn of the writing's direction, a
    zero-width blank from the clipboard) is in no link that works.
    """
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise NotALink("too long")
    if not text.isprintable() or " " in text:
        raise NotALink("blanks or invisible characters")
    parts = _PARTS.match(text)
    if parts is None:
        raise NotALink("no http(s) URL")
    scheme = parts[1].lower()
    host, port = _site(parts[2], scheme=scheme)
    path = _without_dots(_escaped(parts[3], plain=_PLAIN_IN_PATH))
    query, route = (_escaped(part or "", plain=_UNRESERVED) for part in (parts[4], parts[5]))
    return _checked(Link(scheme, host, port, path, query, route))


def _checked(link: Link) -> Link:
    if len(str(link)) > MAX_LENGTH:
        raise NotALink("too long")
    try:
        _is_url(str(link))
    except ValidationError as error:
        raise NotALink("no http(s) URL") from error
    return link


def _site(text: str, *, scheme: str) -> tuple[str, str]:
    """Return the host, and the port unless it is the scheme's own (RFC 3986 §6.2.3)."""
    site = _SITE.fullmatch(text)
    if site is None:
        raise NotALink("a user, or no host")
    host = _ipv6(site[1]) if site[1].startswith("[") else normal_host(site[1])
    port = str(int(site[2] or _DEFAULT_PORT[scheme]))
    return host, "" if port == _DEFAULT_PORT[scheme] else port


def _ipv6(text: str) -> str:
    try:
        return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]"
    except ValueError as error:
        raise NotALink("no address") from error


def normal_host(text: str) -> str:
    """Return a host's name as the DNS has it: in ASCII and lower case, without the root's dot.

    Raises `NotALink`.
    """
    host = text.lower()
    if len(host) > MAX_HOST_LENGTH:
        raise NotALink("too long")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError as error:
            raise NotALink("no host") from error
    host = host.removesuffix(".")
    if _HOST.fullmatch(host) is None:
        raise NotALink("no host")
    return host


def normal_path(text: str) -> str:
    """Return a path in its normal form; "*" stays as it is."""
    return _without_dots(_escaped(text, plain=_PLAIN_IN_PATH))


def _escaped(text: str, *, plain: frozenset[str]) -> str:
    """Return a text with the escapes that it needs and no others, in upper case (RFC 3986 §2.1, §2.4).

    A percent sign that begins no escape is one: else what follows could make it one, the next time.
    """

    def one(odd: re.Match[str]) -> str:
        if not odd[0].startswith("%"):
            return quote(odd[0], safe="")
        if odd[1] is None:
            return "%25"
        character = chr(int(odd[1], 16))
        return character if character in plain else odd[0].upper()

    return _ODD.sub(one, text)


def _without_dots(path: str) -> str:
    """Return a path without "." and ".." (RFC 3986 §5.2.4); none is the root's."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1:] in (["."], [".."]):
        kept.append("")
    return "/" + "/".join(kept)

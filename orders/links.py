"""What a customer may order for."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import CharField, Func

from orders.errors import InvalidLink

MAX_LENGTH = 2048

START_LENGTH = 200

_DEFAULT_PORT = {"http": re.compile(r":0*80$|:$"), "https": re.compile(r":0*443$|:$")}

_SITE = re.compile(r"(https?://)([^/?#@]*@)?([^/?#@]*)", re.IGNORECASE)

_is_url = URLValidator(schemes=["http", "https"])


def clean_link(text: str) -> str:
    """Return a link without blanks around it, its scheme and host in lower case, without a default port.

    Raises `InvalidLink` unless it is an http(s) URL.

    What cannot be seen (NUL, which PostgreSQL does not even keep, a turn of the writing's direction, a
    zero-width blank from the clipboard) is in no link that works.
    """
    link = _SITE.sub(_normal_site, text.strip(), count=1)
    if len(link) > MAX_LENGTH:
        raise InvalidLink("too long")
    if not link.isprintable():
        raise InvalidLink("invisible characters")
    try:
        _is_url(link)
    except ValidationError as error:
        raise InvalidLink("no http(s) URL") from error
    return link


def _normal_site(site: re.Match[str]) -> str:
    # The only letters of a URL whose case surely means nothing (RFC 3986 §6.2.2.1), and the port that its
    # scheme means anyway (§6.2.3).
    scheme, user, host = (part or "" for part in site.groups())
    scheme = scheme.lower()
    host = _DEFAULT_PORT[scheme.removesuffix("://")].sub("", host.lower())
    return f"{scheme}{user}{host}"


class LinkStart(Func):
    """The first `START_LENGTH` characters of a link: what an index holds of it.

    PostgreSQL's trees hold no text of 2048 characters. The length is written out in the SQL: an index is used
    only where its very expression stands, and to SQLite a parameter is another one than the number it holds.
    """

    function = "SUBSTR"
    template = f"%(function)s(%(expressions)s, 1, {START_LENGTH})"
    arity = 1
    output_field = CharField()

"""The bounds of a service that a refused quantity's text names (`provider-dialects.md`, section 2)."""

import re

from upstream.errors import Bounds
from upstream.parsing import Unreadable, whole_number

_NUMBER = r"([0-9]+(?:[.,'][0-9]{3})*)\b"
_BOTH = re.compile(
    rf"\b(?:within|between|from|out of bounds:?) \(?{_NUMBER} ?(?:to|and|-|–) ?{_NUMBER}", re.ASCII
)
_LEAST = re.compile(
    rf"\b(?:quantity less than|min(?:imum|imal)?(?: quantity)?)(?: (?:is|min(?:imum|imal)?))?:? {_NUMBER}",
    re.ASCII,
)
_GREATEST = re.compile(
    rf"\b(?:quantity more than|max(?:imum|imal)?(?: quantity)?)(?: (?:is|max(?:imum|imal)?))?:? {_NUMBER}",
    re.ASCII,
)


def bounds_in(words: str) -> Bounds:
    """Return the bounds that a text, as the error table sees it, names; what makes no sense is none."""
    if both := _BOTH.search(words):
        least, greatest = _number(both[1]), _number(both[2])
    else:
        low, high = _LEAST.search(words), _GREATEST.search(words)
        least, greatest = low and _number(low[1]), high and _number(high[1])
    if least and greatest and least > greatest:
        return Bounds()
    return Bounds(least=least or None, greatest=greatest or None)


def _number(text: str) -> int | None:
    try:
        return whole_number(text)
    except Unreadable:
        return None

"""Texts that a person has taught a class, for answers to `add` that no row of the error table knows.

A taught text is literal, as the table sees what providers say (`classing.matching`): lower case, without
links. Only its numbers may be left open: "#" stands for any number.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from upstream.classing import asked_wait_seconds, matching, row_of
from upstream.errors import Halt, Later, ProviderError, Refused, Uncertain

RULE = "taught"
ANY_NUMBER = "#"

# Takes a whole number or nothing: with a way back, a text of many open numbers would be tried for ever.
_NUMBER = re.compile(r"[0-9#]++(?:[.,][0-9#]++)*+")
_OPEN_NUMBER = re.compile(r"#+(?:[.,]#+)*")


class Meaning(StrEnum):
    """The class of the error table that a text is taught."""

    REFUSED = "refused"
    LATER = "later"
    HALT = "halt"
    UNCERTAIN = "uncertain"


def taught_form(text: str) -> str:
    """Return a text as it is kept and compared."""
    return _OPEN_NUMBER.sub(ANY_NUMBER, matching(text))


def with_open_numbers(words: str) -> str:
    """Return a text in which every number may be another one: "limit # reached for user #"."""
    return _NUMBER.sub(ANY_NUMBER, words)


def telling_signs(taught: str) -> int:
    """Return how many letters and digits a taught text has: a few would be found in everything."""
    return sum(sign.isalnum() for sign in taught)


def table_rule(taught: str) -> str:
    """Return the row of the error table that knows a text already, whatever its open numbers; "" for none."""
    row = row_of(taught.replace(ANY_NUMBER, "7"))
    return row.rule if row else ""


def says(words: str, taught: str) -> bool:
    """Tell whether a provider's words have a taught text in them; "error 4" is not in "error 42"."""
    parts = (re.escape(part) for part in taught.split(ANY_NUMBER))
    pattern = _NUMBER.pattern.join(parts)
    before = "(?<![0-9])" if taught[:1].isdigit() else ""
    after = "(?![0-9])" if taught[-1:].isdigit() else ""
    return re.search(f"{before}{pattern}{after}", words) is not None


def closest(words: str, taught: Iterable[str]) -> str | None:
    """Return the taught text that says most of a provider's words: the longest, with fewest open numbers."""
    found = [text for text in taught if says(words, text)]
    return max(found, key=lambda text: (len(text), -text.count(ANY_NUMBER)), default=None)


def class_by_meaning(meaning: Meaning, fault: ProviderError) -> ProviderError:
    """Return a fault of `add` whose words were taught a meaning as the class that this is.

    A taught "later" waits as the text asks, else as the caller does. It counts as a hint at an earlier call
    for the same order: nobody knows that it is none, and a second order cannot be taken back.
    """
    raw, status = fault.raw, fault.http_status
    if meaning == Meaning.REFUSED:
        return Refused(fault.text, rule=RULE, raw=raw, http_status=status)
    if meaning == Meaning.LATER:
        wait_seconds = asked_wait_seconds(fault.words)
        return Later(
            fault.text,
            rule=RULE,
            raw=raw,
            http_status=status,
            wait_seconds=wait_seconds,
            hints_at_earlier=True,
        )
    if meaning == Meaning.HALT:
        return Halt(fault.text, rule=RULE, raw=raw, http_status=status)
    return Uncertain(fault.text, rule=RULE, raw=raw, http_status=status)

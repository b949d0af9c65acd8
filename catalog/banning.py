"""Words that keep services from being sold: wherever they stand in a service's names or its category's.

A pattern is one word or several that follow each other; `*` in a word stands for any letters. Texts and
patterns are compared folded (`catalog/searching.py`), word by word, so that a match takes time in proportion
to the text: a pattern such as `a*a*a*b` made into a regular expression would not.
"""

import re
from collections.abc import Iterable
from functools import cache

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.history import note
from catalog.holding import Hold, Kind, close_if_over, hold_in_bulk, tell_held
from catalog.models import BannedWords, Provider, Service, ServiceHold
from catalog.pricing import lock_providers
from catalog.searching import folded

_WORD = re.compile(r"\w+")
_GLOB = re.compile(r"[\w*]+")

Glob = tuple[str, ...]
"""A word of a pattern, cut at its stars: `ca*no` is ("ca", "no"), a word without one is alone."""


def globs_of(pattern: str) -> tuple[Glob, ...]:
    """Return the words of a pattern; none where it has no letter and no digit: it would ban everything."""
    words = _GLOB.findall(folded(pattern))
    return tuple(tuple(word.split("*")) for word in words) if _WORD.search(folded(pattern)) else ()


def matches(glob: Glob, word: str) -> bool:
    """Tell whether a word is as a pattern's word says."""
    first, *middle = glob
    if not middle:
        return word == first
    *middle, last = middle
    if not word.startswith(first) or not word.endswith(last) or len(word) < len(first) + len(last):
        return False
    place, end = len(first), len(word) - len(last)
    for part in middle:  # the earliest place is as good as any
        found = word.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


class Banned:
    """The patterns that are on, as they stood when they were read."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._phrases = [(pattern, globs) for pattern in patterns if (globs := globs_of(pattern))]
        self._firsts = cache(self._begun_by)

    @classmethod
    def read(cls) -> "Banned":
        """Read the patterns that are on."""
        return cls(BannedWords.objects.filter(is_on=True).values_list("pattern", flat=True))

    def found_in(self, text: str) -> str:
        """Return the first pattern that a text has, "" for none."""
        if not self._phrases:
            return ""
        words = _WORD.findall(folded(text))
        for place, word in enumerate(words):
            for pattern, globs in self._firsts(word):
                following = words[place : place + len(globs)]
                if len(following) == len(globs) and all(map(matches, globs, following)):
                    return pattern
        return ""

    def _begun_by(self, word: str) -> list[tuple[str, tuple[Glob, ...]]]:
        """Return the patterns whose first word this one is; catalogues say the same words over and over."""
        return [(pattern, globs) for pattern, globs in self._phrases if matches(globs[0], word)]


def why(pattern: str) -> str:
    """Return the text of the hold, for staff."""
    return f"Its name or its category has words that are not sold here: {pattern}"


@transaction.atomic
def save_words(words: BannedWords) -> int:
    """Save a pattern, hold what it bans, and let go what none bans any more; return how many are held now."""
    words.save()
    return _apply(Banned([words.pattern] if words.is_on else []))


@transaction.atomic
def drop_words(words: BannedWords) -> int:
    """Drop a pattern, and let go what none bans any more; return how many are held now."""
    words.delete()
    return _apply(Banned([]))


@transaction.atomic
def check_words(services: QuerySet[Service]) -> None:
    """Hold services whose names were changed to what is banned, and let go those whose names are good now."""
    lock_providers()
    banned = Banned.read()
    _change(services, saved=banned, banned=banned)


def _apply(saved: Banned) -> int:
    """Bring all services in line; what a person let go on is held again by its own pattern's saving alone."""
    lock_providers()
    _change(Service.objects.all(), saved=saved, banned=Banned.read())
    return ServiceHold.objects.filter(kind=Kind.WORDS).count()


def _change(services: QuerySet[Service], *, saved: Banned, banned: Banned) -> None:
    put: list[Hold] = []
    freed: list[int] = []
    names: dict[int, list[tuple[ServiceHold.Kind, str]]] = {}
    held = set(ServiceHold.objects.filter(kind=Kind.WORDS).values_list("service_id", flat=True))
    rows = services.order_by("pk").values_list(
        "pk", "provider_id", "name", "search_text", "provider_category"
    )
    providers = {}
    for service_id, provider_id, name, *texts in rows.iterator():
        text = "\n".join(texts)
        if service_id in held:
            if not banned.found_in(text):
                freed.append(service_id)
                providers[service_id] = provider_id
        elif pattern := saved.found_in(text):
            put.append(Hold(service_id, Kind.WORDS, why(pattern)))
            names.setdefault(provider_id, []).append((Kind.WORDS, name))
            providers[service_id] = provider_id
    now = timezone.now()
    note(hold_in_bulk(put, at=now, freed=freed), at=now)
    for provider in Provider.objects.defer("key").filter(pk__in=names):
        tell_held(provider, names[provider.pk])
    for provider_id in {providers[service_id] for service_id in freed}:
        close_if_over(provider_id, Kind.WORDS)

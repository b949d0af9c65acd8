"""What a search in the catalogue looks through, and what it looks for.

SQLite's LIKE ignores the case of ASCII letters only: "Подписчики" would not be found as "подписчики". Both
sides are therefore folded in Python: the text when a service is saved, the words when they are asked for.
"""

import unicodedata
from collections.abc import Iterable

from django.db.models import Q

MAX_WORDS = 10
MAX_CHARACTERS = 200
MAX_ID_DIGITS = 18


def folded(text: str) -> str:
    """Return a text without its differences of case, width and compatibility, and with «ё» as «е»."""
    plain = text.replace("\0", " ")  # which PostgreSQL takes in no text
    return " ".join(unicodedata.normalize("NFKC", plain).casefold().replace("ё", "е").split())


def search_text(*, name: str, category: str, titles: Iterable[str] = ()) -> str:
    """Return what is kept beside a service for searches: a line for each of its names and its category's.

    `titles` are the operator's own names of both; those left blank say nothing.
    """
    return "\n".join([folded(name), folded(category), *(folded(title) for title in titles if title)])


def matching(query: str) -> Q:
    """Return the condition that a service contains every word of a query in its name or category.

    A number is also looked for as the service's own id. At most 200 characters and 10 words count.
    """
    condition = Q()
    for word in folded(query[:MAX_CHARACTERS]).split()[:MAX_WORDS]:
        found = Q(search_text__contains=word)
        if word.isascii() and word.isdigit() and len(word) <= MAX_ID_DIGITS:
            found |= Q(pk=int(word))
        condition &= found
    return condition

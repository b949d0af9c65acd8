"""Counting for the desk: many things by one statement, none of them beyond what a person needs to know."""

from collections.abc import Mapping
from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery

from accounts.models import User

MOST = 1000
"""Counted up to here; more is shown as "1,000+"."""


class Counted(Subquery):
    """How many rows a query finds, up to one more than `MOST`: it stops there, however many there are."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: MOST + 1])


def counts_of(rows: Mapping[str, QuerySet[Any]], *, asked_by: User) -> dict[str, int]:
    """Return how many rows each query finds, at most one more than `MOST`, by one statement."""
    if not rows:
        return {}
    # A statement needs a row to be about: whoever asks is surely there.
    found = User.objects.filter(pk=asked_by.pk).values_list(*(Counted(query) for query in rows.values()))
    return dict(zip(rows, found.get(), strict=True))

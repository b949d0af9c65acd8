"""What lists in admin share: records that nobody edits, and tables that grow without end."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import cached_property

PageT = TypeVar("PageT")
RowT = TypeVar("RowT", bound=Model)


class ReadOnly:
    """Refuses every change: such rows are written by rules only."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


class NewestPaginator(Paginator[Any]):
    """Pages through the first 10,000 rows: counting millions takes longer than showing them.

    What lies deeper is found by a search or a filter.
    """

    most = 10_000

    @cached_property
    def count(self) -> int:
        """How many rows there are to page through."""
        rows: Any = self.object_list[: self.most]
        return int(rows.count())


class LongList:
    """A list of a table that grows without end: newest first, never counted whole, sorted by nothing else."""

    ordering = ("-id",)
    sortable_by = ("id",)
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = NewestPaginator


def asked_once(column: Callable[[PageT, RowT], str]) -> Callable[[PageT, RowT], str]:
    """Let a column that asks the database be made once for each row: unfold's forms ask for it five times."""
    name = f"_shown_{column.__name__}"

    @wraps(column)
    def shown(page: PageT, row: RowT) -> str:
        if name not in row.__dict__:
            row.__dict__[name] = column(page, row)
        made: str = row.__dict__[name]
        return made

    return shown

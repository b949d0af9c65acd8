"""Pages as a browser without scripts sees them."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import User


class Browser(Client):
    """A browser that reads one language, signed in as `user` where one is given."""

    def __init__(self, user: User | None = None, language: str = "en", **more: Any) -> None:
        super().__init__(headers={"Accept-Language": language}, **more)
        if user is not None:
            self.force_login(user)

    def request(self, **request: Any) -> Any:
        """Ask, and leave no language active behind: the next test would speak it."""
        try:
            return super().request(**request)
        finally:
            translation.deactivate()


def html(answer: HttpResponse) -> str:
    """Return a page's HTML with entities read, and blanks in a row (no-break ones too) as one blank."""
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def text(answer: HttpResponse) -> str:
    """Return what a page says: its HTML without tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(bare))


def inputs(answer: HttpResponse, form: str) -> dict[str, str]:
    """Return the names and values of the inputs of the form with this id."""
    found = re.search(rf'<form\b[^>]*\bid="{form}".*?</form>', answer.content.decode(), re.DOTALL)
    assert found, f"no form {form}"
    values = {}
    for tag in re.findall(r"<input\b[^>]*>", found[0]):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        values[attributes["name"]] = unescape(attributes.get("value", ""))
    return values


def queries_of(ask: Callable[[], HttpResponse]) -> int:
    """Return how many queries a page makes."""
    with CaptureQueriesContext(connection) as asked:
        assert ask().status_code == 200
    return len(asked)


def found(model: type[Any], term: str) -> QuerySet[Any]:
    """Return what a search in admin for `term` asks the database."""
    rows, may_repeat = admin.site.get_model_admin(model).get_search_results(
        HttpRequest(), model.objects.all(), term
    )
    assert not may_repeat
    return rows

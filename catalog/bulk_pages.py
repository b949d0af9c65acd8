"""Admin's actions on many services, found by a filter or chosen one by one: each asks before it acts.

The page that asks is sent to the same address, filters included, with the choice as it was and `confirmed`.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.models import User
from catalog.bulk import MOST, PRICE_RIGHTS, TooMany, chosen_of, hide, move, preview_markup, set_markups
from catalog.bulk_forms import MarkupForm, MoveForm
from catalog.models import Service
from catalog.previewing import Preview
from catalog.price_words import losing_table, summary_of, table_of
from catalog.pricing import Unseen, WouldLose

Services = QuerySet[Service]


class BulkPages(ModelAdmin):  # type: ignore[misc]
    """What the admin of services does to many of them."""

    def has_price_permission(self, request: HttpRequest) -> bool:
        """Let those set markups who may change price rules."""
        return request.user.has_perms(PRICE_RIGHTS)

    @admin.action(description=_("Set the markup…"), permissions=["price"])
    def set_markup(self, request: HttpRequest, queryset: Services) -> HttpResponse:
        """Take a markup, show what it changes, and set it."""
        services = self._chosen(request, queryset)
        if services is None:
            return redirect(request.get_full_path())
        form = MarkupForm(_typed(request, "percent"))
        if not form.is_valid():
            return self._ask(request, services, form=form, title=gettext("Set the markup"))
        percent = form.cleaned_data["percent"]
        confirmed = request.POST.get("confirmed")
        try:
            if confirmed is None:
                raise Unseen(preview_markup(services, percent))
            count = set_markups(services, percent, seen=confirmed)
        except (Unseen, WouldLose) as error:
            return self._preview(request, services, error.preview)
        self._say(request, ngettext("%s rule is changed.", "%s rules are changed.", count), count)
        return redirect(request.get_full_path())

    @admin.action(description=_("Hide…"), permissions=["change"])
    def hide(self, request: HttpRequest, queryset: Services) -> HttpResponse:
        """Take services off the price list."""
        return self._confirmed(
            request,
            queryset,
            title=gettext("Hide services"),
            lines=[gettext("Customers see and order them no more, until they are shown again.")],
            do=lambda services, user: hide(services, is_hidden=True, actor=user),
            done=lambda count: ngettext("%s service is hidden.", "%s services are hidden.", count),
        )

    @admin.action(description=_("Show again…"), permissions=["change"])
    def show(self, request: HttpRequest, queryset: Services) -> HttpResponse:
        """Put services back on the price list."""
        return self._confirmed(
            request,
            queryset,
            title=gettext("Show services again"),
            lines=[gettext("Customers can order those that nothing else keeps from being sold.")],
            do=lambda services, user: hide(services, is_hidden=False, actor=user),
            done=lambda count: ngettext("%s service is shown again.", "%s services are shown again.", count),
        )

    @admin.action(description=_("Move to a category…"), permissions=["change"])
    def move(self, request: HttpRequest, queryset: Services) -> HttpResponse:
        """Put services into a category of the operator's choice."""
        form = MoveForm(_typed(request, "category"))
        if not form.is_valid():
            services = self._chosen(request, queryset)
            if services is None:
                return redirect(request.get_full_path())
            return self._ask(request, services, form=form, title=gettext("Move to a category"))
        category = form.cleaned_data["category"]
        return self._confirmed(
            request,
            queryset,
            title=gettext("Move to “%(name)s”") % {"name": category},
            lines=[
                gettext("Catalogues leave them there."),
                gettext("Their prices follow the rules that speak of this category, if there are any."),
            ],
            do=lambda services, user: move(services, category),
            done=lambda count: ngettext("%s service is moved.", "%s services are moved.", count),
        )

    def _confirmed(
        self,
        request: HttpRequest,
        queryset: Services,
        *,
        title: str,
        lines: list[str],
        do: Callable[[Services, User], int],
        done: Callable[[int], str],
    ) -> HttpResponse:
        """Ask, with how many services it is about; once that is confirmed, do it."""
        services = self._chosen(request, queryset)
        if services is None or not isinstance(request.user, User):
            return redirect(request.get_full_path())
        mark = _mark_of(services)
        confirmed = request.POST.get("confirmed")
        if confirmed != mark:
            context: dict[str, Any] = {
                "lines": [*lines, _how_many(services)],
                "title": title,
                "button": title,
            }
            context["changed_meanwhile"] = confirmed is not None
            return self._page(request, hidden=[("confirmed", mark)], **context)
        count = do(services, request.user)
        self._say(request, done(count), count)
        return redirect(request.get_full_path())

    def _chosen(self, request: HttpRequest, queryset: Services) -> Services | None:
        try:
            return chosen_of(queryset)
        except TooMany as error:
            said = gettext(
                "%(count)s services are chosen; at most %(most)s are changed at once. Use the filters."
            )
            words = {"count": number_format(error.count), "most": number_format(MOST)}
            self.message_user(request, said % words, messages.ERROR)
            return None

    def _ask(self, request: HttpRequest, services: Services, *, form: forms.Form, title: str) -> HttpResponse:
        lines = [_how_many(services)]
        return self._page(request, form=form, lines=lines, title=title, button=gettext("Continue…"))

    def _preview(self, request: HttpRequest, services: Services, would: Preview) -> HttpResponse:
        title = gettext("What the markup changes")
        return self._page(
            request,
            hidden=[("confirmed", would.mark)],
            title=title,
            button=gettext("Set the markup"),
            lines=[_how_many(services), *summary_of(would)],
            table=table_of(would),
            more=would.changed - len(would.rows),
            losing=losing_table(would) if would.losing_count else None,
            losing_count=would.losing_count,
            losing_more=would.losing_count - len(would.losing),
            changed_meanwhile="confirmed" in request.POST,
        )

    def _page(
        self, request: HttpRequest, *, hidden: Sequence[tuple[str, str]] = (), **context: Any
    ) -> HttpResponse:
        form = context.get("form")
        filled_in = set(form.fields) if form is not None else set()
        kept = _choice(request, without=filled_in)
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "hidden": [*kept, *hidden],
            "back": request.get_full_path(),
            "media": self.media + (form.media if form is not None else forms.Media()),
            **context,
        }
        return TemplateResponse(request, "admin/catalog/service/bulk.html", whole)

    def _say(self, request: HttpRequest, text: str, count: int) -> None:
        self.message_user(request, text % number_format(count), messages.SUCCESS)


def _typed(request: HttpRequest, field: str) -> Any:
    """Return what was filled in; None where the form is asked for the first time."""
    return request.POST if field in request.POST else None


def _choice(request: HttpRequest, *, without: set[str]) -> list[tuple[str, str]]:
    """Return what names the action and the services, and what was filled in before, to be sent again."""
    kept = ("action", "select_across", ACTION_CHECKBOX_NAME, "percent", "drop", "category")
    across = request.POST.get("select_across") == "1"
    return [
        (name, value)
        for name in kept
        if name not in without and not (across and name == ACTION_CHECKBOX_NAME)
        for value in request.POST.getlist(name)
    ] + ([(ACTION_CHECKBOX_NAME, "0")] if across else [])


def _mark_of(services: Services) -> str:
    """Return what stands for these very services: a filter may find others by the time of the answer."""
    found = list(services.order_by("pk").values_list("pk", flat=True))
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _how_many(services: Services) -> str:
    count = services.count()
    said = ngettext("%s service is chosen.", "%s services are chosen.", count)
    return said % number_format(count)

"""What an operator does to a provider that is to send nothing, or to go on: actions of the list, and pages.

A page says what happens to orders and money, and does it by POST; both call the rules of `halting.py`.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action

from accounts.requests import row_number
from catalog.fault_words import halt_in_words
from catalog.halting import BY_HAND, halt, resume
from catalog.models import Provider


class HaltingPages(ModelAdmin):  # type: ignore[misc]
    """Halting a provider and letting it go on, for the admin of providers."""

    actions_detail = ("resume_page", "halt_page")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """Offer, of both, what can be done with this provider now."""
        provider = Provider.objects.defer("key").filter(pk=row_number(object_id) or 0).first()
        offered = "halt_page" if provider is None or provider.halted_at is None else "resume_page"
        allowed = super().get_actions_detail(request, object_id)
        return [each for each in allowed if each.action_name.endswith(offered)]

    @admin.action(description=_("Let go on after a halt"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        """End the halts."""
        for provider in queryset:
            self._resume(request, provider)

    @admin.action(description=_("Halt: send nothing, keep the orders waiting"), permissions=["change"])
    def halt_by_hand(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        """Halt until a person lets them go on."""
        for provider in queryset:
            self._halt(request, provider)

    @action(description=_("Let go on…"), permissions=["change"], url_path="resume", icon="play_arrow")  # type: ignore[untyped-decorator]
    def resume_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End one provider's halt."""
        provider, title = self._provider(request, object_id), gettext("Let the provider go on")
        if request.method == "POST":
            self._resume(request, provider)
            return redirect(_page_of(provider))
        if provider.halted_at is None:
            said = gettext("%s was not halted.") % provider
            return self._confirm(request, provider, title=title, lines=[said])
        words = {"provider": provider}
        lines: list[str] = [
            format_html("{}: {}", provider, halt_in_words(provider)),
            gettext("The orders that wait for %(provider)s are sent at once. No money moves by that.")
            % words,
            gettext("If %(provider)s refuses them as before, it is halted again.") % words,
        ]
        button = gettext("Yes, let it go on")
        return self._confirm(request, provider, title=title, lines=lines, button=button)

    @action(description=_("Halt…"), permissions=["change"], url_path="halt", icon="pause")  # type: ignore[untyped-decorator]
    def halt_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Halt one provider until a person lets it go on."""
        provider, title = self._provider(request, object_id), gettext("Halt the provider")
        if request.method == "POST":
            self._halt(request, provider)
            return redirect(_page_of(provider))
        if provider.halted_at is not None:
            halted = format_html("{}: {}", provider, halt_in_words(provider))
            return self._confirm(request, provider, title=title, lines=[halted])
        lines = [
            gettext("Nothing is sent to %(provider)s until a person lets it go on.") % {"provider": provider},
            gettext("Orders that are not sent yet wait, and stay paid. New ones are taken, and wait too."),
            gettext("It is asked about the orders that it has, as before."),
        ]
        button = gettext("Yes, halt it")
        return self._confirm(request, provider, title=title, lines=lines, button=button)

    def _provider(self, request: HttpRequest, object_id: str) -> Provider:
        provider: Provider | None = self.get_object(request, object_id)
        if provider is None:
            raise Http404
        return provider

    def _confirm(
        self, request: HttpRequest, provider: Provider, *, title: str, lines: Sequence[str], button: str = ""
    ) -> HttpResponse:
        """Say what will happen, and offer to do it; without `button`, only say how it is."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": provider,
            "title": title,
            "lines": lines,
            "button": button,
            "back": _page_of(provider),
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def _resume(self, request: HttpRequest, provider: Provider) -> None:
        if resume(provider):
            self.message_user(request, gettext("%s: its orders are sent again.") % provider)
        else:
            self.message_user(request, gettext("%s was not halted.") % provider)

    def _halt(self, request: HttpRequest, provider: Provider) -> None:
        if halt(provider, rule=BY_HAND, text=f"halted by {request.user}"):
            self.message_user(request, gettext("%s is halted.") % provider)
        else:
            self.message_user(request, gettext("%s was halted before.") % provider)


def _page_of(provider: Provider) -> str:
    return reverse("admin:catalog_provider_change", args=[provider.pk])

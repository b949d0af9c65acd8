"""The record of what staff changed, in admin: read by those who may, changed by nobody."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from auditlog.models import LogEntry
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.models import User
from accounts.requests import row_number
from operations.encryption import EncryptedTextField
from panel.recorded import RECORDED
from wallet.admin import LINK, LongList, ReadOnly, short, user_id_of

MOST_STAFF = 100

admin.site.unregister(LogEntry)


class ActorFilter(admin.SimpleListFilter):
    """By whom; of staff, who are few."""

    title = _("by")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the members of staff."""
        staff = User.objects.filter(is_staff=True).order_by("email")[:MOST_STAFF]
        return [(str(user.pk), user.email) for user in staff]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        """Keep what one did."""
        return queryset.filter(actor=row_number(self.value() or "") or 0) if self.value() else queryset


class KindFilter(admin.SimpleListFilter):
    """Of what kind the thing is."""

    title = _("what")
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what is recorded."""
        kinds = ((name.lower(), apps.get_model(name)) for name in (*RECORDED, "operations.Alert"))
        return [(name, capfirst(str(model._meta.verbose_name))) for name, model in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        """Keep one kind."""
        app, _, model = (self.value() or "").partition(".")
        if not model:
            return queryset
        # By the kind's number, which meets an index.
        kind = ContentType.objects.filter(app_label=app, model=model).values_list("pk", flat=True).first()
        return queryset.filter(content_type=kind or 0)


@admin.register(LogEntry)
class RecordAdmin(LongList, ReadOnly, ModelAdmin):  # type: ignore[misc]
    """What staff changed, newest first, with old and new values."""

    list_display = ("id", "shown_at", "shown_actor", "action", "shown_kind", "shown_object", "shown_changes")
    list_filter = (ActorFilter, KindFilter, "action", "timestamp")
    list_select_related = ("content_type", "actor")
    search_fields = ("object_id",)  # offers the search; what it does is in get_search_results
    search_help_text = _("The number of the thing that was changed, or a user's whole e-mail address.")
    fields = ("shown_at", "shown_actor", "action", "shown_kind", "shown_object", "shown_values")
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LogEntry], search_term: str
    ) -> tuple[QuerySet[LogEntry], bool]:
        """Search by number, which is indexed: of whatever kind, or of a user."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            user = ContentType.objects.get_for_model(User)
            return queryset.filter(content_type=user, object_id=user_id_of(term)), False
        return queryset.filter(object_id=row_number(term) or 0), False

    @admin.display(description=_("at"))
    def shown_at(self, entry: LogEntry) -> str:
        """Say when."""
        return short(entry.timestamp)

    @admin.display(description=_("by"))
    def shown_actor(self, entry: LogEntry) -> str:
        """Say who did it, by the address of then."""
        return entry.actor_email or (str(entry.actor) if entry.actor else "—")

    @admin.display(description=_("what"))
    def shown_kind(self, entry: LogEntry) -> str:
        """Say of what kind it is."""
        model = entry.content_type.model_class()
        return str(model._meta.verbose_name) if model else entry.content_type.model

    @admin.display(description=_("which"))
    def shown_object(self, entry: LogEntry) -> str:
        """Name it as it was named then, with a link to what it is now."""
        name, kind = Truncator(entry.object_repr).chars(60), entry.content_type
        try:
            page = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_pk])
        except NoReverseMatch:
            return name
        return format_html('<a class="{}" href="{}">{}</a>', LINK, page, name)

    @admin.display(description=_("changes"))
    def shown_changes(self, entry: LogEntry) -> str:
        """Show the changes' beginning."""
        return Truncator("; ".join(" ".join(line) for line in lines_of(entry))).chars(120) or "—"

    @admin.display(description=_("changes"))
    def shown_values(self, entry: LogEntry) -> str:
        """Show each change on a line of its own, and rows that it names by their names of today."""
        return format_html_join("", '<div class="break-all">{} {}</div>', lines_of(entry, _named)) or "—"


def _shown(field: Any, value: str) -> str:
    """Show a value; of another row, its number."""
    return "—" if value in ("", "None") else value


def _named(field: Any, value: str) -> str:
    """Show a value; of another row, its name, which costs a query."""
    if not getattr(field, "many_to_one", False) or not row_number(value):
        return _shown(field, value)
    secrets = [each.name for each in field.related_model._meta.fields if isinstance(each, EncryptedTextField)]
    row = field.related_model._base_manager.defer(*secrets).filter(pk=value).first()
    return value if row is None else str(row)


def lines_of(entry: LogEntry, show: Callable[[Any, str], str] = _shown) -> list[tuple[str, str]]:
    """Return what an entry records, line by line: of what, and what became of it."""
    model = entry.content_type.model_class()
    fields = {field.name: field for field in model._meta.get_fields()} if model else {}
    lines = []
    for name, change in sorted((entry.changes or {}).items()):
        field = fields.get(name)
        lines.append((f"{getattr(field, 'verbose_name', name)}:", _became(change, partial(show, field))))
    look = (entry.additional_data or {}).get("look")
    if look == "begun":
        until = short(datetime.fromisoformat(entry.additional_data["until"]))
        lines.append((gettext("Looked at the site as this customer,"), gettext("until %s at most") % until))
    elif look == "ended":
        lines.append((gettext("Looked at the site as this customer:"), gettext("ended")))
    return lines


def _became(change: Any, show: Callable[[str], str]) -> str:
    if isinstance(change, dict):  # of a list of things: which came, or went
        sign = "+" if change.get("operation") == "add" else "−"
        return ", ".join(f"{sign} {name}" for name in change.get("objects", ()))
    old, new = (show(value) for value in change)
    return f"{old} → {new}"

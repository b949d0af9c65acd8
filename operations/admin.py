"""Alerts in admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from operations.models import Alert


@admin.register(Alert)
class AlertAdmin(ModelAdmin):  # type: ignore[misc]
    """What needs a person, newest first; closed when it was seen to."""

    list_display = ("kind", "cause", "text", "times", "first_at", "last_at", "closed_at")
    list_filter = ("kind", ("closed_at", admin.EmptyFieldListFilter), "last_at")
    search_fields = ("cause", "text")
    show_full_result_count = False
    actions = ("close",)

    @admin.action(description=_("Close: it was seen to"), permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Close the alerts chosen."""
        count = queryset.filter(closed_at=None).update(closed_at=timezone.now())
        self.message_user(request, ngettext("%d alert closed.", "%d alerts closed.", count) % count)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: alerts are raised by the site."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse edits: an alert is closed, not rewritten."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: what happened stays known."""
        return False

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Let those close alerts who may change them."""
        return request.user.has_perm("operations.change_alert")

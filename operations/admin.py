"""Alerts in admin, and what they go by: channels, jobs, the site's state."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from accounts.admin_lists import NewestPaginator
from accounts.recording import update_recorded
from operations.channels_admin import AlertChannelAdmin, AlertDeliveryAdmin
from operations.jobs_admin import JobRunAdmin
from operations.linking import page_of
from operations.models import Alert, AlertChannel, AlertDelivery, JobRun, SiteState
from operations.state_admin import SiteStateAdmin
from operations.wording import words_of

admin.site.register(AlertChannel, AlertChannelAdmin)
admin.site.register(AlertDelivery, AlertDeliveryAdmin)
admin.site.register(JobRun, JobRunAdmin)
admin.site.register(SiteState, SiteStateAdmin)


@admin.register(Alert)
class AlertAdmin(ModelAdmin):  # type: ignore[misc]
    """What needs a person, newest first; closed when it was seen to."""

    list_display = ("kind", "shown_cause", "shown_text", "times", "first_at", "last_at", "closed_at")
    fields = (*list_display, "mailed_at")
    list_filter = ("kind", ("closed_at", admin.EmptyFieldListFilter), "last_at")
    search_fields = ("cause", "text")
    show_full_result_count = False
    paginator = NewestPaginator
    actions = ("close",)

    class Media:
        css = {"all": ("css/admin-alerts.css",)}

    @admin.display(description=_("about"), ordering="cause")
    def shown_cause(self, alert: Alert) -> str:
        """Lead to what the alert is about."""
        page = page_of(alert)
        if not page:
            return alert.cause
        style = "text-primary-600 dark:text-primary-500"
        return format_html('<a class="{}" href="{}">{}</a>', style, page, alert.cause)

    @admin.display(description=_("text"), ordering="text")
    def shown_text(self, alert: Alert) -> str:
        """Say it in the reader's language."""
        return words_of(alert)

    @admin.action(description=_("Close: it was seen to"), permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Close the alerts chosen."""
        count = update_recorded(queryset.filter(closed_at=None), closed_at=timezone.now())
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

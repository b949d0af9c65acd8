"""Whether the site takes orders, in admin: one page for one row."""

from solo.admin import SingletonModelAdmin
from unfold.admin import ModelAdmin


class SiteStateAdmin(SingletonModelAdmin, ModelAdmin):  # type: ignore[misc]
    """Maintenance: orders stop on this page's word."""

    # Unfold's own: solo's leads to a list that is not there.
    change_form_template = "admin/change_form.html"
    fields = ("takes_orders", "reason_ru", "reason_en", "changed_at")
    readonly_fields = ("changed_at",)

"""What the operator tells customers, in admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action

from accounts.models import User
from support.errors import NothingToPublish
from support.models import Announcement, Dismissal, Page, TermsAcceptance, TermsVersion
from support.pages import address_of
from support.terms import publish


class Record(ModelAdmin):  # type: ignore[misc]
    """Rows that rules write, and nobody by hand."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


class WhenFilter(admin.SimpleListFilter):
    """Tells what is announced now from what was and what will be."""

    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:
        """Offer the three."""
        return [("now", _("Now")), ("later", _("Later")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Announcement]) -> QuerySet[Announcement]:
        """Keep one of them."""
        now = timezone.now()
        kept = {
            "now": Q(ends_at=None, starts_at__lte=now) | Q(ends_at__gt=now, starts_at__lte=now),
            "later": Q(starts_at__gt=now),
            "over": Q(ends_at__lte=now),
        }
        return queryset.filter(kept.get(str(self.value()), Q()))


@admin.register(Announcement)
class AnnouncementAdmin(ModelAdmin):  # type: ignore[misc]
    """News: for whom, from when, until when."""

    list_display = ("__str__", "group", "starts_at", "ends_at", "can_dismiss")
    list_filter = (WhenFilter,)
    list_select_related = ("group",)
    search_fields = ("title_ru", "title_en")
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("title_ru", "text_ru", "title_en", "text_en")}),
        (_("To whom, and when"), {"fields": ("group", "starts_at", "ends_at", "can_dismiss")}),
    )


@admin.register(Dismissal)
class DismissalAdmin(Record):
    """Who has read what."""

    list_display = ("announcement", "customer", "at")
    list_select_related = ("announcement", "customer")
    search_fields = ("customer__email",)
    ordering = ("-id",)


@admin.register(Page)
class PageAdmin(ModelAdmin):  # type: ignore[misc]
    """The site's own pages; the terms are published from theirs."""

    list_display = ("__str__", "slug", "position", "is_shown", "changed_at")
    list_editable = ("position", "is_shown")
    list_filter = ("is_shown",)
    search_fields = ("slug", "title_ru", "title_en")
    show_full_result_count = False
    readonly_fields = ("changed_at",)
    actions_submit_line = ("publish_terms",)
    fieldsets = (
        (None, {"fields": ("slug", "position", "is_shown", "changed_at")}),
        (_("In Russian"), {"fields": ("title_ru", "text_ru")}),
        (_("In English"), {"fields": ("title_en", "text_en")}),
    )

    def view_on_site(self, obj: Page) -> str:
        """Return where the page is seen as it is saved: of the terms, the draft."""
        return f"{address_of(obj)}?draft" if obj.slug == Page.TERMS else address_of(obj)

    def has_publish_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Let those publish who may add a version. Unfold would look a right's name up in the database."""
        return request.user.has_perm("support.add_termsversion")

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Offer to publish the terms, and nothing else."""
        is_terms = Page.objects.filter(pk=object_id, slug=Page.TERMS).exists()
        return super().get_actions_submit_line(request, object_id) if is_terms else []

    @action(  # type: ignore[untyped-decorator]
        description=_("Publish, to be accepted again"),
        permissions=["publish"],
    )
    def publish_terms(self, request: HttpRequest, obj: Page) -> None:
        """Publish by the rule, after the draft was saved."""
        if not isinstance(request.user, User):
            return
        try:
            version = publish(actor=request.user)
        except NothingToPublish:
            refusal = _("Nothing was published: there is no text, or it is the same as the version in force.")
            self.message_user(request, refusal, messages.ERROR)
        else:
            said = _("Version %(id)s of the terms is in force: customers accept it before they order.")
            self.message_user(request, said % {"id": version.pk})


@admin.register(TermsVersion)
class TermsVersionAdmin(Record):
    """The terms as they stood."""

    list_display = ("id", "published_at", "published_by")
    list_select_related = ("published_by",)


@admin.register(TermsAcceptance)
class TermsAcceptanceAdmin(Record):
    """Who accepted which version, and when."""

    list_display = ("customer", "version", "at", "language")
    list_filter = (("version", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("customer", "version")
    search_fields = ("customer__email",)
    search_help_text = _("A customer's e-mail address.")

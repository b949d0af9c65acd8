"""What the operator tells customers: announcements, pages, and the terms they accept."""

from django.conf import settings
from django.core.validators import validate_slug
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import CustomerGroup


class Announcement(models.Model):
    """News for customers: for a time, for a group, until they dismiss it."""

    title_ru = models.CharField(_("title in Russian"), max_length=200, blank=True)
    title_en = models.CharField(_("title in English"), max_length=200, blank=True)
    text_ru = models.TextField(_("text in Russian"), max_length=5000, blank=True, help_text=_("Markdown."))
    text_en = models.TextField(_("text in English"), max_length=5000, blank=True, help_text=_("Markdown."))
    starts_at = models.DateTimeField(_("from"), default=timezone.now)
    ends_at = models.DateTimeField(
        _("to"), null=True, blank=True, help_text=_("Empty: until it is taken off.")
    )
    group = models.ForeignKey(
        CustomerGroup,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="announcements",
        verbose_name=_("customer group"),
        help_text=_("Empty: everybody."),
    )
    can_dismiss = models.BooleanField(_("can be dismissed"), default=True)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ("-starts_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="support_announcement_ends_after_start",
                violation_error_message=_("It ends before it begins."),
            ),
            models.CheckConstraint(
                condition=~Q(title_ru="", title_en=""),
                name="support_announcement_has_title",
                violation_error_message=_("Enter a title in one language at least."),
            ),
        ]
        indexes = [models.Index(fields=["-starts_at", "-id"], name="support_announcement_newest")]

    def __str__(self) -> str:
        return self.title_ru or self.title_en


class Dismissal(models.Model):
    """That a customer has read an announcement and wants it no more."""

    announcement = models.ForeignKey(
        Announcement, on_delete=models.CASCADE, related_name="dismissals", db_index=False
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="dismissals", db_index=False
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("dismissal")
        verbose_name_plural = _("dismissals")
        constraints = [
            models.UniqueConstraint(fields=["customer", "announcement"], name="support_dismissal_once"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.announcement_id}"


class Page(models.Model):
    """A page of the site's own: questions, contacts, terms."""

    TERMS = "terms"

    slug = models.SlugField(
        _("address"),
        max_length=50,
        unique=True,
        validators=[validate_slug],
        help_text=_("The end of its address: faq makes /pages/faq/."),
    )
    title_ru = models.CharField(_("title in Russian"), max_length=200, blank=True)
    title_en = models.CharField(_("title in English"), max_length=200, blank=True)
    text_ru = models.TextField(_("text in Russian"), max_length=100_000, blank=True, help_text=_("Markdown."))
    text_en = models.TextField(_("text in English"), max_length=100_000, blank=True, help_text=_("Markdown."))
    position = models.PositiveIntegerField(_("position"), default=0)
    is_shown = models.BooleanField(_("shown"), default=True, help_text=_("In the foot of each page."))
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)

    class Meta:
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        ordering = ("position", "slug")
        constraints = [
            models.CheckConstraint(
                condition=~Q(title_ru="", title_en=""),
                name="support_page_has_title",
                violation_error_message=_("Enter a title in one language at least."),
            ),
        ]

    def __str__(self) -> str:
        return self.title_ru or self.title_en


class TermsVersion(models.Model):
    """The terms as they stood when customers were asked to accept them: kept as they were."""

    text_ru = models.TextField(_("text in Russian"), blank=True)
    text_en = models.TextField(_("text in English"), blank=True)
    published_at = models.DateTimeField(_("published at"), default=timezone.now)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )

    class Meta:
        verbose_name = _("version of the terms")
        verbose_name_plural = _("versions of the terms")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.pk} · {self.published_at:%Y-%m-%d}"


class TermsAcceptance(models.Model):
    """That a customer accepted a version of the terms."""

    version = models.ForeignKey(
        TermsVersion, on_delete=models.PROTECT, related_name="acceptances", verbose_name=_("version")
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="terms_accepted",
        db_index=False,
        verbose_name=_("customer"),
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    language = models.CharField(_("read in"), max_length=10)

    class Meta:
        verbose_name = _("acceptance of the terms")
        verbose_name_plural = _("acceptances of the terms")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["customer", "version"], name="support_acceptance_once"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.version_id}"

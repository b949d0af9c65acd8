"""Copies of catalogues."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from catalog.models.provider import Provider


class SyncRun(models.Model):
    """One copy of a provider's catalogue: what it changed, or why it changed nothing."""

    class Outcome(models.TextChoices):
        """How a run ended."""

        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused: the catalogue looks wrong")
        FAILED = "failed", _("Failed: no catalogue came")

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="sync_runs", verbose_name=_("provider")
    )
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    text = models.CharField(_("why"), max_length=500, blank=True)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    gone = models.PositiveIntegerField(_("gone"), default=0)
    back = models.PositiveIntegerField(_("back"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    held = models.PositiveIntegerField(
        _("held"),
        default=0,
        help_text=_("Not sold until somebody looked at them: new, dearer, or banned words."),
    )
    skipped = models.JSONField(
        _("skipped"), default=list, blank=True, help_text=_("Rows that could not be read.")
    )

    class Meta:
        verbose_name = _("catalogue run")
        verbose_name_plural = _("catalogue runs")
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        return f"{self.provider} {self.started_at:%Y-%m-%d %H:%M} {self.get_outcome_display()}"

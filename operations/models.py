"""What staff must know: alerts and where they go, runs of periodic jobs, whether orders are taken."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from solo.models import SingletonModel

from operations.encryption import EncryptedTextField


class Alert(models.Model):
    """Something that needs a person: one open row per kind and cause, however often it happens."""

    class Kind(models.TextChoices):
        """What kinds of trouble raise an alert."""

        PROVIDER_HALTED = "provider_halted", _("Provider halted")
        CATALOGUE_REFUSED = "catalogue_refused", _("Catalogue refused")
        SERVICE_STOPPED = "service_stopped", _("Service stopped")
        ORDER_UNCERTAIN = "order_uncertain", _("Order uncertain")
        ORDER_HELD = "order_held", _("Order held")
        ORDER_UNREADABLE = "order_unreadable", _("Order's answer unreadable")
        ORDERS_OVERDUE = "orders_overdue", _("Orders not sent in time")
        MONEY_WRONG = "money_wrong", _("Books do not agree")
        LOW_BALANCE = "low_balance", _("Provider's balance is low")
        RATE_OLD = "rate_old", _("Exchange rate is old")
        RATES_NOT_TAKEN = "rates_not_taken", _("Exchange rates not taken")
        PRICE_BELOW_COST = "price_below_cost", _("Price below cost")
        JOB_LATE = "job_late", _("Job is late")
        JOB_FAILED = "job_failed", _("Job failed")
        STAFF_LOGIN_FAILED = "staff_login_failed", _("Failed logins of staff")

    kind = models.CharField(_("kind"), max_length=40, choices=Kind.choices)
    cause = models.CharField(
        _("cause"), max_length=200, help_text=_("What it is about, for example provider:1.")
    )
    text = models.TextField(_("text"), help_text=_("With %(name)s where `params` stand in."))
    params = models.JSONField(_("what stands in the text"), default=dict, blank=True)
    times = models.PositiveIntegerField(_("times"), default=1)
    first_at = models.DateTimeField(_("first at"))
    last_at = models.DateTimeField(_("last at"))
    mailed_at = models.DateTimeField(_("mailed at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ("-last_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "cause"],
                condition=models.Q(closed_at__isnull=True),
                name="operations_alert_one_open_per_cause",
            ),
        ]
        indexes = [
            # The list in admin, newest first.
            models.Index(fields=["-last_at", "-id"], name="operations_alert_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.cause}"


class AlertChannel(models.Model):
    """Where alerts go besides e-mail: an address that Apprise knows (Telegram, Slack, …)."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    address = EncryptedTextField(_("Apprise address"))
    kinds = models.JSONField(
        _("kinds"), default=list, blank=True, help_text=_("Which kinds of alerts; none chosen: all.")
    )
    is_on = models.BooleanField(_("on"), default=True)
    since = models.DateTimeField(
        _("since"),
        default=timezone.now,
        editable=False,
        help_text=_("When it was switched on, or got its address: what happened before is not sent to it."),
    )
    failed_at = models.DateTimeField(
        _("failed at"), null=True, blank=True, editable=False, help_text=_("Empty: the last message arrived.")
    )
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class AlertDelivery(models.Model):
    """When an alert went to a channel last: each channel has its own hour for each alert."""

    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, related_name="deliveries", db_index=False, verbose_name=_("alert")
    )
    channel = models.ForeignKey(
        AlertChannel, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("alert channel")
    )
    sent_at = models.DateTimeField(_("sent at"))

    class Meta:
        verbose_name = _("alert's delivery")
        verbose_name_plural = _("alerts' deliveries")
        ordering = ("-id",)
        constraints = [
            # Also serves the look at when an alert was sent.
            models.UniqueConstraint(fields=["alert", "channel"], name="operations_alertdelivery_once"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.channel_id}"


class JobRun(models.Model):
    """A run of a periodic job: for each job its latest, written over in place, and those that failed."""

    class Outcome(models.TextChoices):
        """How a run ended."""

        EXPECTED = "expected", _("Not run yet")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    task = models.CharField(_("job"), max_length=200)
    run_id = models.CharField(_("message"), max_length=100, blank=True)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    before_at = models.DateTimeField(_("the run before started at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    error = models.CharField(_("error"), max_length=500, blank=True)
    worker = models.CharField(_("worker"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("jobs")
        ordering = ("-started_at", "-id")
        constraints = [
            # Two workers that begin the same job for the first time make one row.
            models.UniqueConstraint(
                fields=["task"],
                condition=~models.Q(outcome="failed"),
                name="operations_jobrun_one_latest",
            ),
        ]
        indexes = [
            # Each job's newest run, and its failures to be dropped.
            models.Index(fields=["task", "-started_at"], name="operations_jobrun_of_task"),
            # The list in admin, the last sign of a worker, and the sweep.
            models.Index(fields=["-started_at", "-id"], name="operations_jobrun_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.started_at:%Y-%m-%d %H:%M:%S}"


class SiteState(SingletonModel):
    """Whether the site takes orders: one row."""

    takes_orders = models.BooleanField(
        _("takes orders"),
        default=True,
        help_text=_("Off: maintenance. Nobody can order; what was ordered goes on, and so does reading."),
    )
    reason_ru = models.CharField(_("what customers read, in Russian"), max_length=500, blank=True)
    reason_en = models.CharField(_("what customers read, in English"), max_length=500, blank=True)
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)

    class Meta:
        verbose_name = _("site's state")
        verbose_name_plural = _("site's state")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

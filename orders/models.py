"""Orders, the calls made for them, and what happened to them."""

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models import Provider, Service
from money.fields import MoneyField
from orders.links import LinkStart


class Order(models.Model):
    """A customer's order: written and paid for in one transaction, then forwarded, polled and ended."""

    class Status(models.TextChoices):
        """Where an order stands; the customer sees the first four as Pending."""

        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Sending")
        UNCERTAIN = "uncertain", _("Uncertain")
        HELD = "held", _("Held")
        PENDING = "pending", _("Pending")
        PROCESSING = "processing", _("Processing")
        IN_PROGRESS = "in_progress", _("In progress")
        COMPLETED = "completed", _("Completed")
        PARTIAL = "partial", _("Partial")
        CANCELED = "canceled", _("Canceled")

    class CancelState(models.TextChoices):
        """How far a customer's wish to cancel has come."""

        NONE = "", _("Not asked for")
        WANTED = "wanted", _("Asked for")
        TAKEN = "taken", _("Taken by the provider")
        REFUSED = "refused", _("Refused by the provider")
        UNANSWERED = "unanswered", _("No clear answer")

    UNSENT: ClassVar[frozenset[str]] = frozenset(
        {Status.QUEUED, Status.SENDING, Status.UNCERTAIN, Status.HELD}
    )
    OPEN_UPSTREAM: ClassVar[frozenset[str]] = frozenset(
        {Status.PENDING, Status.PROCESSING, Status.IN_PROGRESS}
    )
    ENDED: ClassVar[frozenset[str]] = frozenset({Status.COMPLETED, Status.PARTIAL, Status.CANCELED})
    FOR_A_PERSON: ClassVar[frozenset[str]] = frozenset({Status.UNCERTAIN, Status.HELD})

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="orders",
        db_index=False,
        verbose_name=_("customer"),
    )
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="orders", verbose_name=_("service")
    )
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, related_name="orders", db_index=False, verbose_name=_("provider")
    )
    request_id = models.CharField(
        _("request id"),
        max_length=64,
        help_text=_("The customer's idempotency key: the same one is the same order."),
    )
    link = models.CharField(_("link"), max_length=2048)
    quantity = models.BigIntegerField(_("quantity"))
    price = MoneyField(_("price per 1000"), help_text=_("When it was placed."))
    cost = MoneyField(_("cost per 1000"), help_text=_("When it was placed, in the provider's currency."))
    charge = MoneyField(_("charge"))
    cost_here = MoneyField(
        _("what it costs us"),
        null=True,
        blank=True,
        help_text=_("All of it, in the site's currency, by the rate when it was placed."),
    )
    refunded = MoneyField(_("refunded"), default=Decimal(0))

    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.QUEUED)
    due_at = models.DateTimeField(
        _("due at"), null=True, blank=True, help_text=_("When it is sent, or asked about, next.")
    )
    waits = models.PositiveIntegerField(
        _("waits"), default=0, help_text=_("Sends in a row answered by 'later'.")
    )
    provider_order_id = models.CharField(_("provider's order id"), max_length=100, null=True, blank=True)
    start_count = models.BigIntegerField(_("start count"), null=True, blank=True)
    remains = models.BigIntegerField(_("remains"), null=True, blank=True)
    provider_charge = MoneyField(
        _("provider's charge"), null=True, blank=True, help_text=_("In the provider's currency.")
    )
    unknown_answers = models.PositiveIntegerField(
        _("unknown answers"),
        default=0,
        help_text=_("Polls in a row in which the provider did not know the order."),
    )
    reason = models.CharField(
        _("reason"), max_length=500, blank=True, help_text=_("The provider's words; for staff.")
    )

    cancel_state = models.CharField(
        _("cancel"), max_length=12, choices=CancelState.choices, default=CancelState.NONE, blank=True
    )
    cancel_due_at = models.DateTimeField(_("cancel due at"), null=True, blank=True)

    created_at = models.DateTimeField(_("placed at"), default=timezone.now)
    sent_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    rechecks = models.PositiveSmallIntegerField(_("asked after its end"), default=0)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-id",)
        permissions = [("cancel_order", "Can cancel orders"), ("export_order", "Can export order")]
        constraints = [
            models.UniqueConstraint(fields=["customer", "request_id"], name="orders_order_one_per_request"),
            models.UniqueConstraint(
                fields=["provider", "provider_order_id"], name="orders_order_one_per_provider_id"
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="orders_order_quantity"),
            models.CheckConstraint(condition=Q(charge__gt=Decimal(0)), name="orders_order_costs_something"),
            models.CheckConstraint(
                condition=Q(refunded__gte=Decimal(0), refunded__lte=F("charge")),
                name="orders_order_refund_in_charge",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["pending", "processing", "in_progress", "completed", "partial"])
                | Q(provider_order_id__isnull=False),
                name="orders_order_sent_has_provider_id",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["completed", "partial", "canceled"], ended_at__isnull=False)
                | (~Q(status__in=["completed", "partial", "canceled"]) & Q(ended_at__isnull=True)),
                name="orders_order_ended_has_end",
            ),
        ]
        indexes = [
            # A customer's list, newest first, and its tabs by status.
            models.Index(fields=["customer", "-id"], name="orders_order_of_customer"),
            models.Index(fields=["customer", "status", "-id"], name="orders_order_of_cust_status"),
            # What a worker takes next: to send, to ask about, to ask to cancel.
            models.Index(
                fields=["provider", "status", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="orders_order_due",
            ),
            models.Index(
                fields=["provider", "cancel_due_at"],
                condition=Q(cancel_due_at__isnull=False),
                name="orders_order_cancel_due",
            ),
            # Staff looking for what a provider talks about, or for a link.
            models.Index(fields=["provider_order_id"], name="orders_order_provider_id"),
            models.Index(LinkStart("link"), name="orders_order_link_start"),
            # Whether a link has an open order of a service (`orders/duplicates.py`).
            models.Index(
                F("service"),
                LinkStart("link"),
                condition=Q(ended_at__isnull=True),
                name="orders_order_open_link",
            ),
            models.Index(fields=["status", "-id"], name="orders_order_by_status"),
            # The desk's days, and a service's last orders that ended (`orders/health.py`).
            models.Index(fields=["created_at"], name="orders_order_placed"),
            models.Index(
                fields=["service", "-ended_at"],
                condition=Q(ended_at__isnull=False),
                name="orders_order_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def kept(self) -> Decimal:
        """What the order cost its customer after refunds."""
        return self.charge - self.refunded

    @property
    def is_ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.status in self.ENDED

    @property
    def delivered(self) -> int | None:
        """How much was delivered, as far as the provider said."""
        return None if self.remains is None else self.quantity - self.remains


class Attempt(models.Model):
    """One `add` call: committed before the call is made, so that a dead worker leaves a visible row."""

    class Outcome(models.TextChoices):
        """What became of the call; empty while it is under way."""

        OPEN = "", _("Under way")
        PLACED = "placed", _("Placed")
        REFUSED = "refused", _("Refused")
        LATER = "later", _("Later")
        HALT = "halt", _("Provider halted")
        UNCERTAIN = "uncertain", _("Uncertain")
        UNKNOWN_TEXT = "unknown_text", _("Refused, words unknown")

    IN_DOUBT: ClassVar[frozenset[str]] = frozenset({Outcome.UNCERTAIN, Outcome.UNKNOWN_TEXT})
    NOT_PLACED: ClassVar[frozenset[str]] = frozenset({Outcome.REFUSED, Outcome.LATER, Outcome.HALT})

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="attempts", verbose_name=_("order")
    )
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("provider")
    )
    started_at = models.DateTimeField(_("started at"))
    lease_until = models.DateTimeField(
        _("lease until"), help_text=_("Without an outcome by then, the worker is taken for dead.")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    outcome = models.CharField(
        _("outcome"), max_length=12, choices=Outcome.choices, default=Outcome.OPEN, blank=True
    )
    rule = models.CharField(_("rule"), max_length=40, blank=True)
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    answer = models.TextField(_("raw answer"), blank=True, max_length=2000)
    provider_order_id = models.CharField(_("provider's order id"), max_length=100, blank=True)
    last_seen = models.BigIntegerField(
        _("newest attempt at its end"),
        null=True,
        blank=True,
        help_text=_("Later ones began after this one had ended, whatever the machines' clocks say."),
    )
    balance_before = MoneyField(_("balance before"), null=True, blank=True)
    balance_before_text = models.CharField(_("balance before, as answered"), max_length=100, blank=True)
    balance_before_at = models.DateTimeField(_("balance before asked at"), null=True, blank=True)
    balance_after = MoneyField(_("balance after"), null=True, blank=True)
    balance_after_text = models.CharField(_("balance after, as answered"), max_length=100, blank=True)
    balance_after_at = models.DateTimeField(_("balance after asked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(outcome=""), name="orders_attempt_one_open"
            ),
        ]
        indexes = [
            # Attempts whose worker died.
            models.Index(fields=["lease_until"], condition=Q(outcome=""), name="orders_attempt_open"),
            # A provider's latest outcomes, for what happens several times in a row.
            models.Index(fields=["provider", "-id"], name="orders_attempt_latest"),
            # Whose call an id answered.
            models.Index(
                fields=["provider", "provider_order_id"],
                condition=~Q(provider_order_id=""),
                name="orders_attempt_by_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.started_at:%Y-%m-%d %H:%M:%S}"


class LostAnswer(models.Model):
    """The search for the provider's id of an order whose answer to `add` was lost (`orders/tracing.py`).

    The id lies between two that are known, since a provider's ids grow; both bounds are left out.
    """

    class State(models.TextChoices):
        """How far the search has come."""

        WAITING = "waiting", _("Waits for a later order's id")
        SEARCHING = "searching", _("Under way")
        WHOLE = "whole", _("All ids asked about")
        STOPPED = "stopped", _("Stopped: too many ids")
        IMPOSSIBLE = "impossible", _("Not possible")

    class Why(models.TextChoices):
        """What keeps the search from being whole."""

        NO_ID_BEFORE = "no_id_before", _("no id from before is known")
        ANOTHER_ACCOUNT = "another_account", _("the provider's account was changed since")
        NO_NUMBERS = "no_numbers", _("the provider's ids are no numbers")
        NO_GROWTH = "no_growth", _("the provider's ids do not grow")
        NO_ID_AFTER = "no_id_after", _("no later id is known yet: more may follow")
        CALLS_MADE = "calls_made", _("as many calls were made as are allowed by itself")

    attempt = models.OneToOneField(
        Attempt, on_delete=models.PROTECT, related_name="lost_answer", verbose_name=_("attempt")
    )
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("provider")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    why = models.CharField(_("why"), max_length=20, choices=Why.choices, blank=True)
    id_before = models.BigIntegerField(_("known id before"), null=True, blank=True)
    id_after = models.BigIntegerField(_("known id after"), null=True, blank=True)
    asked_to = models.BigIntegerField(
        _("asked up to"),
        null=True,
        blank=True,
        help_text=_("The search goes on after this id."),
    )
    calls = models.PositiveIntegerField(_("calls made"), default=0)
    calls_allowed = models.PositiveIntegerField(_("calls allowed"), default=0)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    searched_at = models.DateTimeField(_("searched at"), null=True, blank=True)

    class Meta:
        verbose_name = _("lost answer")
        verbose_name_plural = _("lost answers")
        ordering = ("-id",)
        indexes = [
            # What is searched next.
            models.Index(
                fields=["provider", "due_at"],
                condition=Q(due_at__isnull=False),
                name="orders_lostanswer_due",
            ),
            # Whose windows an id lies in.
            models.Index(fields=["provider", "id_after"], name="orders_lostanswer_window"),
        ]

    def __str__(self) -> str:
        return str(self.attempt)


class Candidate(models.Model):
    """An order of the provider's account that is none of ours: its answer was lost, or it is foreign."""

    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("provider")
    )
    number = models.BigIntegerField(_("provider's order id"))
    status_text = models.CharField(_("status"), max_length=100, blank=True)
    charge = MoneyField(_("charge"), null=True, blank=True, help_text=_("In the provider's currency."))
    remains = models.BigIntegerField(_("remains"), null=True, blank=True)
    start_count = models.BigIntegerField(_("start count"), null=True, blank=True)
    is_foreign = models.BooleanField(
        _("another currency"), default=False, help_text=_("Charged in a currency other than the provider's.")
    )
    seen_at = models.DateTimeField(_("seen at"))

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        ordering = ("provider", "number")
        constraints = [
            # Also serves the look-up of those within a window.
            models.UniqueConstraint(fields=["provider", "number"], name="orders_candidate_once"),
        ]

    def __str__(self) -> str:
        return str(self.number)


class OrderEvent(models.Model):
    """One thing that happened to an order: who, when, from, to, why."""

    class Kind(models.TextChoices):
        """What happened; `orders/timeline.py` has the words for customers."""

        PLACED = "placed", _("Placed")
        SENDING = "sending", _("Sending")
        ACCEPTED = "accepted", _("Accepted by the provider")
        WAITS = "waits", _("Waits to be sent again")
        UNCERTAIN = "uncertain", _("No clear answer")
        HELD = "held", _("Held for an operator")
        REFUSED = "refused", _("Refused by the provider")
        STATUS = "status", _("Status changed")
        REFUNDED = "refunded", _("Refunded")
        REFUNDED_BY_HAND = "refunded_by_hand", _("Refunded by hand")
        CANCEL_WANTED = "cancel_wanted", _("Cancel asked for")
        CANCEL_TAKEN = "cancel_taken", _("Cancel taken by the provider")
        CANCEL_REFUSED = "cancel_refused", _("Cancel refused by the provider")
        CANCEL_UNANSWERED = "cancel_unanswered", _("Cancel without a clear answer")
        CANCELED_HERE = "canceled_here", _("Canceled before it was sent")
        SETTLED = "settled", _("Settled by an operator")
        FOUND = "found", _("Found at the provider")

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="events", db_index=False, verbose_name=_("order")
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    kind = models.CharField(_("what"), max_length=20, choices=Kind.choices)
    from_status = models.CharField(_("from"), max_length=12, blank=True)
    to_status = models.CharField(_("to"), max_length=12, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("who"),
        help_text=_("Empty: the site itself."),
    )
    amount = MoneyField(_("amount"), null=True, blank=True)
    detail = models.CharField(_("why"), max_length=500, blank=True, help_text=_("For staff."))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("id",)
        indexes = [
            # An order's timeline.
            models.Index(fields=["order", "id"], name="orders_event_timeline"),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.get_kind_display()}"


class DayTotals(models.Model):
    """What a day brought, in UTC and the site's currency; a day that is over changes no more."""

    day = models.DateField(_("day"), unique=True)
    orders = models.PositiveIntegerField(_("orders"), default=0)
    turnover = MoneyField(_("turnover"), default=Decimal(0), help_text=_("Charges of the day's orders."))
    cost = MoneyField(_("cost"), default=Decimal(0), help_text=_("What the day's orders cost us."))
    refunds = MoneyField(_("refunds"), default=Decimal(0), help_text=_("Given back that day."))
    refunded_cost = MoneyField(
        _("cost given back"), default=Decimal(0), help_text=_("The refunds' share of what orders cost us.")
    )
    new_customers = models.PositiveIntegerField(_("new customers"), default=0)

    class Meta:
        verbose_name = _("day's totals")
        verbose_name_plural = _("days' totals")
        ordering = ("-day",)

    def __str__(self) -> str:
        return self.day.isoformat()

    @property
    def margin(self) -> Decimal:
        """What is left of the turnover after refunds and what the rest cost us."""
        return (self.turnover - self.refunds) - (self.cost - self.refunded_cost)

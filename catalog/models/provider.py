"""Providers: where they are, how they like to be called, and how they fare."""

from decimal import Decimal
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from money.fields import MoneyField
from operations.encryption import EncryptedTextField
from upstream.transport import check_address

currency_code = RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, for example RUB."))


def http_address(value: str) -> None:
    """Refuse an address that calls cannot be made to, or that carries a password where people read it."""
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise ValidationError(_("This is no address.")) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValidationError(_("The address begins with https:// or http://."))
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("The address carries no name and no password."))
    try:
        check_address(value)
    except ValueError as error:
        raise ValidationError(
            _("No call can be made to this address: check its host and its port.")
        ) from error


class Provider(models.Model):
    """An upstream API v2 account: where it is, how it likes to be called, and how it fares."""

    class Method(models.TextChoices):
        """How calls are sent."""

        POST = "POST", "POST"
        GET = "GET", "GET"

    class LostAnswers(models.TextChoices):
        """What becomes of an order that was found again after its answer to `add` was lost."""

        ASK = "ask", _("Show what was found to the person who settles")
        ADOPT = "adopt", _("Take an order that fits one lost answer only")

    class NewServices(models.TextChoices):
        """What becomes of a service that a catalogue lists for the first time."""

        SELL = "sell", _("Sold at once")
        LOOK = "look", _("Held until somebody looked at it")

    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(_("API address"), max_length=500, validators=[http_address])
    key = EncryptedTextField(_("API key"))
    currency = models.CharField(_("currency"), max_length=3, validators=[currency_code])
    method = models.CharField(_("method"), max_length=4, choices=Method.choices, default=Method.POST)
    calls_at_once = models.PositiveSmallIntegerField(
        _("calls at once"),
        default=8,
        validators=[MinValueValidator(1)],
        help_text=_("By all workers together."),
    )
    calls_per_second = models.DecimalField(
        _("calls per second"),
        max_digits=7,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("By all workers together, rounded down; empty: no limit."),
    )
    lost_answers = models.CharField(
        _("lost answers"),
        max_length=5,
        choices=LostAnswers.choices,
        default=LostAnswers.ASK,
        help_text=_("Taking by itself is for an account that nobody but this panel uses."),
    )
    answers_for_many = models.BooleanField(
        _("answers about many orders in one call"),
        null=True,
        editable=False,
        help_text=_("Empty: not tried yet."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Inactive: neither synced nor sent to.")
    )
    new_services = models.CharField(
        _("new services"), max_length=4, choices=NewServices.choices, default=NewServices.SELL
    )
    low_balance = MoneyField(
        _("low balance"),
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_(
            "In the provider's currency. Staff are alerted when the balance is below it; empty: never."
        ),
    )

    halted_at = models.DateTimeField(_("halted at"), null=True, blank=True, editable=False)
    halt_rule = models.CharField(_("halt's cause"), max_length=40, blank=True, editable=False)
    halt_text = models.CharField(_("what the provider said"), max_length=500, blank=True, editable=False)
    probe_at = models.DateTimeField(_("next probe at"), null=True, blank=True, editable=False)
    failed_probes = models.PositiveIntegerField(_("failed probes"), default=0, editable=False)
    paced_until = models.DateTimeField(_("asked to wait until"), null=True, blank=True, editable=False)

    balance = MoneyField(_("balance"), null=True, blank=True, editable=False)
    balance_text = models.CharField(_("balance as answered"), max_length=100, blank=True, editable=False)
    balance_verified = models.BooleanField(_("balance's reading is sure"), default=False, editable=False)
    balance_has_decimals = models.BooleanField(
        _("writes balances with a decimal point"),
        default=False,
        editable=False,
        help_text=_("It has answered a balance whose point can only be a decimal point."),
    )
    balance_at = models.DateTimeField(_("balance asked at"), null=True, blank=True, editable=False)
    balance_error = models.CharField(
        _("why the balance is not known"), max_length=500, blank=True, editable=False
    )

    created_at = models.DateTimeField(_("added at"), default=timezone.now, editable=False)
    account_since = models.DateTimeField(
        _("this account since"),
        default=timezone.now,
        editable=False,
        help_text=_("When its address or key was changed last: ids from before are another account's."),
    )

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=Q(calls_at_once__gte=1), name="catalog_provider_calls_at_once"),
        ]

    def __str__(self) -> str:
        return self.name


class TaughtText(models.Model):
    """What an operator has said a provider's refusal of `add` means, where the error table knows no row.

    Read after the table's own rows (`provider-dialects.md`, section 2).
    """

    class Meaning(models.TextChoices):
        """The class of the error table."""

        REFUSED = "refused", _("Refused: not placed; the order ends and is refunded")
        LATER = "later", _("Later: not placed; the same order is sent again after a while")
        HALT = "halt", _("Halt: not placed; nothing is sent to the provider until it is let go on")
        UNCERTAIN = "uncertain", _("Uncertain: it may have been placed; a person settles each order")

    provider = models.ForeignKey(
        Provider,
        on_delete=models.CASCADE,
        related_name="taught_texts",
        db_index=False,
        verbose_name=_("provider"),
    )
    text = models.CharField(
        _("text"),
        max_length=300,
        help_text=_("Part of what the provider says, in lower case, without links."),
    )
    meaning = models.CharField(_("means"), max_length=10, choices=Meaning.choices)
    taught_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("taught by")
    )
    taught_at = models.DateTimeField(_("taught at"), default=timezone.now)

    class Meta:
        verbose_name = _("taught text")
        verbose_name_plural = _("taught texts")
        ordering = ("provider", "text")
        constraints = [
            # Also serves the look-up before a provider is called.
            models.UniqueConstraint(fields=["provider", "text"], name="catalog_taughttext_once"),
            models.CheckConstraint(condition=~Q(text=""), name="catalog_taughttext_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.text}"


class BalanceReading(models.Model):
    """What a provider's balance was at some time: for the picture of it over time."""

    provider = models.ForeignKey(
        Provider,
        on_delete=models.CASCADE,
        related_name="balance_readings",
        db_index=False,
        verbose_name=_("provider"),
    )
    at = models.DateTimeField(_("at"))
    balance = MoneyField(_("balance"), help_text=_("In the provider's currency."))
    # As it was then: a provider may be given another one later, and nothing says what was right before.
    currency = models.CharField(_("currency"), max_length=3)

    class Meta:
        verbose_name = _("balance reading")
        verbose_name_plural = _("balance readings")
        ordering = ("provider", "at")
        constraints = [
            # Also serves the picture, and the sweep of what is old.
            models.UniqueConstraint(fields=["provider", "at"], name="catalog_balancereading_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.at:%Y-%m-%d %H:%M}"

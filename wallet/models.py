"""The ledger's rows. Nothing but `wallet/ledger.py` writes them."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from money.fields import MoneyField

NOTE_LENGTH = 500


class LedgerAccount(models.Model):
    """A place money can be: a customer's wallet, or one of the site's own accounts.

    A wallet stores its balance beside its entries, so that a payment can check and change it in one
    statement. The site's own accounts store none: every order would wait for the same row.
    """

    class Kind(models.TextChoices):
        """Whose money the account holds."""

        WALLET = "wallet", _("Wallet")
        SALES = "sales", _("Sales")
        TOPUPS = "topups", _("Top-ups")
        ADJUSTMENTS = "adjustments", _("Adjustments")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="wallet",
        verbose_name=_("owner"),
    )
    balance = MoneyField(_("balance"), null=True, blank=True)

    class Meta:
        verbose_name = _("ledger account")
        verbose_name_plural = _("ledger accounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="wallet", owner__isnull=False, balance__isnull=False)
                | (~Q(kind="wallet") & Q(owner__isnull=True, balance__isnull=True)),
                name="wallet_account_wallets_have_owner_and_balance",
            ),
            models.CheckConstraint(
                condition=Q(balance__isnull=True) | Q(balance__gte=Decimal(0)),
                name="wallet_account_balance_not_negative",
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(owner__isnull=True),
                name="wallet_account_one_of_each_system_kind",
            ),
        ]

    def __str__(self) -> str:
        return str(self.owner) if self.owner_id else str(self.get_kind_display())


class Transfer(models.Model):
    """One movement of money, with the unique reference of what caused it. Written once, never changed."""

    class Kind(models.TextChoices):
        """What moves money."""

        ORDER_CHARGE = "order_charge", _("Order")
        ORDER_REFUND = "order_refund", _("Refund")
        ADJUSTMENT = "adjustment", _("Adjustment")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    reference = models.CharField(_("reference"), max_length=120)
    subject_id = models.BigIntegerField(
        _("number of its cause"), null=True, blank=True, help_text=_("Of the order.")
    )
    note = models.CharField(_("note"), max_length=NOTE_LENGTH, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("made by"),
    )
    created_at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        ordering = ("-id",)
        constraints = [
            # Doing the same thing twice is impossible here, whatever the code above does.
            models.UniqueConstraint(fields=["kind", "reference"], name="wallet_transfer_unique_cause"),
            models.CheckConstraint(condition=~Q(reference=""), name="wallet_transfer_has_cause"),
        ]
        indexes = [
            # An order's charge and refunds, on its page and in the audit.
            models.Index(fields=["subject_id", "kind"], name="wallet_transfer_subject"),
            # The desk's days.
            models.Index(fields=["kind", "created_at"], name="wallet_transfer_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reference}"


class Entry(models.Model):
    """One leg of a transfer: what an account gained (above zero) or gave (below)."""

    transfer = models.ForeignKey(
        Transfer, on_delete=models.PROTECT, related_name="entries", verbose_name=_("transfer")
    )
    account = models.ForeignKey(
        LedgerAccount,
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,
        verbose_name=_("account"),
    )
    amount = MoneyField(_("amount"))

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(condition=~Q(amount=Decimal(0)), name="wallet_entry_moves_something"),
            models.UniqueConstraint(fields=["transfer", "account"], name="wallet_entry_one_leg_per_account"),
        ]
        indexes = [
            # A wallet's statement, newest first, and its sum in the audit.
            models.Index(fields=["account", "-id"], name="wallet_entry_statement"),
        ]

    def __str__(self) -> str:
        return f"{self.transfer} {self.amount}"

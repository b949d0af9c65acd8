"""What is recorded when staff change it, with old and new values, by django-auditlog.

Left out are secrets, and what the panel itself writes into the same rows. Orders and money have records of
their own: `orders.OrderEvent` and the ledger.
"""

from typing import Any

from auditlog.registry import auditlog
from auditlog.signals import pre_log
from django.apps import apps
from django.db.models.signals import pre_save

from accounts.recording import is_recorded, record_update

MASK = "accounts.recording.masked"

RECORDED: dict[str, dict[str, Any]] = {
    "accounts.User": {
        "include_fields": [
            *("email", "name", "password", "customer_group"),
            *("is_active", "is_staff", "is_superuser", "sign_outs"),
        ],
        "mask_fields": ["password"],
        "m2m_fields": ["groups", "user_permissions"],
    },
    "accounts.CustomerGroup": {},
    "account.EmailAddress": {"include_fields": ["user", "email", "verified", "primary"]},
    "auth.Group": {"m2m_fields": ["permissions"]},
    "mfa.Authenticator": {"include_fields": ["user", "type"], "exclude_fields": ["data"]},
    "operations.AlertChannel": {"exclude_fields": ["address", "failed_at", "sent_at"]},
    "operations.SiteState": {"exclude_fields": ["changed_at"]},
    "catalog.Provider": {
        "exclude_fields": [
            *("key", "answers_for_many", "halted_at", "halt_rule", "halt_text", "probe_at"),
            *("failed_probes", "paced_until", "balance", "balance_text", "balance_verified"),
            *("balance_has_decimals", "balance_at", "balance_error", "created_at", "account_since"),
        ]
    },
    "catalog.Service": {
        "include_fields": [
            *("category", "title_ru", "title_en", "about_ru", "about_en"),
            *("position", "has_own_position", "is_hidden", "duplicate_links"),
        ]
    },
    "catalog.Category": {},
    "catalog.PriceRule": {"exclude_fields": ["target"]},
    "catalog.ExchangeRate": {"exclude_fields": ["updated_at"]},
    "catalog.TaughtText": {},
    "catalog.CataloguePolicy": {},
    "catalog.BannedWords": {},
    "catalog.LinkRule": {"exclude_fields": ["is_of_site"]},
    "support.Announcement": {},
    "support.Page": {"exclude_fields": ["changed_at"]},
    "support.TermsVersion": {"include_fields": ["published_at", "published_by"]},
}
"""Model, then what of it."""


def register() -> None:
    """Have auditlog follow the models."""
    # Auditlog's own receiver for updates reads columns that it was told to leave out.
    auditlog._signals[pre_save] = record_update
    pre_log.connect(is_recorded, dispatch_uid="panel.recorded")
    for name, what in RECORDED.items():
        auditlog.register(apps.get_model(name), mask_callable=MASK, **what)

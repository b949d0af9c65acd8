"""System checks: settings that make no sense are named before they do harm."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS

from catalog.models import DuplicateLinks
from catalog.rate_sources import ADDRESSES
from panel.currency import currency_of_money


@register()
def check_currency(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """panel.E001: SITE_CURRENCY is not three capital letters (ISO 4217)."""
    if re.fullmatch(r"[A-Z]{3}", settings.SITE_CURRENCY):
        return []
    return [
        Error(
            f"SITE_CURRENCY is {settings.SITE_CURRENCY!r}.",
            hint="Give three capital letters, for example RUB or USD.",
            id="panel.E001",
        )
    ]


@register(Tags.database)
def check_currency_of_money(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """panel.E007: SITE_CURRENCY is another than that in which money has moved, as the database says."""
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    kept = currency_of_money()
    if kept in ("", settings.SITE_CURRENCY):
        return []
    return [
        Error(
            f"SITE_CURRENCY is {settings.SITE_CURRENCY!r}, and the ledger's money is in {kept!r}.",
            hint=f"Set SITE_CURRENCY={kept} again: what is in wallets and orders is not converted. "
            "To sell in another currency, start a site with a database of its own.",
            id="panel.E007",
        )
    ]


@register()
def check_markup(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """panel.E002: DEFAULT_MARKUP_PERCENT is no number, or would sell below cost."""
    try:
        percent = Decimal(settings.DEFAULT_MARKUP_PERCENT)
        fits = percent.is_finite() and 0 <= percent <= 10_000
    except InvalidOperation:
        fits = False
    if fits:
        return []
    return [
        Error(
            f"DEFAULT_MARKUP_PERCENT is {settings.DEFAULT_MARKUP_PERCENT!r}.",
            hint="Give a number of percent from 0 to 10000, for example 30.",
            id="panel.E002",
        )
    ]


@register()
def check_lease(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """panel.E003: an attempt's lease would end while its call may still be under way."""
    if settings.FORWARD_LEASE_SECONDS > 60:
        return []
    return [
        Error(
            f"FORWARD_LEASE_SECONDS is {settings.FORWARD_LEASE_SECONDS}: an answer may take longer.",
            hint="Give more than 60 seconds.",
            id="panel.E003",
        )
    ]


@register()
def check_duplicate_links(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """panel.E004: DUPLICATE_LINKS is none of the policies for a second order of a link."""
    if settings.DUPLICATE_LINKS in DuplicateLinks.values:
        return []
    return [
        Error(
            f"DUPLICATE_LINKS is {settings.DUPLICATE_LINKS!r}.",
            hint=f"Give one of {', '.join(DuplicateLinks.values)}.",
            id="panel.E004",
        )
    ]


@register()
def check_queued_refund(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """panel.E005: QUEUED_REFUND_AFTER_HOURS would refund orders that are yet to be placed."""
    if settings.QUEUED_REFUND_AFTER_HOURS >= 0:
        return []
    return [
        Error(
            f"QUEUED_REFUND_AFTER_HOURS is {settings.QUEUED_REFUND_AFTER_HOURS}.",
            hint="Give a number of hours, or 0 to let queued orders wait for ever.",
            id="panel.E005",
        )
    ]


@register()
def check_rates_source(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """panel.E006: RATES_SOURCE is none of those that can be read, or RATES_URL is no address."""
    wrong = []
    if settings.RATES_SOURCE not in ("none", *ADDRESSES):
        wrong.append(f"RATES_SOURCE is {settings.RATES_SOURCE!r}")
    if settings.RATES_URL and not settings.RATES_URL.startswith(("https://", "http://")):
        wrong.append(f"RATES_URL is {settings.RATES_URL!r}")
    if not wrong:
        return []
    hint = f"RATES_SOURCE is one of none, {', '.join(ADDRESSES)}; RATES_URL is empty or begins with https://."
    return [Error(f"{'; '.join(wrong)}.", hint=hint, id="panel.E006")]


@register(Tags.security, deploy=True)
def check_site_url(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """panel.W001: a deployed site whose SITE_URL is not https sends its cookies in the clear."""
    if settings.HTTPS:
        return []
    return [
        Warning(
            f"SITE_URL is {settings.SITE_URL!r}.",
            hint="Set SITE_URL to the site's public https address.",
            id="panel.W001",
        )
    ]

"""The balance of our account at a provider: to be shown, and never a reason to stop or to start sending.

`provider-api.txt`, "Баланс пользователя", answers "1.000", which may be 1 or 1000 (`provider-dialects.md`,
section 1). The provider's own "Insuffcient Funds" is the authority.
"""

import logging
import re
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.connecting import ask
from catalog.halting import heed
from catalog.models import BalanceReading, Provider
from money.amounts import MAX_AMOUNT, round_cost
from money.display import plain
from operations.alerting import close_alerts, raise_alert, raise_once
from operations.models import Alert
from upstream.answers import Balance
from upstream.client import Client
from upstream.errors import ProviderError

logger = logging.getLogger(__name__)

KEEP_READINGS = timedelta(days=400)

_ONLY_A_DECIMAL_POINT = re.compile(r"-?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})")


def refresh_balance(provider: Provider) -> ProviderError | None:
    """Ask for a provider's balance and keep the answer; return the fault if none came.

    A fault keeps the old balance and its time; one that speaks of our key or settings halts the provider. An
    amount never does. An answer in another currency than the provider's is alerted, not converted.
    """
    try:
        answer = ask(provider, Client.balance)
    except ProviderError as fault:
        _keep_error(provider, fault.text, now=timezone.now())
        heed(provider, fault)
        return fault
    _keep(provider, answer, now=timezone.now())
    _compare_currency(provider, answer.currency)
    return None


def _keep(provider: Provider, answer: Balance, *, now: datetime) -> None:
    if answer.amount is None or abs(answer.amount) >= MAX_AMOUNT - 1:
        _keep_error(provider, f"{answer.raw_text!r} is no amount", now=now)
        return
    decimals = provider.balance_has_decimals or _ONLY_A_DECIMAL_POINT.fullmatch(answer.raw_text) is not None
    Provider.objects.filter(pk=provider.pk).update(
        balance=_kept(answer.amount),
        balance_text=answer.raw_text[:100],
        # Once its point was surely a decimal point, it is one in "1.000" too.
        balance_verified=answer.verified or decimals,
        balance_has_decimals=decimals,
        balance_at=now,
        balance_error="",
    )
    logger.info("provider.balance provider=%s text=%r", provider.pk, answer.raw_text)
    _keep_reading(provider, _kept(answer.amount), now=now)
    _compare_low(provider, _kept(answer.amount), said=answer.raw_text)


def _kept(amount: Decimal) -> Decimal:
    # Finer than we keep: for people to look at, and no money of ours is computed from it.
    return round_cost(amount)


def _keep_reading(provider: Provider, balance: Decimal, *, now: datetime) -> None:
    """Keep the hour's first balance for the picture over time, and drop what is too old for it."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    _reading, is_new = BalanceReading.objects.get_or_create(
        provider=provider, at=hour, defaults={"balance": balance, "currency": provider.currency}
    )
    if is_new:
        BalanceReading.objects.filter(provider=provider, at__lt=now - KEEP_READINGS).delete()


def _compare_low(provider: Provider, balance: Decimal, *, said: str) -> None:
    # Read anew: the threshold may have been set while the answer was on its way.
    limits = Provider.objects.filter(pk=provider.pk).values_list("low_balance", "currency")
    limit, currency = limits.get()
    cause = f"provider:{provider.pk}"
    if limit is None or balance >= limit:
        close_alerts(Alert.Kind.LOW_BALANCE, cause=cause)
        return
    raise_once(
        Alert.Kind.LOW_BALANCE,
        cause=cause,
        text=gettext_noop(
            "The balance at %(provider)s is %(balance)s %(currency)s, below %(limit)s. It answered: %(said)s"
        ),
        provider=provider,
        balance=plain(balance),
        currency=currency,
        limit=plain(limit),
        said=said[:100],
    )


def _keep_error(provider: Provider, text: str, *, now: datetime) -> None:
    logger.warning("provider.no_balance provider=%s text=%r", provider.pk, text)
    Provider.objects.filter(pk=provider.pk).update(balance_error=f"{now:%Y-%m-%d %H:%M} UTC: {text}"[:500])


def _compare_currency(provider: Provider, answered: str) -> None:
    cause = f"provider:{provider.pk}:currency"
    if answered and answered != provider.currency:
        raise_alert(
            Alert.Kind.MONEY_WRONG,
            cause=cause,
            text=gettext_noop(
                "The account at %(provider)s is in %(answered)s, and its costs are taken for %(currency)s: "
                "prices may be below cost. Set the provider's currency."
            ),
            provider=provider,
            answered=answered,
            currency=provider.currency,
        )
    elif answered:
        close_alerts(Alert.Kind.MONEY_WRONG, cause=cause)

"""Exchange rates: entered, taken from a source, and looked at when they are old."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.models import CataloguePolicy, ExchangeRate, Provider, Service
from catalog.pricing import lock_providers, reprice
from catalog.rate_sources import NoRates, Quotes, fetch
from operations.alerting import close_alerts, raise_alert, raise_once
from operations.models import Alert
from operations.wording import Words

Kind = Alert.Kind
Source = ExchangeRate.Source

MAX_MOVE_PERCENT = 20
"""How far a rate may have moved to be taken by itself."""

MAX_AHEAD = timedelta(days=7)
"""How far ahead a rate may be dated: a bank tells today what counts tomorrow, or after the holidays."""

IMPORT = "rates:import"


@transaction.atomic
def save_rate(
    currency: str, rate: Decimal | None, *, as_of: date | None = None, source: str = Source.HAND
) -> ExchangeRate | None:
    """Make one unit of `currency` worth `rate` of the site's, or unknown (None); reprice what costs in it."""
    lock_providers()
    kept = None
    if rate is None:
        ExchangeRate.objects.here().filter(currency=currency).delete()
    else:
        terms = {"rate": rate, "as_of": as_of or timezone.now().date(), "source": source}
        kept, _ = ExchangeRate.objects.here().update_or_create(currency=currency, defaults=terms)
    reprice(Service.objects.filter(provider__currency=currency))
    close_alerts(Kind.RATES_NOT_TAKEN, cause=f"rate:{currency}")
    _warn(currency, kept, oldest=oldest_good_day())
    return kept


def is_far_ahead(day: date) -> bool:
    """Tell whether no rate can be of a day yet."""
    return day > timezone.now().date() + MAX_AHEAD


def currencies_in_use() -> list[str]:
    """Return the currencies of the active providers, without the site's own."""
    providers = Provider.objects.filter(is_active=True).exclude(currency=settings.SITE_CURRENCY)
    return list(providers.order_by("currency").values_list("currency", flat=True).distinct())


def import_rates() -> list[str]:
    """Take the rates of the currencies in use from RATES_SOURCE; return the currencies whose rate was taken.

    A rate that moved by more than 20 % is not taken, and staff are alerted; so they are when the source does
    not answer, answers nonsense, or does not know a currency. Raises `NoRates` when there is nothing to take.
    The call is made outside of any transaction.
    """
    currencies = currencies_in_use()
    if settings.RATES_SOURCE == "none" or not currencies:
        close_alerts(Kind.RATES_NOT_TAKEN, cause=IMPORT)
        return []
    try:
        quotes = fetch()
        if is_far_ahead(quotes.as_of):
            raise NoRates(Words(gettext_noop("its rates are of %(day)s"), {"day": quotes.as_of}))
    except NoRates as error:
        text = gettext_noop("Exchange rates were not taken from %(source)s: %(why)s.")
        raise_alert(
            Kind.RATES_NOT_TAKEN, cause=IMPORT, text=text, source=settings.RATES_SOURCE, why=error.why
        )
        raise
    close_alerts(Kind.RATES_NOT_TAKEN, cause=IMPORT)
    return [currency for currency in currencies if _take(currency, quotes)]


@transaction.atomic
def _take(currency: str, quotes: Quotes) -> bool:
    lock_providers()  # before the rate is read: a person may be entering another one
    kept = ExchangeRate.objects.here().filter(currency=currency).first()
    rate = quotes.rate(currency, settings.SITE_CURRENCY)
    if rate is None:
        _refuse(currency, gettext_noop("%(source)s has no rate of %(currency)s: enter it by hand."), quotes)
    elif kept is not None and _is_newer(kept, quotes):
        return False
    elif kept is not None and abs(rate - kept.rate) * 100 > kept.rate * MAX_MOVE_PERCENT:
        text = gettext_noop(
            "%(currency)s has moved by more than %(most)s percent: %(here)s here, %(there)s by %(source)s "
            "of %(day)s. It was not taken: enter what is right."
        )
        here, there = f"{kept.rate:f}", f"{rate:f}"
        _refuse(currency, text, quotes, most=MAX_MOVE_PERCENT, here=here, there=there, day=quotes.as_of)
    else:
        save_rate(currency, rate, as_of=quotes.as_of, source=quotes.source)
        return True
    return False


def _refuse(currency: str, text: str, quotes: Quotes, **figures: object) -> None:
    known = {"source": quotes.source, "currency": currency, **figures}
    raise_alert(Kind.RATES_NOT_TAKEN, cause=f"rate:{currency}", text=text, **known)


def _is_newer(kept: ExchangeRate, quotes: Quotes) -> bool:
    """Tell whether what is kept stays: dated later, or by a person on the same day."""
    if is_far_ahead(kept.as_of):
        return False
    by_hand = kept.source == Source.HAND
    return kept.as_of >= quotes.as_of if by_hand else kept.as_of > quotes.as_of


def oldest_good_day(*, now: datetime | None = None) -> date:
    """Return the day of the oldest rates that the catalogue's policy still takes for new."""
    policy = CataloguePolicy.objects.first() or CataloguePolicy()
    return (now or timezone.now()).date() - timedelta(days=policy.rate_warning_days)


def check_rates(*, now: datetime | None = None) -> None:
    """Raise an alert for each old rate in use; close those of rates that were renewed or are out of use."""
    used, oldest = set(currencies_in_use()), oldest_good_day(now=now)
    here = {rate.currency: rate for rate in ExchangeRate.objects.here().filter(currency__in=used)}
    # Of all that there are: an alert of a rate in a currency that the site had before is closed too.
    for currency in ExchangeRate.objects.order_by().values_list("currency", flat=True).distinct():
        _warn(currency, here.get(currency), oldest=oldest)


def _warn(currency: str, rate: ExchangeRate | None, *, oldest: date) -> None:
    cause = f"rate:{currency}"
    if rate is not None and rate.as_of < oldest:
        text = gettext_noop("The exchange rate %(rate)s is of %(day)s: enter what it is now.")
        raise_once(Kind.RATE_OLD, cause=cause, text=text, rate=rate, day=rate.as_of)
    else:
        close_alerts(Kind.RATE_OLD, cause=cause)

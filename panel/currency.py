"""The site's currency: prices follow it, until money has moved in it."""

import logging

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from catalog.models import CataloguePolicy
from catalog.pricing import price_in_currency, priced_in
from wallet.models import Transfer

logger = logging.getLogger(__name__)


def currency_of_money() -> str:
    """Return the currency of the ledger's transfers; empty where there is none, or it is not known."""
    return priced_in() if _is_migrated() and Transfer.objects.exists() else ""


@receiver(post_migrate, sender=apps.get_app_config("catalog"))
def follow_currency(using: str, **kwargs: object) -> None:
    """Set all prices anew after `migrate`, when they were last set in another currency than the site's.

    Not once money has moved: `panel.checks` refuses the change then, and the prices stay as they were.
    """
    if using != DEFAULT_DB_ALIAS or not _is_migrated():
        return
    before = priced_in()
    if before == settings.SITE_CURRENCY or currency_of_money():
        return
    moved = price_in_currency()
    if before or moved:
        logger.info("prices.set_anew before=%s now=%s moved=%s", before, settings.SITE_CURRENCY, moved)


def require_currency() -> None:
    """Refuse to start a process of the site while its prices are in another currency than SITE_CURRENCY.

    Sold at them, a service of 90 RUB would go for 90 USD. A database that does not answer refuses nothing: no
    process could sell anything then. Leaves no connection open, as processes may be forked after it.

    Raises:
        ImproperlyConfigured: with what to do about it.
    """
    try:
        before = priced_in() if _is_migrated() else ""
    except DatabaseError as error:
        logger.warning("currency.unknown error=%s", type(error).__name__)
        return
    finally:
        connection.close()
    if before and before != settings.SITE_CURRENCY:
        raise ImproperlyConfigured(
            f"SITE_CURRENCY is {settings.SITE_CURRENCY!r}, and prices are in {before!r}. "
            "Run `manage.py migrate`: it sets prices anew, or says why they must stay as they are."
        )


def _is_migrated() -> bool:
    """Tell whether what is asked here is there: checks run before migrations, and those go back too."""
    policy, transfer = CataloguePolicy._meta.db_table, Transfer._meta.db_table
    with connection.cursor() as cursor:
        if not {policy, transfer} <= set(connection.introspection.table_names(cursor)):
            return False
        columns = connection.introspection.get_table_description(cursor, policy)
    return "priced_in" in {column.name for column in columns}

"""Providers, what they sell, and what we ask for it."""

from catalog.models.health import ServiceHealth, ServiceSpeed
from catalog.models.policy import BannedWords, CataloguePolicy, LinkRule
from catalog.models.pricing import ExchangeRate, PriceRule
from catalog.models.provider import BalanceReading, Provider, TaughtText, currency_code, http_address
from catalog.models.runs import SyncRun
from catalog.models.service import (
    ON_SALE,
    Category,
    DuplicateLinks,
    Service,
    ServiceChange,
    ServiceHold,
)

__all__ = [
    "ON_SALE",
    "BalanceReading",
    "BannedWords",
    "CataloguePolicy",
    "Category",
    "DuplicateLinks",
    "ExchangeRate",
    "LinkRule",
    "PriceRule",
    "Provider",
    "Service",
    "ServiceChange",
    "ServiceHealth",
    "ServiceHold",
    "ServiceSpeed",
    "SyncRun",
    "TaughtText",
    "currency_code",
    "http_address",
]

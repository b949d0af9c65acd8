"""Placing an order: checked, priced, paid for and written in one transaction."""

import logging
from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from catalog.costing import rate_here
from catalog.models import ON_SALE, DuplicateLinks, Service
from catalog.offering import with_prices_for
from money.amounts import MAX_AMOUNT, charge_for, cost_of
from operations.maintenance import closed_because
from operations.waking import wake
from orders.duplicates import policy_of, queue_for, require_no_twin
from orders.errors import (
    ChargeTooSmall,
    DuplicateLink,
    NoOrdersNow,
    PriceChanged,
    QuantityOutOfBounds,
    RequestIdReused,
    ServiceNotSold,
)
from orders.life import Event, note
from orders.links import clean_link
from orders.models import Order
from wallet import ledger
from wallet.errors import InsufficientFunds
from wallet.statement import balance_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would cost: the price per 1000 and the charge, in the site's currency.

    `cost_here` is what it would cost us, in the site's currency too; None where no exchange rate is known.
    """

    service: Service
    price: Decimal
    charge: Decimal
    cost_here: Decimal | None


def quote(service_id: int, *, quantity: int, customer: User | None = None) -> Quote:
    """Return what an order would cost a customer (None: anybody) now.

    Raises `ServiceNotSold`, `QuantityOutOfBounds`, `ChargeTooSmall`.
    """
    # Without the provider's row: its key would be decrypted at every total that somebody types.
    service = Service.objects.filter(ON_SALE, pk=service_id).annotate(rate=rate_here()).first()
    if service is not None:
        with_prices_for(customer, [service])
    if service is None:
        raise ServiceNotSold
    return quote_of(service, quantity=quantity, rate=service.rate)


def quote_of(service: Service, *, quantity: int, rate: Decimal | None = None) -> Quote:
    """Return what an order would cost of a service that was read on sale, with its customer's price.

    `rate` is the exchange rate of its cost. Raises what `quote` does.
    """
    if service.price is None:
        raise ServiceNotSold
    if not service.min_quantity <= quantity <= service.max_quantity:
        raise QuantityOutOfBounds(least=service.min_quantity, greatest=service.max_quantity)
    charge = charge_for(service.price, quantity)
    if charge <= 0:
        raise ChargeTooSmall
    cost_here = None if rate is None else cost_of(service.cost, quantity, rate)
    return Quote(service=service, price=service.price, charge=charge, cost_here=cost_here)


def place_order(
    customer: User,
    *,
    service_id: int,
    link: str,
    quantity: int,
    request_id: str,
    agreed_price: Decimal | None = None,
    duplicate_agreed: bool = False,
) -> Order:
    """Write and charge an order, have it forwarded after the commit, and return it.

    `request_id` is the customer's idempotency key: a repeat with the same content returns the order made at
    first and charges nothing. `agreed_price` is the price per 1000 that the customer was shown; a higher one
    now is refused. `duplicate_agreed` says that a second order for a link is meant, where the service leaves
    it to the customer: the form asks a person, and the API, which cannot ask a program, always says True.

    Raises `NoOrdersNow`, `InvalidLink`, `ServiceNotSold`, `QuantityOutOfBounds`, `ChargeTooSmall`,
    `PriceChanged`, `RequestIdReused`, `DuplicateLink`, and the wallet's `InsufficientFunds`; nothing is
    written then.
    """
    link = clean_link(link, service_id=service_id)
    content = {"service_id": service_id, "link": link, "quantity": quantity}
    earlier = _order_of(customer, request_id=request_id, content=content)
    if earlier is not None:
        return earlier
    _require_open()
    offer = quote(service_id, quantity=quantity, customer=customer)
    if agreed_price is not None and offer.price > agreed_price:
        raise PriceChanged(price=offer.price)
    if offer.charge >= MAX_AMOUNT:
        # More than any wallet can hold, and than a row can keep.
        raise InsufficientFunds(needed=offer.charge, available=balance_of(customer))
    try:
        if policy_of(offer.service) == DuplicateLinks.WARN and not duplicate_agreed:
            # A warning, not a promise: of two orders at once neither may see the other. What keeps one of
            # them out is `refuse`, in the transaction.
            require_no_twin(customer, service_id=service_id, link=link, may_agree=True)
        return _write(customer, offer=offer, link=link, quantity=quantity, request_id=request_id)
    except (IntegrityError, DuplicateLink):
        # The same request was written between our look and our insert: that order is the answer.
        earlier = _order_of(customer, request_id=request_id, content=content)
        if earlier is None:
            raise
        return earlier


def _require_open() -> None:
    reason = closed_because()
    if reason is not None:
        raise NoOrdersNow(reason=reason)


def _order_of(customer: User, *, request_id: str, content: dict[str, object]) -> Order | None:
    order = Order.objects.filter(customer=customer, request_id=request_id).first()
    if order is not None and any(getattr(order, name) != value for name, value in content.items()):
        raise RequestIdReused
    return order


@transaction.atomic
def _write(customer: User, *, offer: Quote, link: str, quantity: int, request_id: str) -> Order:
    if policy_of(offer.service) == DuplicateLinks.REFUSE:
        # Before any row's lock: whoever waits here holds nothing that another one needs.
        queue_for(service_id=offer.service.pk, link=link)
        require_no_twin(customer, service_id=offer.service.pk, link=link, may_agree=False)
    now = timezone.now()
    order = Order.objects.create(
        customer=customer,
        service=offer.service,
        provider_id=offer.service.provider_id,
        request_id=request_id,
        link=link,
        quantity=quantity,
        price=offer.price,
        cost=offer.service.cost,
        charge=offer.charge,
        cost_here=offer.cost_here,
        due_at=now,
        created_at=now,
    )
    ledger.charge_order(customer, order_id=order.pk, amount=order.charge)
    note(order, Event.PLACED, to_status=order.status, actor=customer)
    wake("orders.tasks.forward_provider", order.provider_id)
    logger.info("order.placed order=%s service=%s charge=%s", order.pk, order.service_id, order.charge)
    return order

"""Who orders what in a run: drawn from its seed, before anything is started."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from money.amounts import charge_for

SERVICES = 12
SPREAD = 20_000
LEAST_QUANTITY = 100

LINK = "https://example.com/chaos/"

ALIKE_SHARE = 0.04
TWICE_SHARE = 0.02
REPEATED_LINKS = 15
TOO_DEAR_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the site sells it; `price` is per 1000."""

    id: int
    provider_id: str
    least: int
    greatest: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that somebody is going to place.

    `is_sent_twice`: its form is sent again once answered. `is_too_dear`: it costs more than its customer ever
    has.
    """

    email: str
    service: Service
    link: str
    quantity: int
    is_sent_twice: bool = False
    is_too_dear: bool = False

    @property
    def charge(self) -> Decimal:
        """Return what the order costs."""
        return charge_for(self.service.price, self.quantity)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one customer does: most of it under load, a little when all is quiet again.

    The money is what all of it costs, but for what is too dear.
    """

    email: str
    money: Decimal
    at_once: Sequence[Wish]
    later: Sequence[Wish]


def planned(seed: int, services: Sequence[Service], *, orders: int, customers: int) -> list[Plan]:
    """Return the plans of all customers: so many `orders` that they can pay for, and a few that they cannot.

    Charges mostly differ, so that what is found at the provider can be told apart by them; some are alike on
    purpose. Every order has a link of its own, but for a few that come twice.
    """
    chance = random.Random(f"{seed}:plans")
    wishes = _wishes(chance, _wide(services), orders, customers)
    dearest = max(services, key=lambda row: charge_for(row.price, row.greatest))
    return [_plan(chance, wishes[first::customers], dearest) for first in range(customers)]


def _wide(services: Sequence[Service]) -> list[Service]:
    wide = [row for row in services if row.greatest - max(row.least, LEAST_QUANTITY) >= SPREAD]
    assert len(wide) >= 3, "the catalogue has too few services to draw orders from"
    return sorted(wide, key=lambda row: row.price)[:SERVICES]


def _plan(chance: random.Random, mine: list[Wish], dearest: Service) -> Plan:
    email, money = mine[0].email, sum((wish.charge for wish in mine), Decimal(0))
    at_once = mine[:-1]
    for number in range(max(1, round(len(mine) * TOO_DEAR_SHARE))):
        link = f"{LINK}{email}/{number}"
        too_dear = Wish(email, dearest, link, dearest.greatest, is_too_dear=True)
        assert too_dear.charge > money, "the catalogue has nothing that is too dear for so many orders"
        at_once.insert(chance.randrange(len(at_once) + 1), too_dear)
    return Plan(email, money, at_once, mine[-1:])


def _wishes(chance: random.Random, services: list[Service], count: int, customers: int) -> list[Wish]:
    wishes: list[Wish] = []
    repeat_every = max(50, count // REPEATED_LINKS)
    for number in range(count):
        service, link = chance.choice(services), f"{LINK}{number}"
        quantity = max(service.least, LEAST_QUANTITY) + chance.randrange(SPREAD)
        if wishes and chance.random() < ALIKE_SHARE:
            service, quantity = wishes[-1].service, wishes[-1].quantity
        elif number % repeat_every == repeat_every - 1:
            service, link = wishes[-25].service, wishes[-25].link
            quantity = max(service.least, LEAST_QUANTITY) + chance.randrange(SPREAD)
        email = f"customer-{number % customers}@example.com"
        wishes.append(Wish(email, service, link, quantity, is_sent_twice=chance.random() < TWICE_SHARE))
    return wishes

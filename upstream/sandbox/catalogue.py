"""The services on sale: a catalogue that a seed makes up and that tests may change while it is served."""

import random
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from upstream.sandbox.words import GEOS, KINDS, PACES, PLATFORMS, PROMISES

# Rates in units of 0.00001: small ones are as frequent as large ones.
_RATE_DECADES = ((50_000, 500_000), (500_000, 5_000_000), (5_000_000, 50_000_000), (50_000_000, 200_000_000))
_RATE_PLACES = (1, 1, 2, 2, 3, 5)
_MINS = (1, 5, 10, 20, 50, 100, 100, 500, 1_000)
_MAXES = (1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000)
# What a consumer that sells link and quantity only cannot sell.
_OTHER_TYPES = {18: "Package", 38: "Custom Comments", 48: "Subscriptions", 58: "Poll"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A row of the catalogue; `rate` is per 1000, `min` and `max` bound an order's quantity."""

    service: int
    name: str
    category: str
    rate: Decimal
    min: int
    max: int
    type: str = "Default"


class Catalogue(MutableMapping[int, Service]):
    """The services on sale by id, in the order in which they are listed.

    A test may set and delete rows. An id that is deleted is unknown; one that is retired is "not active".
    `version` grows with every change.
    """

    def __init__(self, services: Iterable[Service], *, retired: Iterable[int] = ()) -> None:
        self.retired = set(retired)
        self.version = 0
        self._rows = {row.service: row for row in services}

    def __getitem__(self, service: int) -> Service:
        return self._rows[service]

    def __setitem__(self, service: int, row: Service) -> None:
        self._rows[service] = row
        self.version += 1

    def __delitem__(self, service: int) -> None:
        del self._rows[service]
        self.version += 1

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> list[Service]:
        """Return the rows as they are listed now."""
        return list(self._rows.values())

    def change(self, service: int, **fields: Any) -> None:
        """Change fields of a row, for example `rate=Decimal(95)`."""
        self[service] = replace(self[service], **fields)

    def retire(self, service: int) -> None:
        """Take a service off the list; orders of it are answered "Service Not Active"."""
        del self[service]
        self.retired.add(service)


def made_up(count: int, *, seed: int) -> Catalogue:
    """Return a catalogue of services 1 to `count`; the service after them is retired.

    The same seed gives the same rows, and a larger catalogue begins with the rows of a smaller one.
    """
    chance = random.Random(f"{seed}:catalogue")  # noqa: S311 (reproducible, guards nothing)
    return Catalogue((_service(index, chance) for index in range(count)), retired=[count + 1])


def _service(index: int, chance: random.Random) -> Service:
    kind = _OTHER_TYPES.get(index % 60, "Default")
    name, category = _name_and_category(index)
    smallest, largest = chance.choice(_MINS), chance.choice(_MAXES)
    if kind in ("Package", "Subscriptions"):
        smallest = largest = 1
    return Service(
        service=index + 1,
        name=name,
        category=category,
        rate=_rate(chance),
        min=smallest,
        max=largest,
        type=kind,
    )


def _name_and_category(index: int) -> tuple[str, str]:
    """Spell the index in words, so that no two services have one name; every other one is in English."""
    rest, platform = divmod(index, len(PLATFORMS))
    rest, kind = divmod(rest, len(KINDS))
    rest, promise = divmod(rest, len(PROMISES))
    rest, pace = divmod(rest, len(PACES))
    geo = rest % len(GEOS)
    language = (platform + kind) % 2
    parts = [f"{KINDS[kind][language]} {PLATFORMS[platform]}", PROMISES[promise][language]]
    parts += [PACES[pace][language], GEOS[geo][language]]
    # Small catalogues have one category for each platform, larger ones divide it.
    depth = 0 if index < 240 else 1 if index < 2_400 else 2
    categories = [PLATFORMS[platform], KINDS[kind][language], PACES[pace][language]]
    return " | ".join(part for part in parts if part), " | ".join(
        part for part in categories[: depth + 1] if part
    )


def _rate(chance: random.Random) -> Decimal:
    units = chance.randint(*chance.choice(_RATE_DECADES))
    places = chance.choice(_RATE_PLACES)
    return Decimal(units).scaleb(-5).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)

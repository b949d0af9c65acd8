"""Writing a catalogue's rows into our services, by few statements, whatever its size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from catalog.models import Category, Provider, Service
from catalog.pricing import price_rules
from catalog.searching import search_text
from money.amounts import MAX_AMOUNT, round_cost
from upstream.answers import Catalogue, ServiceRow, SkippedRow

BATCH = 500
UNNAMED_CATEGORY = "Other"

COPIED = (
    "category",
    "provider_category",
    "name",
    "type",
    "cost",
    "price",
    "min_quantity",
    "max_quantity",
    "can_refill",
    "can_cancel",
    "position",
    "is_listed",
    "search_text",
    "changed_at",
)
"""What a run may write to a service that is known. All else is the operator's."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run did, in services. One that only moved in the provider's order is unchanged."""

    new: int = 0
    changed: int = 0
    gone: int = 0
    back: int = 0
    unchanged: int = 0


def sellable(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue without the rows that cost more than we keep."""
    fits, skipped = [], list(catalogue.skipped)
    for position, row in enumerate(catalogue.rows):
        if row.rate < MAX_AMOUNT - 1:
            fits.append(row)
        else:
            skipped.append(SkippedRow(position, row.service_id, "rate is too large"))
    return Catalogue(rows=tuple(fits), skipped=tuple(skipped))


def copy_rows(provider: Provider, rows: Sequence[ServiceRow], *, now: datetime) -> Counts:
    """Bring a provider's services in line with its catalogue; the caller holds the provider's row.

    Only what differs is written: once more the same catalogue writes nothing.
    """
    plan = _Plan(provider, rows, now=now)
    for position, row in enumerate(rows):
        plan.take(row, position=position)
    Service.objects.bulk_create(plan.new, batch_size=BATCH)
    # An upsert by id instead of bulk_update, whose SQL grows with rows times columns.
    Service.objects.bulk_create(
        plan.written, batch_size=BATCH, update_conflicts=True, unique_fields=["pk"], update_fields=COPIED
    )
    gone = plan.gone()
    for start in range(0, len(gone), BATCH):
        Service.objects.filter(pk__in=gone[start : start + BATCH]).update(is_listed=False, changed_at=now)
    return Counts(
        new=len(plan.new), changed=plan.changed, gone=len(gone), back=plan.back, unchanged=plan.unchanged
    )


class _Plan:
    """Compares rows with what is known, and gathers what to write."""

    def __init__(self, provider: Provider, rows: Sequence[ServiceRow], *, now: datetime) -> None:
        services = Service.objects.filter(provider=provider).order_by()
        self.provider, self.now = provider, now
        self.known = {service.provider_service_id: service for service in services}
        self.rules = price_rules(services)
        self.categories = _categories(_category_name(row) for row in rows)
        self.names = {category_id: name for name, category_id in self.categories.items()}
        self.new: list[Service] = []
        self.written: list[Service] = []
        self.seen: set[str] = set()
        self.changed = self.back = self.unchanged = 0

    def take(self, row: ServiceRow, *, position: int) -> None:
        """Plan what becomes of a row."""
        self.seen.add(row.service_id)
        service = self.known.get(row.service_id)
        copied = self._copied(row, service, position=position)
        if service is None:
            self._add(row, copied)
            return
        differs = {name for name, value in copied.items() if getattr(service, name) != value}
        self._count(differs)
        if differs:
            for name, value in copied.items():
                setattr(service, name, value)
            if differs != {"position"}:
                service.changed_at = self.now
            self.written.append(service)

    def gone(self) -> list[int]:
        """Return the ids of the services that are listed and were not in the rows."""
        return [
            service.pk
            for service in self.known.values()
            if service.is_listed and service.provider_service_id not in self.seen
        ]

    def _copied(self, row: ServiceRow, service: Service | None, *, position: int) -> dict[str, object]:
        category_id = self._category_id(row, service)
        cost = round_cost(row.rate)
        return {
            "category_id": category_id,
            "provider_category": row.category,
            "name": row.name,
            "type": _known_type(row.type),
            "cost": cost,
            "price": self.rules.price(cost, self.provider.currency, service.pk if service else None),
            "min_quantity": row.min,
            "max_quantity": row.max,
            "can_refill": row.refill,
            "can_cancel": row.cancel,
            "position": position,
            "is_listed": True,
            "search_text": search_text(name=row.name, category=self.names[category_id]),
        }

    def _category_id(self, row: ServiceRow, service: Service | None) -> int:
        if service is not None:
            chosen_by_hand = self.names[service.category_id] != (
                service.provider_category or UNNAMED_CATEGORY
            )
            if chosen_by_hand:
                return service.category_id
        return self.categories[_category_name(row)]

    def _add(self, row: ServiceRow, copied: dict[str, object]) -> None:
        service = Service(
            provider=self.provider,
            provider_service_id=row.service_id,
            first_seen_at=self.now,
            changed_at=self.now,
            **copied,
        )
        self.new.append(service)

    def _count(self, differs: set[str]) -> None:
        if "is_listed" in differs:
            self.back += 1
        elif differs - {"position"}:
            self.changed += 1
        else:
            self.unchanged += 1


def _category_name(row: ServiceRow) -> str:
    return row.category or UNNAMED_CATEGORY


def _known_type(text: str) -> str:
    """Return a type in our spelling, whatever its case."""
    return next((sold for sold in Service.SOLD_TYPES if sold.casefold() == text.casefold()), text)


def _categories(names: Iterable[str]) -> dict[str, int]:
    """Return all categories' ids by name, after adding those that are missing.

    New ones come behind the known ones, in the order of their appearance.
    """
    known = dict(Category.objects.values_list("name", "pk"))
    missing = [name for name in dict.fromkeys(names) if name not in known]
    if not missing:
        return known
    last = Category.objects.aggregate(last=Max("position"))["last"] or 0
    added = [Category(name=name, position=last + place) for place, name in enumerate(missing, start=1)]
    # Another provider's run may add the same names just now: by name, so that no two wait for each other.
    added.sort(key=lambda category: category.name)
    Category.objects.bulk_create(added, batch_size=BATCH, ignore_conflicts=True)
    return dict(Category.objects.values_list("name", "pk"))

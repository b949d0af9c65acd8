"""Writing a catalogue's rows into our services, by few statements, whatever its size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from catalog import recordsets
from catalog.banning import Banned, why
from catalog.history import Change, Field, note
from catalog.holding import Hold, Kind, hold_in_bulk
from catalog.losses import settle_losses
from catalog.models import CataloguePolicy, Category, Provider, Service, ServiceHold
from catalog.rules import Costing, Steps, price_rules
from catalog.searching import folded
from money.amounts import MAX_AMOUNT, round_cost
from money.display import plain
from upstream.answers import Catalogue, ServiceRow, SkippedRow

UNNAMED_CATEGORY = "Other"


class Copied(NamedTuple):
    """What a run may write to a service that is known. All else is the operator's."""

    category_id: int
    provider_category: str
    name: str
    type: str
    cost: Decimal
    price: Decimal | None
    min_quantity: int
    max_quantity: int
    can_refill: bool | None
    can_cancel: bool | None
    position: int
    is_listed: bool
    search_text: str


COPIED = (*Copied._fields, "changed_at")
TOLD = {
    "name": Field.NAME,
    "cost": Field.COST,
    "price": Field.PRICE,
    "min_quantity": Field.MIN_QUANTITY,
    "max_quantity": Field.MAX_QUANTITY,
    "type": Field.TYPE,
    "is_listed": Field.LISTED,
}
"""What of it the history tells."""


class Known(NamedTuple):
    """A service as it stands: what was copied, and what of the operator's a run heeds."""

    pk: int
    is_hidden: bool
    held_text: str
    has_own_position: bool
    title_ru: str
    title_en: str
    copied: Copied


@dataclass(frozen=True, slots=True)
class Heading:
    """A category, with its names as a search looks for them."""

    pk: int
    name: str
    is_hidden: bool
    searched: str
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run did, in services. One that only moved in the provider's order is unchanged.

    `holds` are those that were put on services, each with the service's name.
    """

    new: int = 0
    changed: int = 0
    gone: int = 0
    back: int = 0
    unchanged: int = 0
    holds: tuple[tuple[ServiceHold.Kind, str], ...] = ()


def sellable(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue without the rows that cost more than we keep."""
    fits, skipped = [], list(catalogue.skipped)
    for position, row in enumerate(catalogue.rows):
        if row.rate < MAX_AMOUNT - 1:
            fits.append(row)
        else:
            skipped.append(SkippedRow(position, row.service_id, "rate is too large"))
    return Catalogue(rows=tuple(fits), skipped=tuple(skipped))


def known_services(provider: Provider) -> dict[str, Known]:
    """Return a provider's services by its ids for them: tuples, since ten thousand objects take a second."""
    own = Known._fields[:-1]
    stored = Service.objects.filter(provider=provider).order_by()
    rows = stored.values_list("provider_service_id", *own, *Copied._fields)
    after = len(own) + 1
    return {row[0]: Known._make((*row[1:after], Copied._make(row[after:]))) for row in rows}


def copy_rows(
    provider: Provider,
    rows: Sequence[ServiceRow],
    *,
    now: datetime,
    known: Mapping[str, Known] | None = None,
    policy: CataloguePolicy | None = None,
) -> Counts:
    """Bring a provider's services in line with its catalogue; the caller holds the provider's row.

    Only what differs is written: once more the same catalogue writes nothing. `known` and `policy` are read
    where they are not given.
    """
    known = known_services(provider) if known is None else known
    policy = policy or CataloguePolicy.objects.first() or CataloguePolicy()
    plan = _Plan(provider, rows, known=known, policy=policy)
    for position, row in enumerate(rows):
        plan.take(row, position=position)
    plan.leave_out()
    _write(plan, now=now)
    return plan.counts()


def _write(plan: "_Plan", *, now: datetime) -> None:
    same = {"provider_id": plan.provider.pk, "first_seen_at": now, "changed_at": now}
    returned = recordsets.insert(
        Service,
        ("provider_service_id", *Copied._fields),
        ((service_id, *copied) for service_id, copied in plan.new.items()),
        same=same,
        returning=("provider_service_id", "pk"),
    )
    plan.name_new(dict(returned))
    changed = ((pk, *copied, now) for pk, copied in plan.changed.items())
    recordsets.update(Service, COPIED, changed)
    recordsets.update(Service, ("position",), plan.moved.items())
    recordsets.update(Service, ("is_listed", "changed_at"), ((pk, False, now) for pk in plan.gone))
    held = hold_in_bulk(plan.holds, at=now, freed=plan.freed, are_locked=True)
    note([*plan.changes, *held], at=now)
    if plan.losses or any(known.held_text for known in plan.known.values()):
        settle_losses(Service.objects.filter(provider=plan.provider), plan.losses, at=now)


class _Plan:
    """What is to be written, gathered row by row."""

    def __init__(
        self,
        provider: Provider,
        rows: Sequence[ServiceRow],
        *,
        known: Mapping[str, Known],
        policy: CataloguePolicy,
    ) -> None:
        self.provider, self.known = provider, known
        self.jump_percent = policy.max_cost_jump_percent
        self.rules = price_rules(Service.objects.filter(provider=provider), policy=policy)
        self.banned = Banned.read()
        self.headings = _headings(_category_name(row) for row in rows)
        self.by_id = {heading.pk: heading for heading in self.headings.values()}
        self.seen: set[str] = set()
        self.new: dict[str, Copied] = {}
        self.new_losses: dict[str, Steps] = {}
        self.changed: dict[int, Copied] = {}
        self.moved: dict[int, int] = {}
        self.gone: list[int] = []
        self.freed: list[int] = []
        self.holds: list[Hold] = []
        self.names: list[str] = []
        self.changes: list[Change] = []
        self.losses: dict[int, Steps] = {}
        self.back = self.differing = self.unchanged = 0

    def counts(self) -> Counts:
        """Return what the plan comes to."""
        kinds = (hold.kind for hold in self.holds)
        return Counts(
            new=len(self.new),
            changed=self.differing,
            gone=len(self.gone),
            back=self.back,
            unchanged=self.unchanged,
            holds=tuple(zip(kinds, self.names, strict=True)),
        )

    def take(self, row: ServiceRow, *, position: int) -> None:
        """Plan what becomes of a row."""
        self.seen.add(row.service_id)
        known = self.known.get(row.service_id)
        copied, steps = self._copied(row, known, position=position)
        if known is None:
            self.new[row.service_id] = copied
            if steps and steps.stops:
                self.new_losses[row.service_id] = steps
            return
        if steps and steps.stops:
            self.losses[known.pk] = steps
        if copied == known.copied:
            self.unchanged += 1
        elif copied._replace(position=known.copied.position) == known.copied:
            self.unchanged += 1
            self.moved[known.pk] = copied.position
        else:
            self._change(known, copied)

    def leave_out(self) -> None:
        """Plan what becomes of the services that are listed and were not in the rows."""
        for service_id, known in self.known.items():
            if known.copied.is_listed and service_id not in self.seen:
                self.gone.append(known.pk)
                is_offered = self._is_offered(known, known.copied)
                self.changes.append(Change(known.pk, Field.LISTED, True, False, is_offered=is_offered))

    def name_new(self, ids: Mapping[str, int]) -> None:
        """Plan the holds and the history of what was inserted, by the ids that it got.

        Of a provider's first catalogue nothing is news.
        """
        for service_id, copied in self.new.items():
            pk = ids[service_id]
            held = len(self.holds)
            if self.provider.new_services == Provider.NewServices.LOOK:
                self._hold(pk, Kind.NEW, "New: nobody has looked at it yet.", copied)
            if pattern := self._banned(copied):
                self._hold(pk, Kind.WORDS, why(pattern), copied)
            if service_id in self.new_losses:
                self.losses[pk] = self.new_losses[service_id]
            if self.known:
                is_offered = len(self.holds) == held and self._is_offered(None, copied)
                self.changes.append(Change(pk, Field.ADDED, "", copied.name, is_offered=is_offered))

    def _copied(self, row: ServiceRow, known: Known | None, *, position: int) -> tuple[Copied, Steps | None]:
        heading = self._heading(row, known)
        cost = round_cost(row.rate)
        steps = self.rules.steps(
            Costing(cost, self.provider.currency, self.provider.pk, heading.pk, known.pk if known else None)
        )
        copied = Copied(
            heading.pk,
            row.category,
            row.name,
            _known_type(row.type),
            cost,
            steps.price if steps else None,
            row.min,
            row.max,
            row.refill,
            row.cancel,
            known.copied.position if known and known.has_own_position else position,
            True,
            _searched(row.name, known, heading),
        )
        return copied, steps

    def _heading(self, row: ServiceRow, known: Known | None) -> Heading:
        if known is not None:
            chosen = self.by_id[known.copied.category_id]
            if chosen.name != (known.copied.provider_category or UNNAMED_CATEGORY):
                return chosen  # by hand
        return self.headings[_category_name(row)]

    def _change(self, known: Known, copied: Copied) -> None:
        self.changed[known.pk] = copied
        if copied.is_listed != known.copied.is_listed:
            self.back += 1
        else:
            self.differing += 1
        is_offered = self._is_offered(known, copied)
        is_titled = bool(known.title_ru or known.title_en)  # customers do not read the provider's name
        for name, field in TOLD.items():
            old, new = getattr(known.copied, name), getattr(copied, name)
            if old != new:
                shown = is_offered and not (field == Field.NAME and is_titled)
                self.changes.append(Change(known.pk, field, old, new, is_offered=shown))
        self._look_at_cost(known, copied)
        self._look_at_words(known, copied)

    def _look_at_cost(self, known: Known, copied: Copied) -> None:
        old, new = known.copied.cost, copied.cost
        if new * 100 > old * (100 + self.jump_percent):
            currency = self.provider.currency
            text = f"Its cost per 1000 rose from {plain(old)} to {plain(new)} {currency}."
            self._hold(known.pk, Kind.COST, text, copied)

    def _look_at_words(self, known: Known, copied: Copied) -> None:
        """Look for banned words where the names changed: what a person let go on stays so under its name."""
        if (known.copied.search_text, known.copied.provider_category) == (
            copied.search_text,
            copied.provider_category,
        ):
            return
        if pattern := self._banned(copied):
            self._hold(known.pk, Kind.WORDS, why(pattern), copied)
        elif known.held_text:
            self.freed.append(known.pk)

    def _banned(self, copied: Copied) -> str:
        return self.banned.found_in(f"{copied.search_text}\n{copied.provider_category}")

    def _hold(self, pk: int, kind: ServiceHold.Kind, text: str, copied: Copied) -> None:
        self.holds.append(Hold(pk, kind, text))
        self.names.append(copied.name)

    def _is_offered(self, known: Known | None, copied: Copied) -> bool:
        is_kept_back = known is not None and (known.is_hidden or bool(known.held_text))
        is_hidden = self.by_id[copied.category_id].is_hidden
        return not is_kept_back and not is_hidden and copied.type in Service.SOLD_TYPES


def _searched(name: str, known: Known | None, heading: Heading) -> str:
    """Return what a search looks through, as `searching.search_text` has it."""
    titles = (known.title_ru, known.title_en) if known else ()
    return "\n".join(
        [folded(name), heading.searched, *(folded(one) for one in titles if one), *heading.titles]
    )


def _category_name(row: ServiceRow) -> str:
    return row.category or UNNAMED_CATEGORY


def _known_type(text: str) -> str:
    """Return a type in our spelling, whatever its case."""
    if text in Service.SOLD_TYPES:
        return text
    return next((sold for sold in Service.SOLD_TYPES if sold.casefold() == text.casefold()), text)


def _headings(names: Iterable[str]) -> dict[str, Heading]:
    """Return all categories by name, after adding those that are missing.

    New ones come behind the known ones, in the order of their appearance.
    """
    stored = list(Category.objects.values_list("pk", "name", "is_hidden", "title_ru", "title_en", "position"))
    known = {name: _heading(pk, name, is_hidden, titles) for pk, name, is_hidden, *titles, _ in stored}
    missing = [name for name in dict.fromkeys(names) if name not in known]
    last = max((row[-1] for row in stored), default=0)
    added = [(name, last + place) for place, name in enumerate(missing, start=1)]
    # Another provider's run may add the same names just now: by name, so that no two wait for each other.
    added.sort()
    returned = recordsets.insert(
        Category,
        ("name", "position"),
        added,
        # So that theirs are returned too; a change of no key, for which nobody's services wait.
        on_conflict="(name) DO UPDATE SET position = catalog_category.position",
        returning=("pk", "name", "is_hidden", "title_ru", "title_en"),
    )
    return known | {name: _heading(pk, name, is_hidden, titles) for pk, name, is_hidden, *titles in returned}


def _heading(pk: int, name: str, is_hidden: bool, titles: Sequence[str]) -> Heading:
    return Heading(pk, name, bool(is_hidden), folded(name), tuple(folded(title) for title in titles if title))

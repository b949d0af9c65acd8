"""Whatever writes many services locks the providers first: no two of them wait for each other.

A second one begins while the first, a run of a catalogue, stands between two statements: it has the provider
and the services that changed, and is about to write one more. Who took a service before the providers would
meet it in a deadlock, every time.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest

from catalog.bulk import move, of_ids
from catalog.models import Category, Provider, Service, SyncRun
from catalog.providers import save_provider
from catalog.selling import save_decisions, set_hidden
from catalog.syncing import sync_catalog
from catalog.translating import save_category_names, save_names
from tests.catalog.conftest import Site, row
from tests.factories import make_provider
from tests.interrupting import overtaking

pytestmark = [pytest.mark.needs_postgres, pytest.mark.django_db(transaction=True)]

THE_LAST_WRITE = 'UPDATE "catalog_service" SET "is_listed"'


@pytest.fixture(autouse=True)
def _nobody_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.waking._send", lambda task, *args: None)


@pytest.fixture
def known(provider: Provider, site: Site) -> Provider:
    """A provider whose next catalogue lacks its first service and changes the three others."""
    site.lists(*(row(number) for number in range(1, 5)))
    assert sync_catalog(provider).outcome == SyncRun.Outcome.DONE
    site.lists(*(row(number, name="Another name", rate="95") for number in range(2, 5)))
    return provider


def the(number: int) -> Service:
    return Service.objects.get(provider_service_id=str(number))


def name_services() -> None:
    save_names({the(number).pk: {"title_en": "Ours"} for number in (1, 2)})


def name_the_category() -> None:
    save_category_names({the(1).category_id: {"title_en": "Ours"}})


def hide_services() -> None:
    set_hidden(of_ids([the(1).pk, the(2).pk]), is_hidden=True)


def move_services() -> None:
    move(of_ids([the(1).pk, the(2).pk]), Category.objects.create(name="Elsewhere"))


def name_one() -> None:
    service = the(1)
    service.title_en = "Ours"
    save_decisions(service, {"title_en"})


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        (name_services, {"title_en": "Ours"}),
        (name_the_category, {"category__title_en": "Ours"}),
        (hide_services, {"is_hidden": True}),
        (move_services, {"category__name": "Elsewhere"}),
        (name_one, {"title_en": "Ours"}),
    ],
    ids=["names", "category", "hidden", "moved", "one"],
)
def test_beside_a_run_of_the_catalogue(
    known: Provider, act: Callable[[], None], seen: dict[str, object]
) -> None:
    run, nothing = overtaking(partial(sync_catalog, known), act, before=THE_LAST_WRITE)

    assert nothing is None
    assert (run.outcome, run.changed, run.gone) == (SyncRun.Outcome.DONE, 3, 1)
    assert Service.objects.filter(provider_service_id="1", is_listed=False, **seen).exists()
    assert Service.objects.filter(name="Another name", price=Decimal("123.5")).count() == 3


def test_two_providers_get_another_currency_at_once(site: Site) -> None:
    one, other = make_provider(url=site.server.url), make_provider(url=site.server.url)

    def to_dollars(provider: Provider) -> frozenset[str]:
        provider = Provider.objects.get(pk=provider.pk)
        provider.currency = "USD"
        return save_provider(provider)

    outcomes = overtaking(
        partial(to_dollars, other), partial(to_dollars, one), before='UPDATE "catalog_provider"'
    )

    assert outcomes == [frozenset({"currency"})] * 2
    assert set(Provider.objects.values_list("currency", flat=True)) == {"USD"}

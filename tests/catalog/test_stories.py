"""Whole stories against the sandbox provider, in both of its dialects."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.utils import timezone

from catalog.balances import refresh_balance
from catalog.models import Category, Provider, Service, SyncRun
from catalog.probing import probe_due
from catalog.syncing import sync_catalog
from tests.factories import make_provider
from upstream.sandbox.faults import CUT, DROPPED, ERROR_BEFORE, HTML_BEFORE, Fault, saying, too_many
from upstream.sandbox.server import SandboxServer
from upstream.sandbox.settings import Settings

SIZE = 1000


@pytest.fixture(params=["document", "classic"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with SandboxServer(Settings(dialect=request.param, services=SIZE)) as server:
        yield server


@pytest.fixture
def account(db: None, sandbox: SandboxServer) -> Provider:
    return make_provider(url=sandbox.url, key=sandbox.key)


def test_a_catalogue_from_day_to_day(account: Provider, sandbox: SandboxServer) -> None:
    first = sync_catalog(account)
    assert (first.outcome, first.new, first.skipped) == (SyncRun.Outcome.DONE, SIZE, [])
    for row in sandbox.services.rows():
        service = Service.objects.get(provider_service_id=str(row.service))
        assert (service.cost, service.min_quantity, service.max_quantity) == (row.rate, row.min, row.max)
        assert (service.name, service.type) == (row.name, row.type)
    categories = list(dict.fromkeys(row.category for row in sandbox.services.rows()))
    assert list(Category.objects.values_list("name", flat=True)) == categories

    sandbox.services.change(1, rate=Decimal("12.34567"))
    sandbox.services.retire(2)
    second = sync_catalog(account)
    assert (second.new, second.changed, second.gone, second.unchanged) == (0, 1, 1, SIZE - 2)
    assert sync_catalog(account).unchanged == SIZE - 1


@pytest.mark.parametrize(
    "fault",
    [ERROR_BEFORE, HTML_BEFORE, DROPPED, CUT, too_many(30), saying("[]"), saying("null"), saying("")],
    ids=["500", "html", "dropped", "cut", "429", "empty-list", "null", "empty"],
)
def test_bad_days_change_nothing(account: Provider, sandbox: SandboxServer, fault: Fault) -> None:
    sync_catalog(account)
    before = list(Service.objects.order_by("pk").values())
    sandbox.script("services", fault)

    assert sync_catalog(account).outcome != SyncRun.Outcome.DONE
    assert list(Service.objects.order_by("pk").values()) == before
    assert sync_catalog(account).outcome == SyncRun.Outcome.DONE


def test_a_refused_key_halts_until_the_account_answers(account: Provider, sandbox: SandboxServer) -> None:
    sandbox.script("balance", saying('{"error": "Invalid API key"}'), times=2)
    refresh_balance(account)
    assert Provider.objects.get().halt_rule == "key"

    Provider.objects.update(probe_at=timezone.now())
    assert probe_due() == 0
    Provider.objects.update(probe_at=timezone.now())
    assert probe_due() == 1
    assert Provider.objects.get().balance == sandbox.balance

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from catalog import tasks
from catalog.halting import BY_HAND, halt
from catalog.models import Provider, Service
from panel.celery import app
from tests.catalog.conftest import Site, row
from tests.factories import make_provider


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What tasks sent on, instead of a broker."""
    sent: list[tuple[str, int]] = []
    for name in ("sync_provider", "refresh_provider_balance"):
        monkeypatch.setattr(getattr(tasks, name), "delay", lambda pk, name=name: sent.append((name, pk)))
    return sent


def test_beat_knows_them_by_name() -> None:
    app.loader.import_default_modules()
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert {name for name in named if name.startswith("catalog.")} <= set(app.tasks)


def test_every_active_provider_is_synced(db: None, sent: Any) -> None:
    one, halted = make_provider(name="a"), make_provider(name="b")
    make_provider(is_active=False)
    halt(halted, rule="funds", text="…")

    tasks.sync_catalogues()

    assert sent == [("sync_provider", one.pk), ("sync_provider", halted.pk)]


def test_balances_of_those_that_need_not_wait(db: None, sent: Any) -> None:
    plain, by_hand, halted = (make_provider(name=name) for name in "abc")
    make_provider(is_active=False)
    make_provider(paced_until=timezone.now() + timedelta(minutes=1))
    rested = make_provider(name="d", paced_until=timezone.now() - timedelta(minutes=1))
    halt(by_hand, rule=BY_HAND, text="…")
    halt(halted, rule="funds", text="…")

    tasks.refresh_balances()

    assert [pk for _, pk in sent] == [plain.pk, by_hand.pk, rested.pk]


def test_each_does_its_work(provider: Provider, site: Site) -> None:
    tasks.sync_provider(provider.pk)
    tasks.refresh_provider_balance(provider.pk)
    assert (Service.objects.count(), Provider.objects.get().balance_text) == (2, "12.34")

    site.lists(row(1))
    tasks.sync_provider(provider.pk, 1)
    assert Service.objects.filter(is_listed=True).count() == 1

    halt(provider, rule="key", text="…")
    Provider.objects.update(probe_at=timezone.now())
    tasks.probe_halted_providers()
    assert Provider.objects.get().halted_at is None

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from catalog import probing
from catalog.halting import BY_HAND, halt
from catalog.models import Provider
from catalog.probing import probe_due, probe_soon
from tests.catalog.conftest import Site

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def halted(provider: Provider) -> Provider:
    with time_machine.travel(NOW, tick=False):
        halt(provider, rule="funds", text="Insuffcient Funds", funds=True)
    return provider


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_a_good_answer_ends_the_halt(halted: Provider, site: Site, commits: Any) -> None:
    assert probe_due(now=after(0.9)) == 0
    assert site.server.actions() == []

    with commits as sent:
        assert probe_due(now=after(1)) == 1

    assert site.server.actions() == ["balance"]
    seen = Provider.objects.get()
    assert (seen.halted_at, seen.failed_probes) == (None, 1)
    assert seen.balance is not None
    assert ("orders.tasks.forward_every_provider", ()) in sent


def test_bad_answers_are_probed_later_and_later(halted: Provider, site: Site) -> None:
    site.goes_down()
    minute, seen = 1.0, []

    for _ in range(7):
        assert probe_due(now=after(minute)) == 0
        next_at = Provider.objects.get().probe_at
        assert next_at is not None
        seen.append((next_at - after(minute)).total_seconds() / 60)
        assert probe_due(now=next_at - timedelta(seconds=1)) == 0
        minute = (next_at - NOW).total_seconds() / 60

    assert seen == [2, 4, 8, 16, 30, 30, 30]
    assert len(site.server.calls) == 7


def test_a_halt_after_a_good_probe_waits_longer(halted: Provider) -> None:
    for count in (1, 2, 3):
        probe_due(now=after(1000 * count))
        with time_machine.travel(after(1000 * count + 1), tick=False):
            assert halt(halted, rule="funds", text="Insuffcient Funds", funds=True)
        assert Provider.objects.get().probe_at == after(1000 * count + 1 + 2**count)


def test_halted_by_hand_is_not_probed(provider: Provider, site: Site) -> None:
    halt(provider, rule=BY_HAND, text="by Olga")

    assert not probe_soon(provider)
    assert probe_due(now=after(10**6)) == 0
    assert site.server.calls == []


def test_an_inactive_provider_is_not_probed(halted: Provider, site: Site) -> None:
    Provider.objects.update(is_active=False)

    assert probe_due(now=after(10)) == 0
    assert site.server.calls == []


def test_of_two_workers_one_asks(halted: Provider, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = probing.refresh_balance

    def while_another_worker_comes(provider: Provider) -> Any:
        monkeypatch.setattr(probing, "refresh_balance", plain)
        assert probe_due(now=after(1)) == 0
        return plain(provider)

    monkeypatch.setattr(probing, "refresh_balance", while_another_worker_comes)

    assert probe_due(now=after(1)) == 1
    assert len(site.server.calls) == 1


def test_a_probe_of_old_settings_does_not_end_the_halt(
    halted: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = probing.refresh_balance

    def while_it_is_edited(provider: Provider) -> Any:
        probe_soon(provider)
        return plain(provider)

    monkeypatch.setattr(probing, "refresh_balance", while_it_is_edited)

    assert probe_due(now=after(1)) == 0
    assert Provider.objects.get().halted_at == NOW


def test_a_key_refused_meanwhile_is_worse_than_no_funds(halted: Provider, site: Site) -> None:
    site.says("balance", {"error": "Invalid API key"})

    assert probe_due(now=after(1)) == 0
    assert Provider.objects.get().halt_rule == "key"


def test_probing_soon_wakes_the_probe(halted: Provider, commits: Any) -> None:
    Provider.objects.update(failed_probes=9)

    with commits as sent:
        assert probe_soon(halted)

    seen = Provider.objects.get()
    assert seen.failed_probes == 0
    assert seen.probe_at is not None
    assert sent == [("catalog.tasks.probe_halted_providers", ())]


def test_of_two_workers_that_saw_the_same_probe_one_asks(halted: Provider, site: Site) -> None:
    site.goes_down()
    one, other = Provider.objects.get(), Provider.objects.get()

    probing._probe(one, now=after(1))
    probing._probe(other, now=after(1))

    assert len(site.server.calls) == 1
    assert Provider.objects.get().failed_probes == 1

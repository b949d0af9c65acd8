from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from catalog.halting import BY_HAND, halt, pace_down, resume, sending_works, wait_after
from catalog.models import Provider
from operations.models import Alert
from tests.operations.reading import in_english, texts_within

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def test_halting_stops_and_alerts(provider: Provider) -> None:
    assert halt(provider, rule="key", text="Invalid API key")

    for seen in (provider, Provider.objects.get()):
        assert (seen.halted_at, seen.halt_rule, seen.halt_text) == (NOW, "key", "Invalid API key")
        assert seen.probe_at == NOW + timedelta(minutes=1)
    alert = Alert.objects.get()
    assert (alert.kind, alert.cause) == (Alert.Kind.PROVIDER_HALTED, f"provider:{provider.pk}")
    assert "Invalid API key" in in_english(alert)


def test_our_own_cause_is_told_in_the_readers_language(provider: Provider) -> None:
    halt(provider, rule="unreachable", text="the provider's address does not answer")

    assert Provider.objects.get().halt_text == "the provider's address does not answer"
    assert texts_within(Alert.objects.get()) == ["it cannot be reached"]


def test_the_first_halt_counts(provider: Provider) -> None:
    halt(provider, rule="key", text="Invalid API key")

    assert not halt(Provider.objects.get(), rule="x", text="Insuffcient Funds", funds=True)

    assert Provider.objects.get().halt_rule == "key"
    assert Alert.objects.get().times == 1


def test_want_of_funds_is_known_by_its_rule(provider: Provider) -> None:
    halt(provider, rule="anything", text="Insuffcient Funds", funds=True)

    assert Provider.objects.get().halt_rule == "funds"


@pytest.mark.parametrize("rule", [BY_HAND, "missing_parameter", "service_unknown"])
def test_some_halts_wait_for_a_person(provider: Provider, rule: str) -> None:
    halt(provider, rule=rule, text="…")

    assert Provider.objects.get().probe_at is None


def test_long_words_are_cut(provider: Provider) -> None:
    halt(provider, rule="r" * 99, text="t" * 9999)

    kept = Provider.objects.get()
    assert (len(kept.halt_rule), len(kept.halt_text)) == (40, 500)


def test_resuming_wakes_the_forwarders_and_closes_the_alert(provider: Provider, commits: Any) -> None:
    halt(provider, rule="key", text="Invalid API key")
    Provider.objects.update(failed_probes=3)

    with commits as sent:
        assert resume(provider)

    seen = Provider.objects.get()
    assert (seen.halted_at, seen.halt_rule, seen.halt_text, seen.probe_at) == (None, "", "", None)
    assert seen.failed_probes == 3  # until an order is accepted
    assert Alert.objects.get().closed_at == NOW
    assert sent == [("orders.tasks.forward_every_provider", ())]


def test_resuming_what_was_not_halted_does_nothing(provider: Provider, commits: Any) -> None:
    with commits as sent:
        assert not resume(provider)
    assert sent == []


def test_an_accepted_order_forgets_failed_probes(provider: Provider) -> None:
    Provider.objects.update(failed_probes=3)

    sending_works(Provider.objects.get())

    assert Provider.objects.get().failed_probes == 0


def test_an_accepted_order_costs_no_statement_when_all_is_well(
    provider: Provider, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        sending_works(provider)


def test_waits_double_up_to_half_an_hour() -> None:
    minutes = [wait_after(count).total_seconds() / 60 for count in (0, 1, 2, 3, 4, 5, 6, 1000)]

    assert minutes == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_longer_wait_counts(provider: Provider) -> None:
    for seconds, until in ((60, 60), (10, 60), (90.5, 90.5)):
        pace_down(provider, seconds)
        assert Provider.objects.get().paced_until == NOW + timedelta(seconds=until)

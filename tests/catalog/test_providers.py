from decimal import Decimal
from typing import Any

from django.utils import timezone

from catalog.halting import BY_HAND, halt
from catalog.models import Provider, Service
from catalog.providers import save_provider
from tests.factories import make_service

BALANCE, SYNC, PROBE = "refresh_provider_balance", "sync_provider", "probe_halted_providers"


def names(sent: list[tuple[str, tuple[int, ...]]]) -> list[str]:
    return [task.removeprefix("catalog.tasks.") for task, _ in sent]


def test_a_new_provider_is_asked_and_copied(db: None, commits: Any) -> None:
    with commits as sent:
        save_provider(Provider(name="a", url="http://127.0.0.1:9/", currency="RUB"), key="k")

    assert Provider.objects.get().key == "k"
    assert names(sent) == [BALANCE, SYNC]


def test_nothing_changed_does_nothing(provider: Provider, commits: Any) -> None:
    with commits as sent:
        assert save_provider(provider, key="k-e-y") == frozenset()
    assert sent == []


def test_a_changed_account_is_asked_at_once_and_its_old_balance_forgotten(
    provider: Provider, commits: Any
) -> None:
    Provider.objects.update(
        balance=Decimal(5), balance_text="5", balance_verified=True, balance_at=timezone.now()
    )

    with commits as sent:
        assert save_provider(provider, key="new") == {"key"}

    seen = Provider.objects.get()
    assert (seen.key, seen.balance, seen.balance_text, seen.balance_at) == ("new", None, "", None)
    assert names(sent) == [BALANCE]


def test_a_halted_one_is_probed_at_once(provider: Provider, commits: Any) -> None:
    halt(provider, rule="key", text="Invalid API key")
    provider.method = "GET"

    with commits as sent:
        save_provider(provider)

    assert names(sent) == [PROBE]
    assert Provider.objects.filter(probe_at__lte=timezone.now(), halted_at__isnull=False).exists()


def test_one_halted_by_hand_stays_halted(provider: Provider, commits: Any) -> None:
    halt(provider, rule=BY_HAND, text="by Olga")

    with commits as sent:
        save_provider(provider, key="new")

    assert names(sent) == [BALANCE]
    assert Provider.objects.get().probe_at is None


def test_a_form_opened_before_a_halt_does_not_undo_it(provider: Provider) -> None:
    opened = Provider.objects.defer("key").get()
    halt(provider, rule="key", text="Invalid API key")
    opened.calls_at_once = 3

    assert save_provider(opened) == {"calls_at_once"}

    seen = Provider.objects.get()
    assert (seen.calls_at_once, seen.halt_rule, seen.key) == (3, "key", "k-e-y")


def test_another_currency_sets_prices_anew(provider: Provider) -> None:
    service = make_service(provider)
    provider.currency = "USD"

    save_provider(provider)

    assert Service.objects.get(pk=service.pk).price is None


def test_a_key_lost_with_its_secret_key_can_be_entered_anew(provider: Provider, settings: Any) -> None:
    settings.SECRET_KEY = "another"

    assert save_provider(Provider.objects.defer("key").get(), key="k-e-y") == {"key"}

    assert Provider.objects.get().key == "k-e-y"

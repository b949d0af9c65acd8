"""Adding and changing providers, and what follows from a change."""

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from catalog.models import Provider
from catalog.pricing import lock_providers, reprice
from catalog.probing import probe_soon
from operations.waking import wake

SETTINGS = (
    *("name", "url", "currency", "method", "calls_at_once", "calls_per_second"),
    *("lost_answers", "is_active", "new_services", "low_balance"),
)
"""What a person decides of a provider, apart from its key; all else in its row is the panel's."""

ACCOUNT = frozenset({"url", "key", "method", "currency"})
"""What makes a provider answer otherwise than before."""

ANOTHER_ACCOUNT = frozenset({"url", "key"})
"""What may make it another account, whose order ids say nothing of those from before."""


@transaction.atomic
def save_provider(provider: Provider, *, key: str | None = None) -> frozenset[str]:
    """Save a new provider, or a known one's settings, and return the names of what changed.

    `key` None keeps the key. Only settings are written, so that a form opened before a halt does not undo it.
    A changed account is asked for its balance at once, which probes a halted one; a new one is copied.
    """
    if provider.pk is None:
        return _add(provider, key=key or "")
    lock_providers()  # all of them and in their order: another currency sets prices anew
    before = Provider.objects.select_for_update().defer("key").get(pk=provider.pk)
    changed = {name for name in SETTINGS if getattr(before, name) != getattr(provider, name)}
    if key is not None and key != _key_of(before):
        provider.key = key
        changed.add("key")
    if changed:
        provider.save(update_fields=changed)
    if changed & ACCOUNT:
        _forget_answers(provider)
        if not probe_soon(provider):
            wake("catalog.tasks.refresh_provider_balance", provider.pk)
    if changed & ANOTHER_ACCOUNT:
        Provider.objects.filter(pk=provider.pk).update(account_since=timezone.now())
    if "currency" in changed:
        reprice(provider)
    if "lost_answers" in changed:
        wake("orders.tasks.search_provider", provider.pk)  # what was found before is taken up, or no more
    return frozenset(changed)


def _add(provider: Provider, *, key: str) -> frozenset[str]:
    provider.key = key
    provider.save(force_insert=True)
    wake("catalog.tasks.refresh_provider_balance", provider.pk)
    wake("catalog.tasks.sync_provider", provider.pk)
    return frozenset((*SETTINGS, "key"))


def _key_of(provider: Provider) -> str | None:
    try:
        return provider.key
    except ImproperlyConfigured:
        return None  # encrypted by a SECRET_KEY that is gone: any key is another one


def _forget_answers(provider: Provider) -> None:
    Provider.objects.filter(pk=provider.pk).update(
        balance=None,
        balance_text="",
        balance_verified=False,
        balance_has_decimals=False,
        balance_at=None,
        balance_error="",
        answers_for_many=None,
    )

"""`manage.py add_provider NAME URL KEY …`: add a provider, or change the one of that name."""

import sys
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import IntegrityError

from catalog.models import Provider
from catalog.probing import probe_soon
from catalog.providers import save_provider


class Command(BaseCommand):
    """Adds a provider, or changes the one of that name; options that are not given keep their value."""

    help = "Add a provider, or change the one of that name."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the account and how it may be called."""
        parser.add_argument("name")
        parser.add_argument("url", help="the address of its API, for example https://example.com/api/v2")
        parser.add_argument("key", help="the account's API key; - reads it from standard input")
        parser.add_argument("--currency", help="of the account, for example RUB (default: the site's)")
        parser.add_argument(
            "--calls-at-once", type=int, metavar="N", help="by all workers together (default: 8)"
        )
        parser.add_argument(
            "--calls-per-second", metavar="N", help="by all workers together; 0: no limit (default: no limit)"
        )
        parser.add_argument("--method", type=str.upper, help="POST (default) or GET")
        parser.add_argument(
            "--lost-answers",
            choices=Provider.LostAnswers.values,
            help="what was found of an order whose answer was lost: ask the person who settles (default), or "
            "adopt what fits, for an account that nobody but this panel uses",
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        """Save the provider and say what was done; the key is never printed."""
        # Without its key: one that cannot be decrypted any more is what this command is run for.
        known = Provider.objects.filter(name=options["name"].strip()).defer("key").first()
        provider = known or Provider(name=options["name"].strip(), currency=settings.SITE_CURRENCY)
        key = (sys.stdin.readline() if options["key"] == "-" else options["key"]).strip()
        _apply(provider, options)
        _check(provider, key)
        try:
            changed = save_provider(provider, key=key)
        except IntegrityError as error:
            raise CommandError(
                f"Somebody else added {provider} just now: run this again to change it."
            ) from error
        self.stdout.write(_said(provider, sorted(changed), is_new=known is None))
        if known is not None and probe_soon(provider):
            self.stdout.write("It is halted and will be probed at once.")


def _apply(provider: Provider, options: dict[str, Any]) -> None:
    provider.url = options["url"].strip()
    for name in ("currency", "calls_at_once", "method", "lost_answers"):
        if options[name] is not None:
            setattr(provider, name, options[name])
    if options["calls_per_second"] is not None:
        try:
            provider.calls_per_second = Decimal(options["calls_per_second"]) or None
        except InvalidOperation as error:
            raise CommandError("--calls-per-second is a number, for example 5 or 0.5.") from error


def _check(provider: Provider, key: str) -> None:
    if not key:
        raise CommandError("The key is empty.")
    try:
        provider.full_clean(exclude={"key"})
    except ValidationError as error:
        texts = [f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items()]
        raise CommandError("\n".join(texts)) from error


def _said(provider: Provider, changed: list[str], *, is_new: bool) -> str:
    if is_new:
        return (
            f"Provider {provider} is added. Copy its catalogue: manage.py sync_catalog --provider {provider}"
        )
    if not changed:
        return f"Provider {provider} stays as it was."
    return f"Provider {provider} is changed: {', '.join(changed)}."

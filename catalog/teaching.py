"""Teaching a provider's text a class, for refusals of `add` that no row of the error table knows.

What is taught holds from the next answer on: it is looked up when an answer with unknown words is recorded,
and only then, so that no worker keeps an old copy and no call costs a query.
"""

import logging
from collections.abc import Iterable

from django.utils.translation import gettext as _

from accounts.models import User
from catalog.models import Provider, TaughtText
from operations.waking import wake
from upstream.errors import ProviderError
from upstream.taught import Meaning, class_by_meaning, closest, table_rule, taught_form, telling_signs

logger = logging.getLogger(__name__)

LEAST_SIGNS = 6
"""Letters and digits of a taught text; a shorter one would be found in texts of every meaning."""

LONGEST = 300


class TeachingError(Exception):
    """Base of what teaching refuses; nothing was changed when one is raised."""


class TextTooShort(TeachingError):
    """Raised for a text that would be found in almost everything."""


class TextTooLong(TeachingError):
    """Raised for a text that is longer than what is kept."""


class KnownToTable(TeachingError):
    """Raised for a text that a row of the error table knows: the rows are read first."""

    def __init__(self, *, rule: str) -> None:
        super().__init__(f"the row {rule} knows it")
        self.rule = rule


class TaughtOtherwise(TeachingError):
    """Raised for a text that was taught another meaning."""

    def __init__(self, taught: TaughtText) -> None:
        super().__init__(f"it means {taught.meaning}")
        self.taught = taught


def explain(error: TeachingError) -> str:
    """Return the sentence that tells staff of a refusal, in the language of the page."""
    if isinstance(error, KnownToTable):
        return _("The error table knows this text already, and is read first (its row: %(rule)s).") % {
            "rule": error.rule
        }
    if isinstance(error, TaughtOtherwise):
        return _("This text is taught already, by %(who)s: %(meaning)s. Delete that first.") % {
            "who": error.taught.taught_by,
            "meaning": error.taught.get_meaning_display(),
        }
    if isinstance(error, TextTooLong):
        return _("Shorten it to at most %(most)s characters.") % {"most": LONGEST}
    return _("Too short: it needs at least %(least)s letters or digits, or it would be found everywhere.") % {
        "least": LEAST_SIGNS
    }


def check(provider: Provider, *, text: str, meaning: str) -> str:
    """Return a text in the form in which it would be kept.

    Raises `TextTooShort`, `TextTooLong`, `KnownToTable`, and `TaughtOtherwise` for another meaning.
    """
    form = taught_form(text)
    if telling_signs(form) < LEAST_SIGNS:
        raise TextTooShort
    if len(form) > LONGEST:
        raise TextTooLong
    if rule := table_rule(form):
        raise KnownToTable(rule=rule)
    known = TaughtText.objects.filter(provider=provider, text=form).select_related("taught_by").first()
    if known is not None and known.meaning != meaning:
        raise TaughtOtherwise(known)
    return form


def teach(provider: Provider, *, text: str, meaning: str, actor: User) -> TaughtText:
    """Keep what a text of a provider means, and have the orders settled that are held with it.

    Teaching the same again changes nothing. Raises what `check` does.
    """
    form = check(provider, text=text, meaning=meaning)
    taught, new = TaughtText.objects.get_or_create(
        provider=provider, text=form, defaults={"meaning": meaning, "taught_by": actor}
    )
    if taught.meaning != meaning:
        raise TaughtOtherwise(taught)  # another operator taught it between our look and our insert
    if new:
        logger.info("text.taught provider=%s taught=%s meaning=%s", provider.pk, taught.pk, meaning)
    wake("orders.tasks.apply_taught_of", provider.pk)
    return taught


def forget(taught: TaughtText) -> None:
    """Drop what was taught: the next order that meets the text is held again. Settled ones stay settled."""
    logger.info("text.forgotten provider=%s taught=%s", taught.provider_id, taught.pk)
    taught.delete()


def closest_of(words: str, rows: Iterable[TaughtText]) -> TaughtText | None:
    """Return the row that says most of a provider's words."""
    by_text = {row.text: row for row in rows}
    text = closest(words, by_text)
    return None if text is None else by_text[text]


def as_taught(fault: ProviderError, *, provider_id: int) -> ProviderError:
    """Return a fault of `add` as the class that its words were taught, or as it is."""
    if not fault.words:
        return fault
    taught = closest_of(fault.words, TaughtText.objects.filter(provider=provider_id))
    return fault if taught is None else class_by_meaning(Meaning(taught.meaning), fault)

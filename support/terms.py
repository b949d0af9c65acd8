"""The site's terms: published as versions, each accepted by every customer before they order or pay again.

A version is never changed: the record of who accepted it says what they accepted.
"""

import logging

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import User
from support.errors import NothingToPublish
from support.models import Page, TermsAcceptance, TermsVersion
from support.wording import reading_language

logger = logging.getLogger(__name__)


def newest_version() -> TermsVersion | None:
    """Return the terms that are in force."""
    return TermsVersion.objects.order_by("-id").first()


def newest_version_id() -> int | None:
    """Return the number of the version that is in force, without its text."""
    return TermsVersion.objects.order_by("-id").values_list("pk", flat=True).first()


def needs_acceptance(user: User | AnonymousUser) -> bool:
    """Return whether a user must accept the newest terms before they order or pay. One query at most.

    The one rule for the site's pages (`support/middleware.py`) and for programs. Staff are not asked.
    """
    if not isinstance(user, User) or user.is_staff:
        return False
    accepted = TermsAcceptance.objects.filter(version=OuterRef("pk"), customer=user)
    newest = TermsVersion.objects.order_by("-id").annotate(is_accepted=Exists(accepted))
    return newest.values_list("is_accepted", flat=True).first() is False


def accept(customer: User, *, version_id: int) -> None:
    """Record that a customer accepts a version, in the language that they read it in.

    Accepted twice is accepted: the first record stays.
    """
    _, is_new = TermsAcceptance.objects.get_or_create(
        customer=customer, version_id=version_id, defaults={"language": reading_language()}
    )
    if is_new:
        logger.info("terms.accepted customer=%s version=%s", customer.pk, version_id)


@transaction.atomic
def publish(*, actor: User) -> TermsVersion:
    """Make the terms as they are drafted the version that customers must accept, and return it.

    The draft is the page with the address "terms". Raises `NothingToPublish`.
    """
    # The row's lock: two who press the button at once make one version.
    draft = Page.objects.select_for_update().filter(slug=Page.TERMS).first()
    if draft is None or not (draft.text_ru or draft.text_en):
        raise NothingToPublish("no text")
    newest = newest_version()
    if newest is not None and (newest.text_ru, newest.text_en) == (draft.text_ru, draft.text_en):
        raise NothingToPublish("the same text")
    version = TermsVersion.objects.create(text_ru=draft.text_ru, text_en=draft.text_en, published_by=actor)
    logger.info("terms.published version=%s by=%s", version.pk, actor.pk)
    return version

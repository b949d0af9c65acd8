"""Rows of the support room that are valid unless a test says otherwise."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from support.models import Announcement, Page, TermsVersion
from support.terms import accept, publish


def make_news(title: str = "News", **fields: Any) -> Announcement:
    """Save an announcement for everybody, shown since an hour ago."""
    plain = {"title_en": title, "text_en": f"*{title}*", "starts_at": timezone.now() - timedelta(hours=1)}
    return Announcement.objects.create(**plain | fields)


def make_page(slug: str = "faq", **fields: Any) -> Page:
    """Save a page that is shown."""
    plain = {"title_en": "Questions", "title_ru": "Вопросы", "text_en": "# Why?", "text_ru": "# Почему?"}
    return Page.objects.create(slug=slug, **plain | fields)


def publish_terms(actor: User, text: str = "Be *kind*.") -> TermsVersion:
    """Write the terms' draft and make it the version in force."""
    texts = {"text_en": text, "text_ru": f"{text} По-русски."}
    Page.objects.update_or_create(slug=Page.TERMS, defaults={"title_en": "Terms", **texts})
    return publish(actor=actor)


def accept_newest(customer: User) -> None:
    """Accept the terms in force for a customer."""
    newest = TermsVersion.objects.order_by("-id").first()
    assert newest
    accept(customer, version_id=newest.pk)

"""The site's own pages: where they are, what they say, and who may read one that is not shown."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import User
from support.models import Page
from support.rendering import render
from support.wording import Words, words

MOST_IN_FOOT = 30


@dataclass(frozen=True, slots=True)
class FootLink:
    """A page's address and title, as the foot of each page lists it."""

    address: str
    title: Words


@dataclass(frozen=True, slots=True)
class Reading:
    """A text in the reader's language; `html` is safe."""

    title: Words
    html: SafeString
    language: str


def foot_links() -> list[FootLink]:
    """Return the pages that are shown, in their order. One query, without their texts."""
    rows = Page.objects.filter(is_shown=True).only("slug", "title_ru", "title_en")[:MOST_IN_FOOT]
    return [FootLink(address_of(row), words(row, "title")) for row in rows]


def page_for(reader: User | AnonymousUser, *, slug: str) -> Page | None:
    """Return a page that a reader may read: one that is shown, or any for staff who may change it."""
    page = Page.objects.filter(slug=slug).first()
    return page if page is not None and (page.is_shown or may_change(reader)) else None


def may_change(reader: User | AnonymousUser) -> bool:
    """Return whether a reader writes the site's pages."""
    return reader.has_perm("support.change_page")


def reading_of(page: Page) -> Reading:
    """Return what a page says to the reader."""
    text = words(page, "text")
    return Reading(words(page, "title"), render(text.text), text.language)


def address_of(page: Page) -> str:
    """Return the address at which customers read a page."""
    return reverse("page", args=[page.slug])

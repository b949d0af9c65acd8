"""The support room in admin."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import CustomerGroup, User
from support.models import Announcement, Page, TermsAcceptance, TermsVersion
from tests.pages import Browser, found, html, text
from tests.support.making import accept_newest, make_news, make_page, publish_terms

PUBLISH = "support_page_publish_terms"


def page_form(**fields: Any) -> dict[str, Any]:
    plain = {"slug": "terms", "position": 0, "is_shown": "on", "title_ru": "", "text_ru": ""}
    return plain | {"title_en": "Terms", "text_en": "Be kind."} | fields


def news_form(**fields: Any) -> dict[str, Any]:
    texts = {"title_ru": "", "text_ru": "", "title_en": "Sale", "text_en": "Now", "group": ""}
    times = {"starts_at_0": "2026-01-01", "starts_at_1": "00:00:00", "ends_at_0": "", "ends_at_1": ""}
    return texts | times | fields


def test_a_page_is_written_and_looked_at(operator: Browser) -> None:
    operator.post("/admin/support/page/add/", page_form(slug="faq", text_en="# Why?"))

    page = Page.objects.get()
    shown = html(operator.get(f"/admin/support/page/{page.pk}/change/"))
    assert 'href="/pages/faq/"' in shown
    assert PUBLISH not in shown
    assert operator.get("/pages/faq/").status_code == 200


def test_a_page_needs_a_title(operator: Browser) -> None:
    answer = operator.post(
        "/admin/support/page/add/", page_form(title_en=""), headers={"Accept-Language": "en"}
    )
    assert "Enter a title in one language at least." in text(answer)
    assert not Page.objects.exists()


def test_the_terms_are_published_from_their_page(operator: Browser, olga: User) -> None:
    page = make_page("terms", text_en="Old")
    address = f"/admin/support/page/{page.pk}/change/"
    english = {"Accept-Language": "en"}
    shown = html(operator.get(address, headers=english))
    assert "Publish, to be accepted again" in shown
    assert 'href="/pages/terms/?draft"' in shown

    operator.post(address, page_form(text_en="Saved only"))
    assert not TermsVersion.objects.exists()
    said = operator.post(
        address, page_form(text_en="Be kind.", **{PUBLISH: ""}), follow=True, headers=english
    )

    version = TermsVersion.objects.get()
    assert (version.text_en, version.published_by) == ("Be kind.", olga)
    assert f"Version {version.pk} of the terms is in force: customers accept it" in text(said)
    again = operator.post(
        address, page_form(text_en="Be kind.", **{PUBLISH: ""}), follow=True, headers=english
    )
    assert "Nothing was published" in text(again)
    assert TermsVersion.objects.count() == 1


def test_no_other_page_publishes(operator: Browser) -> None:
    make_page("terms")
    page = make_page("faq")
    operator.post(f"/admin/support/page/{page.pk}/change/", page_form(slug="faq", **{PUBLISH: ""}))
    assert not TermsVersion.objects.exists()


def test_publishing_is_a_right_of_its_own(client: Browser, sasha: User) -> None:
    page = make_page("terms")
    for right in ("view_page", "change_page"):
        sasha.user_permissions.add(Permission.objects.get(codename=right))
    client.force_login(sasha)
    address = f"/admin/support/page/{page.pk}/change/"
    assert PUBLISH not in html(client.get(address))

    client.post(address, page_form(text_en="Saved", **{PUBLISH: ""}))

    assert Page.objects.get().text_en == "Saved"
    assert not TermsVersion.objects.exists()


def test_acceptances_are_found_by_customer(alice: User, boris: User, olga: User) -> None:
    publish_terms(olga)
    accept_newest(alice)
    accept_newest(boris)
    assert [row.customer for row in found(TermsAcceptance, "boris@")] == [boris]


def test_an_announcement_is_made_for_a_group(operator: Browser, alice: User) -> None:
    group = CustomerGroup.objects.create(name="Dealers")
    form = news_form(group=group.pk, can_dismiss="on")

    operator.post("/admin/support/announcement/add/", form)

    news = Announcement.objects.get()
    assert (news.title_en, news.group, news.ends_at, news.can_dismiss) == ("Sale", group, None, True)


def test_one_that_ends_before_it_begins_is_refused(operator: Browser) -> None:
    form = news_form(ends_at_0="2025-12-31", ends_at_1="00:00:00")
    answer = operator.post("/admin/support/announcement/add/", form, headers={"Accept-Language": "en"})
    assert "It ends before it begins." in text(answer)
    assert not Announcement.objects.exists()


@pytest.mark.parametrize(
    ("when", "titles"), [("now", {"now", "always"}), ("later", {"later"}), ("over", {"over"})]
)
def test_announcements_by_when_they_are_shown(operator: Browser, when: str, titles: set[str]) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    make_news("always")
    make_news("now", ends_at=now + day)
    make_news("later", starts_at=now + day)
    make_news("over", ends_at=now - timedelta(minutes=1))

    answer = operator.get("/admin/support/announcement/", {"when": when})

    assert {row.title_en for row in answer.context["cl"].result_list} == titles

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from accounts.models import CustomerGroup, User
from support.announcing import announcements_for, dismiss
from support.models import Announcement, Dismissal
from tests.support.making import make_news

STRANGER = AnonymousUser()


def titles(reader: User | AnonymousUser) -> list[str]:
    return [one.title.text for one in announcements_for(reader)]


@pytest.fixture
def dealers(alice: User) -> CustomerGroup:
    """A group of which Alice is one."""
    group = CustomerGroup.objects.create(name="Dealers")
    alice.customer_group = group
    alice.save()
    return group


def test_news_are_shown_from_their_start_until_their_end(alice: User) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    make_news(starts_at=start, ends_at=start + timedelta(hours=1))
    for minutes, shown in ((-1, []), (0, ["News"]), (59, ["News"]), (60, []), (61, [])):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            assert (titles(alice), titles(STRANGER)) == (shown, shown), minutes


def test_without_an_end_they_stay(alice: User) -> None:
    make_news()
    with time_machine.travel(datetime(2036, 1, 1, tzinfo=UTC)):
        assert titles(alice) == ["News"]


def test_a_groups_news_are_for_its_customers(alice: User, boris: User, dealers: CustomerGroup) -> None:
    others = CustomerGroup.objects.create(name="Others")
    make_news("for dealers", group=dealers)
    make_news("for others", group=others)
    make_news("for all")

    assert sorted(titles(alice)) == ["for all", "for dealers"]
    assert titles(boris) == titles(STRANGER) == ["for all"]


def test_the_newest_three(alice: User) -> None:
    now = datetime.now(UTC)
    for number in range(5):
        make_news(str(number), starts_at=now - timedelta(hours=number))

    assert titles(alice) == ["0", "1", "2"]
    assert dismiss(alice, announcement_id=Announcement.objects.get(title_en="1").pk)
    assert titles(alice) == ["0", "2", "3"]


def test_dismissed_is_gone_for_that_customer_alone(alice: User, boris: User) -> None:
    news = make_news()

    assert dismiss(alice, announcement_id=news.pk)
    assert dismiss(alice, announcement_id=news.pk)

    assert titles(alice) == []
    assert titles(boris) == titles(STRANGER) == ["News"]
    assert Dismissal.objects.count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"can_dismiss": False},
        {"starts_at": datetime(2100, 1, 1, tzinfo=UTC)},
        {"ends_at": datetime(2001, 1, 1, tzinfo=UTC), "starts_at": datetime(2000, 1, 1, tzinfo=UTC)},
    ],
)
def test_what_is_not_theirs_to_dismiss(alice: User, fields: dict[str, Any]) -> None:
    news = make_news(**fields)

    assert not dismiss(alice, announcement_id=news.pk)
    assert not dismiss(alice, announcement_id=news.pk + 1)
    assert not Dismissal.objects.exists()


def test_another_groups_news_are_not_theirs_to_dismiss(boris: User, dealers: CustomerGroup) -> None:
    assert not dismiss(boris, announcement_id=make_news(group=dealers).pk)


def test_what_may_be_dismissed_no_more_is_shown_again(alice: User) -> None:
    news = make_news()
    dismiss(alice, announcement_id=news.pk)

    Announcement.objects.update(can_dismiss=False)

    [shown] = announcements_for(alice)
    assert not shown.can_dismiss


def test_a_stranger_dismisses_nothing(db: None) -> None:
    make_news()
    [shown] = announcements_for(STRANGER)
    assert not shown.can_dismiss


@pytest.mark.parametrize("reader", ["alice", None])
def test_one_query_whatever_there_is(
    request: pytest.FixtureRequest, db: None, reader: str | None, django_assert_num_queries: Any
) -> None:
    who = request.getfixturevalue(reader) if reader else STRANGER
    for size in (10, 190):
        for _ in range(size):
            make_news()
        with django_assert_num_queries(1):
            assert len(announcements_for(who)) == 3


def test_the_database_keeps_a_dismissal_once_and_an_end_after_its_start(alice: User) -> None:
    news = make_news()
    Dismissal.objects.create(customer=alice, announcement=news)
    with pytest.raises(IntegrityError), transaction.atomic():
        Dismissal.objects.create(customer=alice, announcement=news)
    with pytest.raises(IntegrityError), transaction.atomic():
        Announcement.objects.update(ends_at=news.starts_at)
    with pytest.raises(IntegrityError), transaction.atomic():
        Announcement.objects.update(title_en="")

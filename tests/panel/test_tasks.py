from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from django.conf import settings

from operations.models import Alert
from orders.models import Order
from panel import tasks
from panel.celery import app
from tests.factories import credit, make_service, make_user, place
from tests.wallet.tampering import run

AT = datetime(2026, 3, 10, 3, 30, tzinfo=UTC)


def test_beat_knows_it_by_name() -> None:
    app.loader.import_default_modules()

    assert settings.CELERY_BEAT_SCHEDULE["audit-money"]["task"] == tasks.audit_money.name
    assert "panel.tasks.audit_money" in app.tasks


def is_due(*, at: datetime, last: datetime) -> bool:
    """Tell whether beat sends it at this time, after it sent it, or began anew, at `last`."""
    daily = settings.CELERY_BEAT_SCHEDULE["audit-money"]["schedule"]
    schedule = crontab(hour=daily._orig_hour, minute=daily._orig_minute, nowfun=lambda: at, app=app)
    return bool(schedule.is_due(last).is_due)


@pytest.mark.parametrize("day", range(3))
def test_it_runs_each_day_and_once(day: int) -> None:
    at = AT + timedelta(days=day)

    assert is_due(at=at, last=at - timedelta(days=1))
    assert not is_due(at=at + timedelta(minutes=1), last=at)
    assert not is_due(at=at + timedelta(hours=23, minutes=59), last=at)


def test_a_beat_that_begins_anew_each_day_runs_it_nevertheless() -> None:
    began_at = AT - timedelta(hours=1)

    assert not is_due(at=began_at + timedelta(minutes=59), last=began_at)
    assert is_due(at=AT, last=began_at)


def test_a_beat_that_was_down_then_makes_up_for_it() -> None:
    assert is_due(at=AT + timedelta(hours=5), last=AT - timedelta(days=1))


@pytest.mark.tampers
def test_it_audits_and_tells_staff(db: None) -> None:
    customer = make_user()
    credit(customer)
    place(customer, make_service())
    tasks.audit_money()
    assert not Alert.objects.exists()

    run(f"UPDATE {Order._meta.db_table} SET refunded = 1")
    tasks.audit_money()
    tasks.audit_money()

    assert [(alert.kind, alert.times) for alert in Alert.objects.all()] == [("money_wrong", 2)]

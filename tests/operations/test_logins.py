from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from operations.logins import login_failed
from operations.models import Alert
from tests.operations.reading import in_english


@pytest.fixture(autouse=True)
def _no_counts() -> Any:
    cache.clear()
    yield
    cache.clear()


def test_the_fifth_within_an_hour_is_told(olga: User) -> None:
    for _ in range(4):
        login_failed(" Olga@Example.com")
    assert not Alert.objects.exists()

    login_failed("olga@example.com")
    alert = Alert.objects.get()
    assert (alert.kind, alert.cause) == (Alert.Kind.STAFF_LOGIN_FAILED, f"user:{olga.pk}")
    assert in_english(alert).startswith("At least 5 logins to the account olga@example.com failed")

    login_failed("olga@example.com")
    assert Alert.objects.get().times == 2


def test_each_account_has_its_own_count(olga: User, sasha: User) -> None:
    for address in ("olga@example.com", "sasha@example.com") * 4:
        login_failed(address)

    assert not Alert.objects.exists()


def test_what_is_an_hour_old_does_not_count(olga: User) -> None:
    now = timezone.now()
    for minute in (0, 20, 40, 55):
        login_failed("olga@example.com", now=now + timedelta(minutes=minute))
    login_failed("olga@example.com", now=now + timedelta(minutes=60))
    assert not Alert.objects.exists()

    login_failed("olga@example.com", now=now + timedelta(minutes=61))
    assert Alert.objects.exists()


@pytest.mark.parametrize("address", ["alice@example.com", "nobody@example.com", ""])
def test_customers_and_strangers_are_nobodys_business(alice: User, address: str) -> None:
    for _ in range(9):
        login_failed(address)

    assert not Alert.objects.exists()


def test_the_sites_form_counts(client: Browser, olga: User) -> None:
    form = {"login": "olga@example.com", "password": "s3cret-gue55"}
    for _ in range(5):
        client.post("/login/", form)

    (alert,) = Alert.objects.all()
    assert alert.kind == Alert.Kind.STAFF_LOGIN_FAILED
    assert "s3cret" not in f"{alert.text} {alert.params}"


def test_one_who_gets_in_is_not_told_of(client: Browser, olga: User) -> None:
    for minute in range(9):
        with time_machine.travel(timezone.now() + timedelta(minutes=minute)):
            client.post("/login/", {"login": "olga@example.com", "password": "a long password"})
            client.logout()

    assert not Alert.objects.exists()

"""The sandbox's made-up services, and how tests change them while they are served."""

import re
import time
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.upstream.test_sandbox import add, call
from upstream.sandbox import SandboxServer, Service, Settings
from upstream.sandbox.catalogue import made_up


@pytest.fixture(scope="module")
def large() -> list[Service]:
    return made_up(20_000, seed=1).rows()


def test_a_large_catalogue_is_believable(large: list[Service]) -> None:
    assert [row.service for row in large] == list(range(1, 20_001))
    assert len({row.name for row in large}) == 20_000
    assert all(Decimal("0.5") <= row.rate <= 2_000 for row in large)
    assert max(-row.rate.as_tuple().exponent for row in large) == 5
    assert all(1 <= row.min <= row.max for row in large)
    assert len({row.category for row in large}) > 200
    cyrillic = sum(bool(re.match("[А-Я][а-я]+ ", row.name)) for row in large)
    assert 8_000 < cyrillic < 12_000


def test_a_small_catalogue_has_a_category_for_each_platform_and_a_few_odd_types() -> None:
    rows = made_up(60, seed=1).rows()
    assert len({row.category for row in rows}) == 12
    kinds = [row.type for row in rows]
    assert kinds.count("Default") == 56
    assert set(kinds) == {"Default", "Package", "Custom Comments", "Subscriptions", "Poll"}


def test_it_follows_from_the_seed_and_grows_at_its_end(large: list[Service]) -> None:
    assert made_up(100, seed=1).rows() == large[:100]
    assert made_up(100, seed=2).rows() != large[:100]


def test_twenty_thousand_services_are_answered_quickly_and_changes_are_seen() -> None:
    with SandboxServer(Settings(services=20_000)) as sandbox:
        assert len(call(sandbox, action="services")) == 20_000
        began = time.monotonic()
        fields = {"key": sandbox.key, "action": "services"}
        body = requests.post(sandbox.url, data=fields, timeout=5).content
        assert time.monotonic() - began < 1
        assert len(body) > 2_000_000
        del sandbox.services[20_000]
        assert len(call(sandbox, action="services")) == 19_999


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        (lambda services: services.pop(2), [1, 3]),
        (lambda services: services.retire(2), [1, 3]),
        (lambda services: services.clear(), []),
        (lambda services: services.update({9: services[1]}), [1, 2, 3, 1]),
    ],
)
def test_changes_are_served_at_once(change: Any, listed: list[int]) -> None:
    with SandboxServer(Settings(services=3)) as sandbox:
        call(sandbox, action="services")
        change(sandbox.services)
        assert [row["service"] for row in call(sandbox, action="services")] == listed


def test_a_changed_rate_is_listed_and_charged() -> None:
    with SandboxServer(Settings(services=1)) as sandbox:
        sandbox.services.change(1, rate=Decimal("12.34500"), min=1, max=10_000)
        assert call(sandbox, action="services")[0]["rate"] == "12.345"
        add(sandbox, quantity=1_000)
        assert sandbox.journal.accepted[0].charge == Decimal("12.345")


def test_deleted_is_unknown_and_retired_is_not_active() -> None:
    with SandboxServer(Settings(services=3)) as sandbox:
        row = sandbox.services[2]
        sandbox.services.retire(2)
        del sandbox.services[3]
        assert add(sandbox, service=2) == {"error": "Service Not Active"}
        assert add(sandbox, service=3) == {"error": "Invalid Service ID"}
        sandbox.services[2] = row
        assert add(sandbox, service=2, quantity=row.min) == "1242"


def test_the_key_is_asked_for_before_the_list() -> None:
    with SandboxServer(Settings(services=1)) as sandbox:
        call(sandbox, action="services")
        assert call(sandbox, action="services", key="wrong") == {"error": "Invalid API key"}

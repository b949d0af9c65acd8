import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from catalog import connecting
from catalog.connecting import ask, client_for
from catalog.pacing import pace_of
from tests.catalog.conftest import Site
from tests.factories import make_provider
from upstream.client import Client
from upstream.errors import Halt, Later


def test_one_client_per_account_and_pace(db: None) -> None:
    one, same, other = (make_provider(key=key) for key in ("a", "a", "b"))

    assert client_for(one) is client_for(same)
    assert client_for(one) is not client_for(other)
    before = client_for(one)
    one.calls_at_once = 3
    assert client_for(one) is not before


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://127.0.0.1:99999/?key=k-e-y"},
        {"url": "http://k-e-y b/"},
        {"url": "ftp://x/"},
        {"method": "PUT"},
    ],
)
def test_settings_that_make_no_client_are_a_halt(db: None, changed: dict[str, str]) -> None:
    provider = make_provider(**changed)

    for asked in (client_for, lambda provider: ask(provider, Client.balance)):
        with pytest.raises(Halt) as fault:
            asked(provider)
        assert fault.value.rule == "misconfigured"
        assert fault.value.text
        assert "k-e-y" not in "".join(traceback.format_exception(fault.value))


def test_threads_that_come_first_share_it(db: None) -> None:
    provider = make_provider(key="never seen before")

    with ThreadPoolExecutor(16) as pool:
        clients = list(pool.map(client_for, [provider] * 64))

    assert len(set(map(id, clients))) == 1


def test_asking_waits_for_the_providers_pace(db: None, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make_provider(url=site.server.url, calls_at_once=1)
    monkeypatch.setattr(connecting, "WAIT_FOR_SLOT_SECONDS", 0.05)

    with pace_of(provider).slot(1), pytest.raises(Later) as error:
        ask(provider, Client.balance)

    assert error.value.rule == "no_slot"
    assert site.server.calls == []
    assert ask(provider, Client.balance).raw_text == "12.34"

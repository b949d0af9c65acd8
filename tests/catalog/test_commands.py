from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.halting import halt
from catalog.models import Provider, Service
from tests.catalog.conftest import Site, row
from tests.factories import make_provider

URL = "https://example.com/api/v2"


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=out)
    return out.getvalue()


def test_adds_a_provider(db: None) -> None:
    said = run("add_provider", "smmub", URL, "s3cret", "--calls-at-once", "3", "--calls-per-second", "2.5")

    provider = Provider.objects.get()
    assert (provider.name, provider.url, provider.key) == ("smmub", URL, "s3cret")
    assert (provider.currency, provider.method, provider.lost_answers) == ("RUB", "POST", "ask")
    assert (provider.calls_at_once, provider.calls_per_second) == (3, Decimal("2.5"))
    assert "smmub is added" in said
    assert "s3cret" not in said


def test_a_key_can_come_by_standard_input(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("s3cret\n"))

    run("add_provider", "smmub", URL, "-")

    assert Provider.objects.get().key == "s3cret"


def test_changes_only_what_is_given(db: None) -> None:
    run(
        "add_provider", "smmub", URL, "old", "--currency", "USD", "--calls-per-second", "5", "--method", "get"
    )

    said = run("add_provider", "smmub", URL, "new", "--calls-at-once", "2")

    provider = Provider.objects.get()
    assert (provider.key, provider.currency, provider.method) == ("new", "USD", "GET")
    assert (provider.calls_at_once, provider.calls_per_second) == (2, 5)
    assert said == "Provider smmub is changed: calls_at_once, key.\n"


def test_no_limit_again(db: None) -> None:
    run("add_provider", "smmub", URL, "k", "--calls-per-second", "5")
    run("add_provider", "smmub", URL, "k", "--calls-per-second", "0")

    assert Provider.objects.get().calls_per_second is None


def test_run_again_probes_a_halted_one(db: None) -> None:
    run("add_provider", "smmub", URL, "k")
    halt(Provider.objects.get(), rule="key", text="Invalid API key")

    assert run("add_provider", "smmub", URL, "k").endswith("It is halted and will be probed at once.\n")


def test_enters_a_key_anew_that_cannot_be_decrypted(db: None, settings: Any) -> None:
    run("add_provider", "smmub", URL, "k")
    settings.SECRET_KEY = "another"

    run("add_provider", "smmub", URL, "k")

    assert Provider.objects.get().key == "k"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["x", "ftp://example.com", "k"], "url"),
        (["x", "https://user:pass@example.com", "k"], "url"),
        (["x", "nonsense", "k"], "url"),
        (["x", "http://127.0.0.1:99999/", "k"], "url: No call can be made to this address"),
        (["x", "http://a b/", "k"], "url: No call can be made to this address"),
        (["x", "http://.example/", "k"], "url: No call can be made to this address"),
        (["x", URL, " "], "key"),
        (["x", URL, "k", "--currency", "rubles"], "currency"),
        (["x", URL, "k", "--calls-at-once", "0"], "calls_at_once"),
        (["x", URL, "k", "--calls-per-second", "-1"], "calls_per_second"),
        (["x", URL, "k", "--calls-per-second", "many"], "number"),
        (["x", URL, "k", "--calls-per-second", "nan"], "calls_per_second"),
        (["x", URL, "k", "--method", "PUT"], "method"),
        (["x" * 101, URL, "k"], "name"),
        ([" ", URL, "k"], "name"),
    ],
)
def test_refuses_what_makes_no_sense(db: None, args: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text):
        call_command("add_provider", *args)
    assert not Provider.objects.exists()


def test_copies_every_active_provider(provider: Provider, site: Site) -> None:
    Provider.objects.update(name="smmub")
    make_provider(is_active=False)
    site.lists(row(1), row(2, min="?"))

    said = run("sync_catalog")

    assert (
        said
        == (
            "smmub: 2 rows read, writing what differs …\n"
            "smmub: 1 new, 0 changed, 0 gone, 0 back, 0 unchanged, 0 held, 1 skipped.\n"
            "  skipped service 2 (row 2): min: no whole number: ?\n"
        )
        or "skipped service 2 (row 2): min" in said
    )
    assert Service.objects.count() == 1


def test_one_that_fails_is_told_by_the_exit_code(provider: Provider, site: Site) -> None:
    Provider.objects.update(name="good")
    make_provider(name="down")

    out = StringIO()
    with pytest.raises(CommandError, match="1 of 2") as error:
        call_command("sync_catalog", stdout=out)

    assert error.value.returncode == 1
    assert "good: 2 new" in out.getvalue()
    assert "down: failed, no catalogue came" in out.getvalue()


def test_copies_one_by_name_and_a_shorter_one_on_demand(provider: Provider, site: Site) -> None:
    Provider.objects.update(name="smmub")
    make_provider(name="down")
    site.lists(*(row(number) for number in range(1, 11)))
    run("sync_catalog", "--provider", "smmub")
    site.lists(row(1))

    with pytest.raises(CommandError):
        run("sync_catalog", "--provider", "smmub")
    assert "9 gone" in run("sync_catalog", "--provider", "smmub", "--accept-shorter")


@pytest.mark.parametrize("args", [[], ["--provider", "nobody"]])
def test_nothing_to_copy(db: None, args: list[str]) -> None:
    with pytest.raises(CommandError, match="There is no"):
        run("sync_catalog", *args)

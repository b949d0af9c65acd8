import pytest
from django.core.management import call_command
from django.db import IntegrityError

from accounts.models import User
from tests.factories import credit
from tests.wallet.tampering import run, triggers_of
from wallet.auditing import audit_ledger
from wallet.guards import triggers_made

TABLES = ("wallet_entry", "wallet_transfer")


@pytest.mark.django_db(transaction=True)
def test_the_triggers_go_back_and_forth_over_money(alice: User) -> None:
    credit(alice, 100)
    all_triggers = set(triggers_made())
    try:
        call_command("migrate", "wallet", "0001", verbosity=0)
        assert triggers() == set()
        assert len(list(audit_ledger())) == len(all_triggers)
        assert run("UPDATE wallet_entry SET amount = amount") == 2
    finally:
        call_command("migrate", "wallet", verbosity=0)

    assert triggers() == all_triggers
    with pytest.raises(IntegrityError):
        run("UPDATE wallet_entry SET amount = amount")


def test_models_and_migrations_agree(db: None) -> None:
    call_command("makemigrations", "wallet", check=True, dry_run=True, verbosity=0)


def triggers() -> set[str]:
    return {name for table in TABLES for name in triggers_of(table)}

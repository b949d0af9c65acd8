import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from accounts.models import User
from tests.wallet.tampering import run


def test_a_user_is_a_customer_with_a_hashed_password(db: None) -> None:
    user = User.objects.create_user("alice@example.com", "a long password", name="Alice")

    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
    assert "a long password" not in user.password
    assert authenticate(username="alice@example.com", password="a long password") == user
    assert authenticate(username="alice@example.com", password="another password") is None


def test_without_a_password_nobody_logs_in(db: None) -> None:
    user = User.objects.create_user("alice@example.com")

    assert not user.has_usable_password()
    assert authenticate(username="alice@example.com", password="") is None


def test_a_superuser_is_staff(db: None) -> None:
    user = User.objects.create_superuser("olga@example.com", "a long password")

    assert (user.is_staff, user.is_superuser) == (True, True)


def test_createsuperuser_needs_an_address_only(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long password")

    call_command("createsuperuser", email="Olga@Example.com", interactive=False, verbosity=0)

    assert User.objects.get().email == "olga@example.com"


@pytest.mark.parametrize("address", ["", None])
def test_a_user_needs_an_address(db: None, address: str | None) -> None:
    with pytest.raises(ValueError, match="needs an e-mail address"):
        User.objects.create_user(address)

    assert not User.objects.exists()


@pytest.mark.parametrize("address", ["Alice@Example.COM", "ALICE@EXAMPLE.COM", " alice@example.com "])
def test_an_address_is_one_whatever_its_case(alice: User, address: str) -> None:
    assert User.objects.get_by_natural_key(address) == alice
    assert authenticate(username=address, password="a long password") == alice
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(address)

    assert User.objects.count() == 1


@pytest.mark.parametrize("address", ["ÄRGER@EXAMPLE.COM", "Иван@пример.рф", "İx@example.com", "ẞ@x.org"])
def test_addresses_beyond_ascii_are_folded_as_well(db: None, address: str) -> None:
    user = User.objects.create_user(address)

    assert User.objects.get_by_natural_key(address) == user


def test_the_database_refuses_capitals(alice: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run("UPDATE accounts_user SET email = 'Alice@example.com'")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.pk).update(email="Alice@example.com")

    assert User.objects.get().email == "alice@example.com"


def test_a_form_folds_before_it_looks_for_a_twin(alice: User) -> None:
    twin = User(email=" Alice@Example.com", password="x")

    with pytest.raises(ValidationError) as refusal:
        twin.full_clean()

    assert set(refusal.value.message_dict) == {"email"}
    assert twin.email == "alice@example.com"


@pytest.mark.parametrize("address", [None, "", "nobody@example.com"])
def test_nobody_is_nobody(alice: User, address: str | None) -> None:
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key(address)


def test_who_is_switched_off_cannot_log_in(alice: User) -> None:
    User.objects.update(is_active=False)

    assert authenticate(username="alice@example.com", password="a long password") is None


def test_names() -> None:
    named, nameless = User(email="alice@example.com", name="Alice A."), User(email="boris@example.com")

    assert (str(named), named.get_full_name(), named.get_short_name()) == (
        "alice@example.com",
        "Alice A.",
        "Alice A.",
    )
    assert (nameless.get_full_name(), nameless.get_short_name()) == ("boris@example.com", "boris")

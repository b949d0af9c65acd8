from decimal import Decimal

import pytest
from django import forms
from django.apps import apps
from django.core import serializers
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connection, models, transaction
from django.db.models import F, Max, Min, Sum, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from catalog.models import Service
from money.amounts import MAX_AMOUNT
from money.fields import MoneyField
from tests.factories import make_service
from wallet.ledger import wallet_of
from wallet.models import LedgerAccount

# They write amounts into a wallet's row, past the ledger: it is a row with the field, no more.
pytestmark = pytest.mark.tampers

SMALLEST = Decimal("0.000001")
LARGEST = MAX_AMOUNT - SMALLEST

field = MoneyField("price")


@pytest.fixture
def wallet(alice: User) -> LedgerAccount:
    """A row with an amount in it."""
    return wallet_of(alice)


def kept(wallet: LedgerAccount) -> Decimal:
    return LedgerAccount.objects.values_list("balance", flat=True).get(pk=wallet.pk)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.decimals(min_value=0, max_value=LARGEST, places=6))
def test_an_amount_comes_back_as_it_was(wallet: LedgerAccount, amount: Decimal) -> None:
    LedgerAccount.objects.filter(pk=wallet.pk).update(balance=amount)

    assert kept(wallet) == amount
    assert isinstance(kept(wallet), Decimal)
    assert LedgerAccount.objects.filter(balance=amount).exists()


def test_the_database_holds_whole_numbers(wallet: LedgerAccount) -> None:
    wallet.balance = Decimal("12.345678")
    wallet.save()

    with connection.cursor() as cursor:
        cursor.execute("SELECT balance FROM wallet_ledgeraccount WHERE id = %s", [wallet.pk])
        (raw,) = cursor.fetchone()
    assert (type(raw), raw) == (int, 12_345_678)


def test_arithmetic_in_the_database_is_exact(wallet: LedgerAccount) -> None:
    tenth = Value(Decimal("0.1"), output_field=MoneyField())
    for _ in range(3):
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=F("balance") + tenth)
    assert kept(wallet) == Decimal("0.3")

    LedgerAccount.objects.filter(pk=wallet.pk, balance=Decimal("0.3")).update(balance=F("balance") - tenth)
    assert kept(wallet) == Decimal("0.2")


def test_comparisons_in_the_database_are_exact(wallet: LedgerAccount) -> None:
    LedgerAccount.objects.filter(pk=wallet.pk).update(balance=LARGEST)

    assert LedgerAccount.objects.filter(balance__gte=LARGEST).exists()
    assert not LedgerAccount.objects.filter(balance__gt=LARGEST).exists()
    assert not LedgerAccount.objects.filter(balance__lte=LARGEST - SMALLEST).exists()
    assert LedgerAccount.objects.filter(balance__in=[Decimal(1), LARGEST]).exists()


def test_sums_are_exact_however_large(db: None) -> None:
    for price in (LARGEST, LARGEST, SMALLEST):
        make_service(price=price)

    found = Service.objects.aggregate(sum=Sum("price"), most=Max("price"), least=Min("price"))
    assert found == {"sum": 2 * LARGEST + SMALLEST, "most": LARGEST, "least": SMALLEST}


def test_the_sum_of_nothing_is_not_known(db: None) -> None:
    assert LedgerAccount.objects.aggregate(sum=Sum("balance")) == {"sum": None}


@pytest.mark.parametrize("value", [1.0, 0.1, True, "1", b"1", [1]])
def test_only_exact_numbers_are_written(wallet: LedgerAccount, value: object) -> None:
    wallet.balance = value
    with pytest.raises(TypeError, match="money is a Decimal"), transaction.atomic():
        wallet.save()
    with pytest.raises(TypeError, match="money is a Decimal"), transaction.atomic():
        LedgerAccount.objects.update(balance=value)

    assert kept(wallet) == 0


@pytest.mark.parametrize("text", ["0.0000001", "NaN", "Infinity", "1e12", "1e9999999"])
def test_what_cannot_be_kept_exactly_is_not_written(wallet: LedgerAccount, text: str) -> None:
    wallet.balance = Decimal(text)
    with pytest.raises(ValueError, match=r"finer|no amount|not below"), transaction.atomic():
        wallet.save()

    assert kept(wallet) == 0


def test_whole_numbers_are_amounts(wallet: LedgerAccount) -> None:
    wallet.balance = 7
    wallet.save()

    assert kept(wallet) == 7


@pytest.mark.parametrize("text", ["12.345678", "0", "-1", "999999999999.999999", " 5 ", "1e3"])
def test_text_is_read_exactly(text: str) -> None:
    assert field.to_python(text) == Decimal(text.strip())


@pytest.mark.parametrize("value", [0.1, 1.0, True, "ten", "0.0000001", "NaN", "1e9999999", "1,5", object()])
def test_what_is_no_amount_is_not_read(value: object) -> None:
    with pytest.raises(ValidationError):
        field.to_python(value)


def test_nothing_is_read_as_nothing() -> None:
    assert (field.to_python(None), field.to_python("")) == (None, None)


def test_a_form_takes_six_places_and_no_more() -> None:
    offered = field.formfield()
    assert isinstance(offered, forms.DecimalField)

    assert offered.clean("12.345678") == Decimal("12.345678")
    for text in ("0.0000001", "1234567890123", "NaN", "Infinity", "ten", "1e9999999"):
        with pytest.raises(ValidationError):
            offered.clean(text)


def test_what_a_form_takes_the_database_keeps() -> None:
    offered = field.formfield()
    assert offered is not None

    for text in ("999999999999.999999", "-999999999999.999999", "0.000001"):
        assert field.get_prep_value(offered.clean(text)) == int(Decimal(text) * 10**6)


def test_a_fixture_brings_amounts_back(wallet: LedgerAccount) -> None:
    LedgerAccount.objects.filter(pk=wallet.pk).update(balance=LARGEST)
    written = serializers.serialize("json", LedgerAccount.objects.all())
    assert '"balance": "999999999999.999999"' in written

    (read,) = serializers.deserialize("json", written)
    assert read.object.balance == LARGEST


def test_every_amount_of_the_site_is_kept_in_this_field() -> None:
    for model in apps.get_models():
        for name in ("balance", "amount", "charge", "price", "cost", "refunded", "provider_charge"):
            try:
                found = model._meta.get_field(name)
            except FieldDoesNotExist:
                continue
            assert isinstance(found, MoneyField), found
        assert not any(isinstance(kind, models.FloatField) for kind in model._meta.get_fields())

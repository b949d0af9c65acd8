import pytest
from django.conf import settings as plain_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from catalog.models import Provider
from tests.factories import make_provider

KEY = "5up3r-s3cr3t-key"


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM catalog_provider")
        return str(cursor.fetchone()[0])


def test_the_database_never_sees_the_key(db: None) -> None:
    make_provider(key=KEY)

    assert KEY not in stored()
    assert Provider.objects.get().key == KEY


@pytest.mark.django_db(transaction=True)
def test_nothing_of_the_row_holds_the_key() -> None:
    make_provider(key=KEY, name="in plain sight")

    if connection.vendor == "sqlite":  # whose files are there to be read
        data = b"".join(path.read_bytes() for path in plain_settings.VAR_DIR.glob("test.sqlite3*"))
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT catalog_provider::text FROM catalog_provider")
            data = str(cursor.fetchall()).encode()

    assert b"in plain sight" in data
    assert KEY.encode() not in data


def test_the_same_key_looks_different_each_time(db: None) -> None:
    provider = make_provider(key=KEY)
    before = stored()
    provider.save()

    assert stored() != before


def test_an_old_secret_key_still_reads(db: None, settings: object) -> None:
    make_provider(key=KEY)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"  # type: ignore[attr-defined]

    assert Provider.objects.get().key == KEY


def test_a_lost_secret_key_is_told_of(db: None, settings: object) -> None:
    make_provider(key=KEY)
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]

    with pytest.raises(ImproperlyConfigured, match="add_provider"):
        Provider.objects.get()
    assert Provider.objects.defer("key").get().currency == "RUB"

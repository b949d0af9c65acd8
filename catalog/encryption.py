"""A text column that is encrypted at rest, for what must be sent as it is and so cannot be hashed."""

from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


def _cipher() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


@lru_cache(maxsize=16)
def _derived(secret: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"catalog.encryption")
    return urlsafe_b64encode(hkdf.derive(secret.encode()))


class EncryptedTextField(models.TextField[str, str]):
    """Text that the database and its backups hold only encrypted, by a key derived from SECRET_KEY.

    After a change of SECRET_KEY the old one stays in SECRET_KEY_FALLBACKS until each row was saved once.
    Cannot be searched.
    """

    def get_prep_value(self, value: Any) -> str | None:
        """Encrypt."""
        return None if value is None else _cipher().encrypt(str(value).encode()).decode()

    def from_db_value(
        self, value: str | None, expression: object, connection: BaseDatabaseWrapper
    ) -> str | None:
        """Decrypt; `ImproperlyConfigured` when no key in use made the row."""
        if value is None:
            return None
        try:
            return _cipher().decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "A provider's key was encrypted by another SECRET_KEY: put that one into "
                "SECRET_KEY_FALLBACKS, or enter the provider's key anew by manage.py add_provider."
            ) from error

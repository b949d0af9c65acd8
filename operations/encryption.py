"""A text column that is encrypted at rest."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.encryption import UnknownKey, decrypt, encrypt


class EncryptedTextField(models.TextField[str, str]):
    """Text that the database and its backups hold only encrypted, by a key derived from SECRET_KEY.

    After a change of SECRET_KEY the old one stays in SECRET_KEY_FALLBACKS until each row was saved once.
    Cannot be searched.
    """

    def get_prep_value(self, value: Any) -> str | None:
        """Encrypt."""
        return None if value is None else encrypt(str(value))

    def from_db_value(
        self, value: str | None, expression: object, connection: BaseDatabaseWrapper
    ) -> str | None:
        """Decrypt; `ImproperlyConfigured` when no key in use made the row."""
        if value is None:
            return None
        try:
            return decrypt(value)
        except UnknownKey as error:
            raise ImproperlyConfigured(
                "A provider's key was encrypted by another SECRET_KEY: put that one into "
                "SECRET_KEY_FALLBACKS, or enter the provider's key anew by manage.py add_provider."
            ) from error

"""Text that is kept encrypted, for what must be used as it is and so cannot be hashed."""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class UnknownKey(Exception):
    """Raised for a text that no SECRET_KEY in use has encrypted."""


def encrypt(text: str) -> str:
    """Return a text encrypted by a key derived from SECRET_KEY."""
    return _cipher().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Return what was encrypted, by SECRET_KEY or one of its fallbacks. Raises `UnknownKey`."""
    try:
        return _cipher().decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise UnknownKey from error


def _cipher() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


@lru_cache(maxsize=16)
def _derived(secret: str) -> bytes:
    # The name is part of the key: what it encrypted before stays readable only while it stays as it is.
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"catalog.encryption")
    return urlsafe_b64encode(hkdf.derive(secret.encode()))

from typing import Any

import pytest

from accounts.encryption import UnknownKey, decrypt, encrypt


def test_what_is_encrypted_comes_back() -> None:
    assert "secret" not in encrypt("a secret")
    assert encrypt("a secret") != encrypt("a secret")
    assert decrypt(encrypt("a secret 🔑")) == "a secret 🔑"


def test_an_earlier_key_still_opens(settings: Any) -> None:
    settings.SECRET_KEY = "earlier"
    text = encrypt("a secret")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "now", ["earlier"]
    assert decrypt(text) == "a secret"

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(UnknownKey):
        decrypt(text)


@pytest.mark.parametrize("text", ["", "not ours", "\0"])
def test_what_nobody_encrypted_is_refused(text: str) -> None:
    with pytest.raises(UnknownKey):
        decrypt(text)

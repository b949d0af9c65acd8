"""The second factor: who needs one, which sessions have shown one, and how its secrets are kept."""

from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from accounts.encryption import UnknownKey, decrypt, encrypt

FACTORS = [Authenticator.Type.TOTP]
"""What counts as one; recovery codes stand in for it, and are none by themselves."""


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What differs from allauth's rules."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret, as providers' keys are."""
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret; `ImproperlyConfigured` when no key in use made it.

        Nothing stands in for a secret that is lost: codes of an empty one anybody could compute.
        """
        try:
            return decrypt(encrypted_text)
        except UnknownKey as error:
            raise ImproperlyConfigured(
                "A second factor was encrypted by another SECRET_KEY: put that one into "
                "SECRET_KEY_FALLBACKS, or remove the factor in admin, for its owner to set up another."
            ) from error

    def get_totp_issuer(self) -> str:
        """Name the site, as its pages do."""
        return str(settings.SITE_NAME)


def must_set_up(request: HttpRequest) -> bool:
    """Tell whether this member of staff must have a second factor and has none."""
    if not settings.STAFF_NEED_SECOND_FACTOR or not request.user.is_authenticated:
        return False
    return request.user.is_staff and not is_mfa_enabled(request.user, FACTORS)


def must_show(request: HttpRequest) -> bool:
    """Tell whether this user has a second factor that this session has not seen.

    So it is with a session from before the factor was set up, wherever and by whomever it was opened.
    """
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    if any(record.get("method") == "mfa" for record in records):
        return False
    return bool(is_mfa_enabled(request.user, FACTORS))

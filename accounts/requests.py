"""What pages read from requests."""

from django.http import HttpRequest

from accounts.models import User

MAX_ID = 2**63 - 1


class UserRequest(HttpRequest):
    """A request whose user is known to be logged in (`login_required`)."""

    user: User


def row_id(request: HttpRequest, name: str) -> int | None:
    """Return a row's number from the address, or None when there is none that a row could have."""
    return row_number(request.GET.get(name, ""))


def row_number(text: str) -> int | None:
    """Return the number that a text is, or None for anything that no row's number could be."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if number <= MAX_ID else None

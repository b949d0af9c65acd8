"""Ending what a user has under way: blocking, and signing out everywhere."""

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.db import transaction

from accounts.models import User


@transaction.atomic
def sign_out_everywhere(user: User) -> None:
    """End all of a user's sessions: those that the site has a list of, and any other."""
    row = User.objects.select_for_update().get(pk=user.pk)
    _end_sessions(row)
    row.save(update_fields=["sign_outs"])


@transaction.atomic
def block(user: User) -> bool:
    """Keep a user out, and end their sessions; False when they were blocked before."""
    row = User.objects.select_for_update().get(pk=user.pk)
    if not row.is_active:
        return False
    row.is_active = False
    _end_sessions(row)
    row.save(update_fields=["is_active", "sign_outs"])
    return True


@transaction.atomic
def unblock(user: User) -> bool:
    """Let a user in again; False when they were not blocked."""
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.is_active:
        return False
    row.is_active = True
    row.save(update_fields=["is_active"])
    return True


def _end_sessions(user: User) -> None:
    # The number is part of what each session was signed with (User._get_session_auth_hash): that ends even
    # those that nobody has a list of.
    user.sign_outs += 1
    get_adapter().end_sessions(UserSession.objects.filter(user=user))

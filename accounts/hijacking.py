"""Staff look at the site as a customer sees it: reading only, for a while, on record.

django-hijack changes who the session belongs to. What it leaves open is closed here: the way back needs the
member of staff to be who they were at the beginning, and a look ends by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auditlog.models import LogEntry
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User

LONGEST = timedelta(minutes=30)

IN_SESSION = "look"


@dataclass(frozen=True, slots=True)
class Look:
    """A look under way: at whose pages, by whom, and until when."""

    customer_id: int
    operator_id: int
    operator_hash: str
    until: datetime

    @property
    def is_over(self) -> bool:
        """Tell whether its time is up."""
        return timezone.now() >= self.until


def may_hijack(*, hijacker: User, hijacked: User | None) -> bool:
    """Tell whether a member of staff may look at the site as this user: a customer, and never staff."""
    if hijacked is None or not hijacked.is_active or hijacked.is_staff or hijacked.is_superuser:
        return False
    return hijacker.is_active and hijacker.is_staff and hijacker.has_perm("accounts.hijack_customer")


def begin(session: SessionBase, *, operator: User, customer: User) -> None:
    """Note in a session that was just given to the customer whose look it is, and put it on record."""
    until = timezone.now() + LONGEST
    session[IN_SESSION] = [customer.pk, operator.pk, operator.get_session_auth_hash(), until.isoformat()]
    _record(operator, customer, {"look": "begun", "until": until.isoformat(timespec="seconds")})


def look_of(session: SessionBase) -> Look | None:
    """Return the look under way in a session."""
    if IN_SESSION not in session:
        return None
    customer_id, operator_id, operator_hash, until = session[IN_SESSION]
    return Look(customer_id, operator_id, operator_hash, datetime.fromisoformat(until))


def operator_to_return_to(look: Look) -> User | None:
    """Return whose session this is again when the look ends; None: nobody's.

    Nobody's when its time is up, or when the member of staff was blocked, signed out everywhere or given
    another password meanwhile.
    """
    operator = User.objects.filter(pk=look.operator_id, is_active=True, is_staff=True).first()
    if operator is None or look.is_over:
        return None
    same = constant_time_compare(look.operator_hash, operator.get_session_auth_hash())
    return operator if same else None


def record_end(look: Look) -> None:
    """Put the end of a look on record."""
    people = User.objects.in_bulk([look.customer_id, look.operator_id])
    if look.customer_id in people:
        _record(people.get(look.operator_id), people[look.customer_id], {"look": "ended"})


def _record(operator: User | None, customer: User, what: dict[str, str]) -> None:
    LogEntry.objects.log_create(
        customer,
        force_log=True,
        action=LogEntry.Action.ACCESS,
        actor=operator,
        actor_email=operator and operator.email,
        additional_data=what,
    )

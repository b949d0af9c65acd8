"""Failed logins to accounts of staff: several within an hour are told to staff."""

from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import User
from operations.alerting import raise_alert
from operations.models import Alert

WITHIN = timedelta(hours=1)
TOO_MANY = 5


def login_failed(address: str, *, now: datetime | None = None) -> None:
    """Count a failed login, if the address is that of a member of staff; tell staff of the fifth in an hour.

    Counted in the cache: two at once may count as one, and a cache that is down counts none. Neither matters
    to somebody who guesses passwords, and the form's own limit holds without.
    """
    now = now or timezone.now()
    user = User.objects.filter(email=address.strip().lower(), is_staff=True).first()
    if user is None:
        return
    key = f"failed_logins:{user.pk}"
    times = [at for at in cache.get(key) or [] if now - at < WITHIN][-TOO_MANY:]
    times.append(now)
    cache.set(key, times, timeout=WITHIN.total_seconds())
    if len(times) < TOO_MANY:
        return
    raise_alert(
        Alert.Kind.STAFF_LOGIN_FAILED,
        cause=f"user:{user.pk}",
        text=gettext_noop(
            "At least %(count)s logins to the account %(user)s failed within an hour. If its owner did not "
            "try them, its password should be a strong one that is used nowhere else."
        ),
        count=TOO_MANY,
        user=user.email,
    )

"""How long a service's orders take, and how often they fail, in words."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import Service, ServiceHealth, ServiceSpeed

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def health_of(service: Service) -> ServiceHealth | None:
    """Return a service's health, which is to be fetched with it; None where nothing was measured."""
    return getattr(service, "health", None)


def speeds(service: Service) -> list[ServiceSpeed]:
    """Return a service's speeds by quantity; none where one stands for all."""
    found = list(service.speeds.all())
    return found if len(found) > 1 else []


def usual_time(measured: ServiceHealth | ServiceSpeed | None) -> str:
    """Say how long orders take, as it was measured; "" where it was not."""
    if measured is None or measured.median_seconds is None or measured.most_seconds is None:
        return ""
    usual, most = duration(measured.median_seconds), duration(measured.most_seconds)
    if usual == most:
        return _("Usually done within %(usual)s.") % {"usual": usual}
    return _("Usually done within %(usual)s, nine of ten within %(most)s.") % {"usual": usual, "most": most}


def duration(seconds: int) -> str:
    """Return a time in whole minutes, hours or days, rounded up, as stands behind "within"."""
    if seconds <= 90 * MINUTE:
        count = max(1, -(-seconds // MINUTE))
        # Translators: stands behind "within" (ru: «за»).
        return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}
    if seconds <= 2 * DAY:
        count = -(-seconds // HOUR)
        # Translators: stands behind "within" (ru: «за»).
        return ngettext("%(count)d hour", "%(count)d hours", count) % {"count": count}
    count = -(-seconds // DAY)
    # Translators: stands behind "within" (ru: «за»).
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


def failing_share(health: ServiceHealth | None) -> str:
    """Say for staff how many of the last orders failed; "—" where nothing was measured."""
    if health is None or not health.ended:
        return "—"
    return _("%(percent)d %% of %(count)d") % {
        "percent": round(health.failed * 100 / health.ended),
        "count": health.ended,
    }


def health_in_words(service: Service) -> str:
    """Say for staff how a service's last orders fared; "—" where nothing was measured."""
    health = health_of(service)
    if health is None:
        return "—"
    said = [_("Failed: %(share)s") % {"share": failing_share(health)}, usual_time(health)]
    if health.stuck:
        said.append(_("Stuck: %(count)d") % {"count": health.stuck})
    return " · ".join(words for words in said if words)

"""What every page knows of the site."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Return the site's name and currency for templates."""
    return {"site_name": settings.SITE_NAME, "site_currency": settings.SITE_CURRENCY}

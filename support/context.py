"""What every page shows of the operator's words: announcements at its head, the site's pages at its foot."""

from functools import partial

from django.http import HttpRequest

from support.announcing import Shown, announcements_for
from support.pages import foot_links


def operators_words(request: HttpRequest) -> dict[str, object]:
    """Return both, each asked for only by a page that shows it: admin's show neither."""
    return {"announcements": partial(_announcements, request), "foot_links": foot_links}


def _announcements(request: HttpRequest) -> list[Shown]:
    """Return a customer's announcements; a stranger's on the first page alone, where they are met."""
    match = request.resolver_match
    if request.user.is_authenticated or (match is not None and match.url_name == "home"):
        return announcements_for(request.user)
    return []

"""What every page knows of the site's state."""

from django.http import HttpRequest

from operations.maintenance import closed_because


def maintenance(request: HttpRequest) -> dict[str, object]:
    """Return why no orders are taken, or None: asked for only by a page that shows it."""
    return {"maintenance": closed_because}

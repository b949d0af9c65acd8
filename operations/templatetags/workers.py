"""`{% worker_banner %}`: on the pages of admin, whether nothing runs that sends orders."""

from typing import Any

from django import template
from django.template import Context

from operations.schedule import is_sign_of_life, last_run_at

register = template.Library()


@register.inclusion_tag("admin/operations/worker_banner.html", takes_context=True)
def worker_banner(context: Context) -> dict[str, Any]:
    """Say to staff that no worker runs, and since when; nothing while one does."""
    user = getattr(context.get("request"), "user", None)
    is_staff = bool(user and user.is_staff)
    since = last_run_at() if is_staff else None
    return {"is_missing": is_staff and not is_sign_of_life(since), "since": since}

"""Maintenance: the site takes no orders, on an operator's word, while all else goes on."""

from django.utils.translation import get_language, gettext

from operations.models import SiteState


def closed_because() -> str | None:
    """Return None while orders are taken, else what customers are told: the operator's words, or the site's.

    In the reader's language. Read anew each time, by the row's number: who switches orders off means now.
    """
    state = SiteState.objects.filter(pk=SiteState.singleton_instance_id).first()
    if state is None or state.takes_orders:
        return None
    in_russian = (get_language() or "").startswith("ru")
    reason: str = state.reason_ru if in_russian else state.reason_en
    return reason or gettext(
        "Orders are not taken for a while: the site is being worked on. What you have ordered goes on."
    )

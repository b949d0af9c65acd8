"""Addresses of alert channels, as Apprise reads them: which are taken, and one message sent to one."""

from contextlib import nullcontext

import apprise
from apprise.plugins.base import NotifyBase
from apprise.utils.parse import parse_url
from django.conf import settings
from django.utils.translation import gettext as _

from operations.inner import inner_address_of, outside_only

SCHEMAS = frozenset(
    {
        *("bark", "barks", "dingtalk", "discord", "feishu", "flock", "form", "forms", "gchat", "goalert"),
        *("goalerts", "gotify", "gotifys", "guilded", "hassio", "hassios", "json", "jsons", "lark", "line"),
        *("matrix", "matrixs", "mmost", "mmosts", "nctalk", "nctalks", "ntfy", "ntfys", "opsgenie"),
        *("pagerduty", "pagertree", "pbul", "pover", "prowl", "pushdeer", "pushdeers", "pushy", "revolt"),
        *("rocket", "rockets", "signal", "signals", "slack", "spush", "squadcast", "synology", "synologys"),
        *("tgram", "threema", "twist", "webex", "wecombot", "wxteams", "xml", "xmls", "zulip"),
    }
)
"""What sends over HTTP and touches nothing else. Apprise also knows the machine's own desktop and its system
log, and plugins that read key files."""

NOT_TAKEN = frozenset({"template", "keyfile", "subfile", "file", "attach", "method", "redirect"})
"""Parameters of some plugins that name a file of this machine, or another address, which would be read and
sent to the address; and those that make another call of a message than its POST."""

TIMEOUT_SECONDS = 4.0
WHOLE_SECONDS = 15.0


class AddressError(Exception):
    """Raised for an address that no message can, or may, be sent to; says why, in the page's language."""


class InnerAddressError(AddressError):
    """Raised for an address that leads inside, where ALERTS_TO_INNER_ADDRESSES does not let it."""


def check_address(address: str) -> None:
    """Refuse an address of a channel that cannot be used. Raises `AddressError`."""
    _service(address)


def send(address: str, *, title: str, body: str) -> bool:
    """Send a message; False when it did not arrive. Ends within `WHOLE_SECONDS`. Raises `AddressError`.

    Where it leads is looked at again, here and as it connects: names change after a channel was saved.
    """
    service = _service(address)
    # Whatever the address asks for: a worker waits for this.
    service.socket_connect_timeout = service.socket_read_timeout = TIMEOUT_SECONDS
    service.retry = 0
    service.overflow_mode = apprise.OverflowMode.TRUNCATE
    sender = apprise.Apprise()
    sender.add(service)
    words = apprise.NotifyFormat.TEXT  # a provider's words are no markup
    with nullcontext() if settings.ALERTS_TO_INNER_ADDRESSES else outside_only():
        return bool(sender.notify(title=title, body=body, body_format=words, timeout=WHOLE_SECONDS))


def _service(address: str) -> NotifyBase:
    scheme, _colon, _rest = address.partition("://")
    if scheme.lower() not in SCHEMAS:
        raise AddressError(
            _("Channels of the kind “%(scheme)s” are not used here. Known are: %(known)s.")
            % {"scheme": scheme[:20], "known": ", ".join(sorted(SCHEMAS))}
        )
    # By Apprise's own reading: parameters begin for it where they begin for nobody else.
    read = parse_url(address, verify_host=False)  # type: ignore[no-untyped-call]
    named = {name.lower().lstrip("+-:") for name in (read or {}).get("qsd", {})}
    if read is None or named & NOT_TAKEN:
        raise AddressError(
            _("An address that names files of this machine, or how it is called, is not used here.")
        )
    # A redirect leads to another address than the one that was looked at.
    asset = apprise.AppriseAsset(secure_logging=True, async_mode=False, http_redirects=False)
    service = apprise.Apprise.instantiate(address, asset=asset)
    if service is None:
        raise AddressError(_("Apprise cannot read this address. See its documentation for the service."))
    _refuse_inner(service)
    return service


def _refuse_inner(service: NotifyBase) -> None:
    """Refuse a host of the address's own choice that is inner. Raises `InnerAddressError`."""
    # Elsewhere Apprise reads a key where others have a host: no name server is asked about that.
    templates: tuple[str, ...] = service.templates
    has_host = any("{host}" in template for template in templates)
    if settings.ALERTS_TO_INNER_ADDRESSES or not has_host or not service.host:
        return
    inner = inner_address_of(service.host)
    if inner is not None:
        raise InnerAddressError(
            _(
                "%(host)s (%(address)s) is inside the site's own network. Alerts are sent there only where "
                "the setting ALERTS_TO_INNER_ADDRESSES is true."
            )
            % {"host": service.host, "address": inner}
        )

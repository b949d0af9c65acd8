"""Addresses of alert channels, as Apprise reads them: which are taken, and one message sent to one."""

import apprise
from apprise.plugins.base import NotifyBase
from apprise.utils.parse import parse_url
from django.utils.translation import gettext as _

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


def check_address(address: str) -> None:
    """Refuse an address of a channel that cannot be used. Raises `AddressError`."""
    _service(address)


def send(address: str, *, title: str, body: str) -> bool:
    """Send a message; False when it did not arrive. Ends within `WHOLE_SECONDS`. Raises `AddressError`."""
    service = _service(address)
    # Whatever the address asks for: a worker waits for this.
    service.socket_connect_timeout = service.socket_read_timeout = TIMEOUT_SECONDS
    service.retry = 0
    service.overflow_mode = apprise.OverflowMode.TRUNCATE
    sender = apprise.Apprise()
    sender.add(service)
    words = apprise.NotifyFormat.TEXT  # a provider's words are no markup
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
    asset = apprise.AppriseAsset(secure_logging=True, async_mode=False)
    service = apprise.Apprise.instantiate(address, asset=asset)
    if service is None:
        raise AddressError(_("Apprise cannot read this address. See its documentation for the service."))
    return service

"""What may go wrong with a call, by what the caller does next (`provider-dialects.md`, section 2)."""

from dataclasses import dataclass

from upstream.cleaning import clean

TEXT_LIMIT = 500
RAW_LIMIT = 2000


class ProviderError(Exception):
    """Base of all faults of a call.

    `text` is what the provider said, or what happened; `raw` an excerpt of its answer; both without the key.
    `rule` is the short stable id of the row of the error table; `http_status` is None when no answer came.
    """

    words: str = ""
    """An error text of `add` that no row of the table knows, as the rows see it: a person may teach it."""

    def __init__(self, text: str, *, rule: str, raw: str = "", http_status: int | None = None) -> None:
        self.text = clean(text, limit=TEXT_LIMIT)
        self.raw = clean(raw, limit=RAW_LIMIT)
        self.rule = rule
        self.http_status = http_status
        super().__init__(self.text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r}, rule={self.rule!r}, http_status={self.http_status})"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the greatest quantity that a refusal names; None: it names none."""

    least: int | None = None
    greatest: int | None = None


class Refused(ProviderError):
    """Raised when `add` was refused for good: nothing was placed, and the same order would be refused again.

    `switch_service_off`: the provider does not sell this service (now), whatever the order. `bounds` are
    those of the service, as far as a refused quantity's text names them.
    """

    def __init__(
        self,
        text: str,
        *,
        rule: str,
        raw: str = "",
        http_status: int | None = None,
        switch_service_off: bool = False,
        bounds: Bounds = Bounds(),
    ) -> None:
        super().__init__(text, rule=rule, raw=raw, http_status=http_status)
        self.switch_service_off = switch_service_off
        self.bounds = bounds


class Later(ProviderError):
    """Raised when nothing was placed and the same call may be made again after a wait; any fault of a read.

    `wait_seconds` (1 to 3600) is what the provider asked for, None: the caller's own backoff.
    `paces_provider`: the wait is for the whole account. `hints_at_earlier`: the cause may be an earlier,
    unanswered call for the same order.
    """

    def __init__(
        self,
        text: str,
        *,
        rule: str,
        raw: str = "",
        http_status: int | None = None,
        wait_seconds: int | None = None,
        paces_provider: bool = False,
        hints_at_earlier: bool = False,
    ) -> None:
        super().__init__(text, rule=rule, raw=raw, http_status=http_status)
        self.wait_seconds = wait_seconds
        self.paces_provider = paces_provider
        self.hints_at_earlier = hints_at_earlier


class Halt(ProviderError):
    """Raised when every order would fail: wrong key, URL or action, account suspended; `funds`: no money."""

    def __init__(
        self, text: str, *, rule: str, raw: str = "", http_status: int | None = None, funds: bool = False
    ) -> None:
        super().__init__(text, rule=rule, raw=raw, http_status=http_status)
        self.funds = funds


class Uncertain(ProviderError):
    """Raised when a call that changes something may have been carried out: no answer, or no clear one."""


class UnknownText(ProviderError):
    """Raised when `add` was answered by an error text that nobody has classed."""


class OrderUnknown(ProviderError):
    """Raised when `status` is answered by "Invalid order ID". Never a proof that nothing was placed."""


class CancelRefused(ProviderError):
    """Raised when a request to cancel was refused: the order goes on."""

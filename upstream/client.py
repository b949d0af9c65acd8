"""The client of one provider's account: the five actions of `provider-api.txt`, typed.

It never repeats a call and keeps nothing between calls: pace, waits and escalations are the caller's.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from upstream.answers import Balance, CancelTaken, Catalogue, OrderStatus, Placed
from upstream.classing import (
    ALREADY_CANCELED,
    class_of_add_error,
    class_of_cancel_error,
    class_of_read_error,
    matching,
)
from upstream.cleaning import Secret
from upstream.errors import Later, ProviderError, Refused, Uncertain
from upstream.parsing import (
    Action,
    Unreadable,
    body_text,
    decode_body,
    error_text,
    order_id_text,
    shown,
    unwrap,
)
from upstream.reading import read_balance, read_catalogue, read_order_status
from upstream.replies import Reply
from upstream.transport import NoAnswer, NothingSent, Transport, check_address

MAX_ORDERS_PER_CALL = 100

MAX_CATALOGUE_BYTES = 20 * 1024 * 1024
"""An answer to `services`: tens of thousands of rows are a few megabytes."""

MAX_ANSWER_BYTES = 256 * 1024
"""Any other answer, which is a few hundred bytes, or a gateway's page.

JSON made to be costly takes sixty times its size in memory: a catalogue's bound here would let each of many
calls at once take a gigabyte.
"""

MAX_STATUSES_BYTES = 1024 * 1024
"""An answer about up to `MAX_ORDERS_PER_CALL` orders: ten kilobytes for each, which has some two hundred."""

_CANCEL_RESULTS = ("order", "cancel", "status", "success", "message", "msg")


class Client:
    """Calls one account of a provider; one instance may be used by many threads at once.

    `read_timeout_seconds` is for a whole answer. `max_bytes` is for the decompressed answer to `services`;
    all others have smaller bounds of their own (256 KiB, many statuses 1 MiB), and a smaller `max_bytes`
    holds for them too. `method` "GET" puts the key into the query: only for a provider that takes nothing
    else. Raises ValueError for an address that no call can be made to; its text holds neither address nor
    key.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        method: str = "POST",
        connect_timeout_seconds: float = 5.0,
        read_timeout_seconds: float = 30.0,
        max_bytes: int = MAX_CATALOGUE_BYTES,
        pool_size: int = 8,
    ) -> None:
        check_address(url)
        if method not in ("POST", "GET"):
            raise ValueError("a provider is called by POST or GET")
        self._secret = Secret(key)
        self._host = urlsplit(url).hostname
        self._transport = Transport(
            url,
            method=method,
            secret=self._secret,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
            pool_size=pool_size,
        )
        self._max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"Client({self._host!r})"

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def services(self) -> Catalogue:
        """Return the catalogue; an empty one is returned as such, and whether to believe it is the caller's.

        Raises `Halt` for a refused key or action, `Later` for every other fault, with the rule "no_catalogue"
        when the answer is no list of objects. Source: `provider-api.txt`, "Список услуг".
        """
        answer, reply = self._read("services")
        try:
            return read_catalogue(answer)
        except Unreadable as why:
            raise _unreadable(_unread(reply) or why, "no_catalogue", reply) from None

    def status(self, order_id: str) -> OrderStatus:
        """Return how an order fares.

        Raises `OrderUnknown`, `Halt` for a refused key or action, `Later` for every other fault.
        Source: `provider-api.txt`, "Статус заказа".
        """
        answer, reply = self._read("status", order=order_id)
        return _order_status(answer, reply, order_id)

    def balance(self) -> Balance:
        """Return the account's balance, in the provider's currency.

        Raises `Halt` for a refused key or action, `Later` for every other fault.
        Source: `provider-api.txt`, "Баланс пользователя".
        """
        answer, reply = self._read("balance")
        try:
            return read_balance(answer)
        except Unreadable as why:
            raise _unreadable(why, "no_clear_answer", reply) from None

    def statuses(self, order_ids: Sequence[str]) -> dict[str, OrderStatus | ProviderError]:
        """Return how each order fares, or its own fault, asking for up to 100 in one call.

        A fault of a whole call stands at every id not yet answered, and no further call is made. Not in
        `provider-api.txt`: for providers known to take `orders` (dialects, section 1, "Multi status").
        """
        found: dict[str, OrderStatus | ProviderError] = {}
        wanted = list(dict.fromkeys(order_ids))
        for start in range(0, len(wanted), MAX_ORDERS_PER_CALL):
            try:
                found |= self._statuses_of(wanted[start : start + MAX_ORDERS_PER_CALL])
            except ProviderError as fault:
                return found | {order_id: fault for order_id in wanted if order_id not in found}
        return found

    def _statuses_of(self, order_ids: list[str]) -> dict[str, OrderStatus | ProviderError]:
        if len(order_ids) == 1:
            return self._one(order_ids[0])
        answer, reply = self._read("status", orders=",".join(order_ids))
        if not isinstance(answer, dict | list):
            raise _unreadable("no statuses", "no_clear_answer", reply)
        by_id = _by_id(answer)
        if by_id is None:
            # Asked one by one they would be a hundred calls, which nobody counted and no pace held back.
            raise _unreadable("statuses without order ids", "no_clear_answer", reply)
        return {order_id: _status_or_fault(by_id.get(order_id), reply, order_id) for order_id in order_ids}

    def _one(self, order_id: str) -> dict[str, OrderStatus | ProviderError]:
        try:
            return {order_id: self.status(order_id)}
        except ProviderError as fault:
            return {order_id: fault}

    def add(self, *, service_id: str, link: str, quantity: int) -> Placed:
        """Place an order; returns the provider's id of it.

        Raises the classes of `provider-dialects.md`, section 2: `Refused`, `Later`, `Halt` (not placed),
        `Uncertain` and `UnknownText` (may have been placed: never to be sent again by itself).
        After an HTTP status that speaks of our settings it asks `balance` once, to tell which of these it is.
        Source: `provider-api.txt`, "Создать заказ".
        """
        reply = self._exchange("add", Uncertain, service=service_id, link=link, quantity=str(quantity))
        answer = unwrap(_decoded(reply), action="add")
        text = error_text(answer, "add")
        order_id = order_id_text(answer.get("order")) if isinstance(answer, dict) else None
        if order_id is None:
            raise self._told_by_balance(class_of_add_error(text, reply=reply, link=link))
        if text is not None or not reply.is_success:
            said = reply.hide(text or f"HTTP {reply.status}")
            raise Uncertain(
                f"order {order_id} and {said}",
                rule="order_and_error",
                raw=reply.raw,
                http_status=reply.status,
            )
        return Placed(order_id, reply.raw)

    def _told_by_balance(self, fault: ProviderError) -> ProviderError:
        if fault.rule != "misconfigured":
            return fault
        try:
            self.balance()
        except ProviderError:
            return fault  # address, key, IP or method are wrong: nothing gets through
        if fault.http_status == 404:
            return Refused(
                fault.text, rule="service_unknown", raw=fault.raw, http_status=404, switch_service_off=True
            )
        return Uncertain(fault.text, rule="no_clear_answer", raw=fault.raw, http_status=fault.http_status)

    def cancel(self, order_id: str) -> CancelTaken:
        """Ask the provider to cancel an order; the order's status says later what became of it.

        Raises `CancelRefused`, `Halt` for a refused key or action, `Later` when nothing was sent or the
        provider asks to wait, `Uncertain` when the answer was lost.
        Source: `provider-api.txt`, "Отмена заказа".
        """
        reply = self._exchange("cancel", Uncertain, order=order_id)
        answer = unwrap(_decoded(reply), action="cancel")
        text = error_text(answer, "cancel")
        if text is None and isinstance(answer, dict):
            text = error_text(answer.get("cancel"), "cancel")  # {"order": 9, "cancel": {"error": …}}
        if text and ALREADY_CANCELED.search(matching(text)):
            return CancelTaken(already=True, raw=reply.raw)
        if text is None and reply.is_success and (other := _other_order(answer, order_id)):
            raise Uncertain(
                f"an answer about order {other}",
                rule="no_clear_answer",
                raw=reply.raw,
                http_status=reply.status,
            )
        if text is None and reply.is_success and _says_something(answer):
            return CancelTaken(already=False, raw=reply.raw)
        raise class_of_cancel_error(text, reply=reply)

    def _read(self, action: Action, **fields: str) -> tuple[object, Reply]:
        """Make a call that changes nothing; return its unwrapped answer, which carries no error."""
        reply = self._exchange(action, Later, **fields)
        answer = unwrap(_decoded(reply), action=action, order_id=fields.get("order", ""))
        text = error_text(answer, action)
        if text is not None or not reply.is_success:
            raise class_of_read_error(text, reply=reply, action=action)
        return answer, reply

    def _exchange(self, action: Action, lost: type[Uncertain | Later], **fields: str) -> Reply:
        fault: ProviderError
        try:
            return self._transport.exchange(
                {"key": self._secret.reveal(), "action": action, **fields},
                max_bytes=self._bound(action, fields),
            )
        except NothingSent as why:
            fault = Later(self._secret.hide(str(why)), rule="nothing_sent")
        except NoAnswer as why:
            fault = lost(self._secret.hide(str(why)), rule="no_answer")
        # Outside of the handlers: the fault carries no trace of the call, which holds the key.
        raise fault

    def _bound(self, action: Action, fields: dict[str, str]) -> int:
        """Return how many bytes the answer to a call may have."""
        if action == "services":
            return self._max_bytes
        return min(self._max_bytes, MAX_STATUSES_BYTES if "orders" in fields else MAX_ANSWER_BYTES)


def _decoded(reply: Reply) -> object:
    try:
        return decode_body(reply.body)
    except Unreadable:
        return None


def _unread(reply: Reply) -> str:
    """Return what came instead of JSON, its beginning and its end: HTML and a cut-off list look different."""
    try:
        decode_body(reply.body)
    except Unreadable as why:
        text = reply.hide(body_text(reply.body))
        return f"{why} in {len(reply.body)} bytes, from {shown(text)} to {shown(text[-40:])}"
    return ""


def _says_something(answer: object) -> bool:
    if not isinstance(answer, dict):
        return False
    return any(answer.get(field) not in (None, False, "", "0") for field in _CANCEL_RESULTS)


def _unreadable(why: object, rule: str, reply: Reply) -> Later:
    return Later(reply.hide(str(why)), rule=rule, raw=reply.raw, http_status=reply.status)


def _order_status(answer: object, reply: Reply, order_id: str) -> OrderStatus:
    if other := _other_order(answer, order_id):
        # An answer that was mixed up on its way would end, and refund, an order of somebody else.
        raise _unreadable(f"the status of order {other}", "no_clear_answer", reply)
    try:
        return read_order_status(answer, raw=reply.raw)
    except Unreadable as why:
        raise _unreadable(why, "no_clear_answer", reply) from None


def _by_id(answer: dict[str, object] | list[object]) -> dict[str, object] | None:
    """Return many statuses by order id; None for a list where one has none: positions prove nothing."""
    if isinstance(answer, dict) and "order" not in answer:
        return answer
    by_id: dict[str, object] = {}
    for entry in answer if isinstance(answer, list) else [answer]:
        order_id = order_id_text(entry.get("order")) if isinstance(entry, dict) else None
        if order_id is None:
            return None
        by_id[order_id] = entry
    return by_id


def _other_order(answer: object, order_id: str) -> str | None:
    """Return the id that an answer bears, if it is another one than was asked about."""
    said = order_id_text(answer.get("order")) if isinstance(answer, dict) else None
    return said if said != order_id else None


def _status_or_fault(said: object, reply: Reply, order_id: str) -> OrderStatus | ProviderError:
    """Read one order of many: a text is its error, and a missing one is not known, which is not "gone"."""
    text = error_text(said, "status")
    if text is not None:
        return class_of_read_error(text, reply=reply, action="status")
    try:
        return _order_status(said, reply, order_id)
    except Later as fault:
        return fault

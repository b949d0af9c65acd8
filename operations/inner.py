"""Inner addresses: what this machine or its own network alone can reach, and others have no business at."""

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

logger = logging.getLogger(__name__)

NAT64 = IPv6Network("64:ff9b::/96")

_outside_only: ContextVar[bool] = ContextVar("outside_only", default=False)


class InnerConnection(OSError):
    """Raised where a connection would have led inside, within `outside_only`."""


def is_inner(address: str) -> bool:
    """Tell whether an IP address is none of the public internet's: this machine's, or a network's own.

    Of an IPv6 address that carries an IPv4 one, that one counts. Source: RFC 6890, as `ipaddress` has it.
    """
    ip = ip_address(address.partition("%")[0])  # without a link-local address's zone
    if isinstance(ip, IPv6Address):
        in_nat64 = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or in_nat64 or ip
    return not ip.is_global or ip.is_multicast or ip.is_reserved


def inner_address_of(host: str) -> str | None:
    """Return the first inner address that a host stands for now, a name or an IP address; None: it has none.

    A name that nobody knows has none: nothing can be sent to it.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    addresses = (str(sockaddr[0]) for *_, sockaddr in found)
    return next((address for address in addresses if is_inner(address)), None)


@contextmanager
def outside_only() -> Iterator[None]:
    """Let no connection that is made within lead inside, whatever its name stands for by then.

    That is looked at right before the operating system is asked: a name may stand for another address than a
    moment before, and a library may call a host that it was not told by us. Threads that copy the context are
    meant too.
    """
    _watch()
    token = _outside_only.set(True)
    try:
        yield
    finally:
        _outside_only.reset(token)


@cache
def _watch() -> None:
    # A hook stays for as long as the process: it is added by the first who needs it, and once.
    sys.addaudithook(_heed)


def _heed(event: str, args: tuple[object, ...]) -> None:
    if event != "socket.connect" or not _outside_only.get():
        return
    address = args[1]
    if isinstance(address, tuple) and not is_inner(str(address[0])):
        return
    logger.warning("connection.inner address=%r", address)
    raise InnerConnection("an inner address")

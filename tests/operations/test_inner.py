import socket
import threading
from collections.abc import Iterator
from contextvars import copy_context

import pytest

from operations.inner import InnerConnection, inner_address_of, is_inner, outside_only


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"),
        *("169.254.169.254", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1"),
    ],
)
def test_what_is_inside(address: str) -> None:
    assert is_inner(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "172.32.0.1",
        "2606:4700:4700::1111",
        "::ffff:1.1.1.1",
        "2002:101:101::1",
        "64:ff9b::1.1.1.1",
    ],
)
def test_what_is_outside(address: str) -> None:
    assert not is_inner(address)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "10.0.0.1"])
def test_a_host_that_stands_for_what_is_inside(host: str) -> None:
    found = inner_address_of(host)

    assert found is not None
    assert is_inner(found)


@pytest.mark.parametrize("host", ["1.1.1.1", "nobody.invalid", "", "x" * 300, "a..b"])
def test_a_host_that_stands_for_none(host: str) -> None:
    assert inner_address_of(host) is None


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_no_connection_leads_inside_and_afterwards_it_may(port: int) -> None:
    with outside_only(), pytest.raises(InnerConnection):
        socket.create_connection(("localhost", port))

    socket.create_connection(("localhost", port)).close()


def test_nor_does_one_of_a_thread_that_works_for_it(port: int) -> None:
    failed: list[OSError] = []

    def connect() -> None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError as error:
            failed.append(error)

    with outside_only():
        thread = threading.Thread(target=copy_context().run, args=[connect])
        other = threading.Thread(target=connect)  # somebody else's work in the same process
        for one in (thread, other):
            one.start()
            one.join()

    assert [type(error) for error in failed] == [InnerConnection]

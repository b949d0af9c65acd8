from collections.abc import Iterator

import pytest

from tests.operations.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes what a channel is sent."""
    with receiving() as receiver:
        yield receiver

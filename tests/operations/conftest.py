from collections.abc import Iterator
from typing import Any

import pytest

from tests.operations.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A server on this machine that takes what a channel is sent; the site lets channels lead there."""
    settings.ALERTS_TO_INNER_ADDRESSES = True
    with receiving() as receiver:
        yield receiver

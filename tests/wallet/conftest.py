"""Tests of the ledger end with a ledger that is right, unless they are about a wrong one."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from tests.wallet.tampering import unprotect
from wallet.auditing import audit_ledger


@pytest.fixture(autouse=True)
def _books_agree(request: pytest.FixtureRequest, db: None) -> Iterator[None]:
    """Prove the ledger alone: its transfers are of orders that these tests do not write."""
    yield
    if "tampering" not in request.fixturenames:
        connection.check_constraints()  # what waits for the commit is proved now
        assert list(audit_ledger()) == []


@pytest.fixture
def tampering(db: None) -> Callable[..., None]:
    """Take the protection of tables away. A test that asks for this may leave a wrong ledger behind."""
    return unprotect

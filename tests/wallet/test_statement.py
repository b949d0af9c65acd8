from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.factories import credit
from wallet import ledger
from wallet.models import Transfer
from wallet.statement import Line, balance_of, statement

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def spending(alice: User, boris: User) -> User:
    """Alice: 100 given, 60 paid for order 7, 15.5 of it back; Boris, in between, has money of his own."""
    with time_machine.travel(NOON, tick=False):
        ledger.adjust(alice, amount=Decimal(100), reference="gift", note="Welcome")
        credit(boris, 5)
        ledger.charge_order(alice, order_id=7, amount=Decimal(60))
        ledger.refund_order(alice, order_id=7, amount=Decimal("15.5"), refunded_to=Decimal("15.5"))
    return alice


def test_newest_first_with_the_balance_after_each(spending: User) -> None:
    lines = statement(spending)

    assert [(line.kind, line.order_id, line.note, line.amount, line.balance) for line in lines] == [
        (Transfer.Kind.ORDER_REFUND, 7, "", Decimal("15.5"), Decimal("55.5")),
        (Transfer.Kind.ORDER_CHARGE, 7, "", Decimal(-60), Decimal(40)),
        (Transfer.Kind.ADJUSTMENT, None, "Welcome", Decimal(100), Decimal(100)),
    ]
    assert {line.at for line in lines} == {NOON}
    assert lines[0].balance == balance_of(spending)


def test_nobody_sees_anothers_lines(spending: User, boris: User) -> None:
    assert [line.amount for line in statement(boris)] == [5]
    assert balance_of(boris) == 5


def test_who_has_no_wallet_has_nothing(alice: User) -> None:
    assert statement(alice) == []
    assert balance_of(alice) == 0


def test_pages_join_without_gap_or_repeat(spending: User) -> None:
    whole = statement(spending)
    pages: list[Line] = []
    while page := statement(spending, before=pages[-1].entry_id if pages else None, limit=1):
        assert len(page) == 1
        pages += page

    assert pages == whole


def test_nothing_is_older_than_the_first_line(spending: User) -> None:
    assert statement(spending, before=statement(spending)[-1].entry_id) == []
    assert statement(spending, before=0) == []


def test_a_page_takes_as_many_statements_with_200_lines_as_with_10(alice: User) -> None:
    counted = []
    for size in (10, 200):
        for _ in range(size):
            credit(alice, 1)
        with CaptureQueriesContext(connection) as asked:
            assert len(statement(alice, limit=size)) == size
        counted.append(len(asked))

    assert counted[0] == counted[1]

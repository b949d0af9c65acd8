"""A short `make chaos`: the whole site while a worker is killed and its servers fail."""

from decimal import Decimal
from functools import partial

import pytest

from tests.chaos.running import Form, run
from tests.chaos.servers import can_be_started

# A shorter lease: it is known sooner between which ids a lost order lies, and orders need not live as long.
# Few are lost among so few, and two that are alike weigh more: nine of ten are for the long form.
short_form = partial(
    Form,
    seed=4,
    customers=16,
    most_kills=1,
    lease_seconds=8,
    life_seconds=45,
    poll_first_seconds=10,
    found_share=Decimal("0.7"),
)


@pytest.mark.needs_postgres
@pytest.mark.needs_redis
@pytest.mark.skipif(not can_be_started(), reason="needs the programs of PostgreSQL and Redis")
def test_no_order_is_lost_doubled_or_unexplained_while_parts_die() -> None:
    result = run(short_form(orders=500))
    assert result.differences == [], result.table


def test_nor_on_sqlite_and_files() -> None:
    result = run(short_form(orders=100, on_servers=False))
    assert result.differences == [], result.table

"""What a site's database and its provider's journal hold, read beside its processes, and what must agree."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.site.processes import RunningSite, wait_for
from upstream.sandbox.journal import Accepted

PLACE = """
from decimal import Decimal
import uuid
from accounts.models import User
from catalog.models import ON_SALE, Service
from orders.placing import place_order
from wallet import ledger
customer = User.objects.create_user("{email}", "a long password")
ledger.adjust(customer, amount=Decimal(100_000), reference=uuid.uuid4().hex, note="for a test")
service = Service.objects.filter(ON_SALE).order_by("price", "pk").first()
for number in range({count}):
    link = "https://example.com/{name}/" + str(number)
    place_order(customer, service_id=service.pk, link=link, quantity=service.min_quantity, request_id=link)
"""


LOSE_MESSAGES = """
from operations import waking
waking._send = lambda task, *args: None
"""

END_LEASES = """
from datetime import timedelta
import time_machine
from django.utils import timezone
from orders.forwarding import expire_attempts
with time_machine.travel(timezone.now() + timedelta(hours=1)):
    print(expire_attempts())
"""


def place_many(site: RunningSite, name: str, count: int, *, wake: bool = True) -> None:
    """Place orders by the rule, in a process of the site; `name` is in their links.

    Without `wake` the messages that would tell a worker of them are lost.
    """
    lines = PLACE.format(email=f"{name}@example.com", name=name, count=count)
    site.manage("shell", "-v", "0", "-c", lines if wake else LOSE_MESSAGES + lines)


def end_leases(site: RunningSite) -> int:
    """Expire what dead workers left, as beat has it done once its lease is over; return how many."""
    return int(site.manage("shell", "-v", "0", "-c", END_LEASES))


def rows(site: RunningSite, query: str) -> list[tuple[Any, ...]]:
    """Return what a query finds in the site's database."""
    if site.env.get("DATABASE_URL"):
        with psycopg.connect(site.env["DATABASE_URL"].replace("postgres:", "postgresql:", 1)) as connection:
            return connection.execute(query.encode()).fetchall()
    with closing(sqlite3.connect(Path(site.env["VAR_DIR"]) / "panel.sqlite3", timeout=30)) as file:
        return file.execute(query).fetchall()


def statuses(site: RunningSite, name: str) -> Counter[str]:
    """Return how many orders of this name have which status."""
    found = rows(site, f"SELECT status FROM orders_order WHERE link LIKE '%/{name}/%'")
    return Counter(status for (status,) in found)


def open_attempts(site: RunningSite) -> int:
    """Return how many calls have no outcome yet."""
    return int(rows(site, "SELECT count(*) FROM orders_attempt WHERE outcome = ''")[0][0])


def accepted(site: RunningSite, name: str) -> list[Accepted]:
    """Return what the provider accepted of the orders of this name."""
    return [row for row in site.journal() if isinstance(row, Accepted) and f"/{name}/" in row.link]


def wait_until_all_are_sent(site: RunningSite, name: str, count: int) -> None:
    """Wait until the provider has each order once, and the books say so of each."""

    def sent() -> bool:
        of_name = f"SELECT count(provider_order_id) FROM orders_order WHERE link LIKE '%/{name}/%'"
        return int(rows(site, of_name)[0][0]) == count

    wait_for(sent, f"{count} orders to be sent, {statuses(site, name)}\n{site.log()}")
    assert_none_is_doubled_or_lost(site, name, count)


def assert_none_is_doubled_or_lost(site: RunningSite, name: str, count: int) -> None:
    """Compare the journal with the books: each order there at most once, and none that the books miss."""
    there = {row.link: row.order for row in accepted(site, name)}
    assert len(there) == len(accepted(site, name)), "an order was sent twice"
    here = rows(
        site, f"SELECT link, provider_order_id, status FROM orders_order WHERE link LIKE '%/{name}/%'"
    )
    assert len(here) == count
    for link, provider_order_id, status in here:
        if provider_order_id is not None:
            assert there.get(link) == provider_order_id
        else:
            assert status == "uncertain" or link not in there, f"{link} is {status}, and the provider has it"
    assert "right" in site.manage("audit_money")


def free_slots_of_the_dead(site: RunningSite) -> None:
    """Let the slots that a killed worker held in Redis end now, as they do after 15 seconds."""
    if site.env.get("REDIS_URL"):
        with redis.Redis.from_url(site.env["REDIS_URL"]) as connection:
            for key in connection.scan_iter(f"{site.env['REDIS_PREFIX']}pace:slots:*"):
                connection.delete(key)

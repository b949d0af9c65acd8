"""The money proved, every room's by its own audit, and staff told when it is wrong."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from operations.alerting import close_alerts, raise_alert
from operations.models import Alert
from orders.auditing import audit_orders
from wallet.auditing import audit_ledger
from wallet.guards import audit_constraints

logger = logging.getLogger(__name__)

CAUSE = "audit"
TOLD = 5
TOLD_LENGTH = 300


def audit_money() -> Iterator[str]:
    """Yield what is wrong with the money, a sentence each, as it is found; nothing when all of it agrees.

    Everything is read as it was at one moment: a transaction stays open until the last finding is taken. Last
    come the constraints that keep a thing from being done twice, and a wallet from going below zero.
    """
    with _one_moment():
        yield from audit_ledger()
        yield from audit_orders()
        yield from audit_constraints("wallet", "orders")


def audit_and_tell() -> int:
    """Audit, and open staff's alert when something is wrong or close it when nothing is; return how many."""
    began_at = time.monotonic()
    findings = audit_money()
    first = [finding[:TOLD_LENGTH] for finding in islice(findings, TOLD)]
    count = len(first) + sum(1 for _ in findings)
    logger.info("audit.done findings=%s seconds=%.1f", count, time.monotonic() - began_at)
    if count:
        raise_alert(
            Alert.Kind.MONEY_WRONG,
            cause=CAUSE,
            text=gettext_noop(
                "The money is not right, findings: %(count)s. `manage.py audit_money` names them all.\n"
                "%(first)s"
            ),
            count=count,
            first="\n".join(first if count == len(first) else [*first, "…"]),
        )
    else:
        close_alerts(Alert.Kind.MONEY_WRONG, cause=CAUSE)
    return count


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let all queries see the database as it was at the first of them, in nobody's way.

    Otherwise an order placed between two queries would look like money without an order. Inside a transaction
    that is under way already, that one stays as it is.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        # Not `atomic`, which takes the lock of those who write (panel/settings.py): every order would wait
        # for the audit's end.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("COMMIT")

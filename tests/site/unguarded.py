"""The site with the wallet's conditional update taken away: what gunicorn serves for the control of a race.

The first orders look at the wallet together before any of them pays: as many as gunicorn has threads.
"""

import threading
from decimal import Decimal
from typing import Any

from panel.wsgi import application

# isort: split
from accounts.models import User
from orders import placing
from orders.models import Order
from wallet import ledger
from wallet.errors import InsufficientFunds
from wallet.models import LedgerAccount
from wallet.statement import balance_of

__all__ = ["application"]

THREADS = 4
PATIENCE_SECONDS = 30.0

_write = placing._write
_gate, _met, _saw = threading.Barrier(THREADS), threading.Event(), threading.local()


def write(customer: User, **order: Any) -> Order:
    """Write an order by the balance that was there before its transaction."""
    _saw.balance = balance_of(customer)
    if not _met.is_set():
        _gate.wait(timeout=PATIENCE_SECONDS)
        _met.set()
    return _write(customer, **order)


def take(wallet: LedgerAccount, amount: Decimal) -> None:
    """Take by the balance that was seen."""
    if _saw.balance < amount:
        raise InsufficientFunds(needed=amount, available=_saw.balance)
    LedgerAccount.objects.filter(pk=wallet.pk).update(balance=_saw.balance - amount)


placing._write = write
ledger._take = take

from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Count, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from tests.factories import make_user
from wallet import ledger
from wallet.auditing import audit_ledger
from wallet.errors import AlreadyMoved, InsufficientFunds
from wallet.models import Entry, Transfer
from wallet.statement import balance_of, statement

amounts = st.decimals(min_value="0.000001", max_value=1000, places=6)
people = st.integers(0, 1)
orders = st.integers(1, 3)

steps = st.one_of(
    st.tuples(st.just("adjust"), people, st.integers(1, 5), amounts),
    st.tuples(st.just("take out"), people, st.integers(6, 10), amounts),
    st.tuples(st.just("charge"), people, orders, amounts),
    st.tuples(st.just("refund"), people, orders, amounts),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=25))
def test_any_sequence_of_movements_keeps_the_ledger_right(
    db: None, sequence: list[tuple[str, int, int, Decimal]]
) -> None:
    with transaction.atomic():
        users = [make_user(), make_user()]
        expected = [Decimal(0), Decimal(0)]
        for what, who, number, amount in sequence:
            expected[who] += moved(users[who], what, number, amount, holds=expected[who])
            assert balance_of(users[who]) == expected[who] >= 0
        proved(users)
        transaction.set_rollback(True)


def moved(user: User, what: str, number: int, amount: Decimal, *, holds: Decimal) -> Decimal:
    """Take one step and return what it should have changed in the wallet."""
    before, gains = Transfer.objects.count(), what in {"adjust", "refund"}
    try:
        step(user, what, number, amount)
    except (InsufficientFunds, AlreadyMoved) as refusal:
        short = isinstance(refusal, InsufficientFunds)
        assert not (short and (gains or amount <= holds))
        assert Transfer.objects.count() == before
        return Decimal(0)
    assert gains or amount <= holds
    assert Transfer.objects.count() == before + 1
    return amount if gains else -amount


def step(user: User, what: str, number: int, amount: Decimal) -> None:
    match what:
        case "adjust":
            ledger.adjust(user, amount=amount, reference=str(number), note=what)
        case "take out":
            ledger.adjust(user, amount=-amount, reference=str(number), note=what)
        case "charge":
            ledger.charge_order(user, order_id=number, amount=amount)
        case _:
            ledger.refund_order(user, order_id=number, amount=amount, refunded_to=amount)


def proved(users: list[User]) -> None:
    """Prove by sums over the rows themselves what the audit says as well."""
    for user in users:
        lines = statement(user, limit=1000)
        assert sum((line.amount for line in lines), Decimal(0)) == balance_of(user)
        assert all(line.balance >= 0 for line in lines)
    sums = Entry.objects.order_by().values("transfer").annotate(total=Sum("amount"), legs=Count("pk"))
    assert {(row["total"], row["legs"]) for row in sums} <= {(Decimal(0), 2)}
    connection.check_constraints()  # what waits for the commit is proved now
    assert list(audit_ledger()) == []

"""The audit is green when the books agree, and names the row when somebody went round the rules."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider
from money.fields import MoneyField
from orders.adopting import adopt
from orders.auditing import audit_orders
from orders.forwarding import claim_next
from orders.models import Attempt, LostAnswer, Order, OrderEvent
from orders.outcomes import cancel_unsent, record_outcome
from orders.polling import record_answer
from orders.refunding_by_hand import refund_by_hand
from orders.settling import settle_placed, settle_refund, settle_send_again
from tests.benchmarks.filling import fill_orders
from tests.factories import credit, place
from tests.orders.acting import accept, fault, findings, fresh, said
from tests.wallet.tampering import unchecked
from upstream.answers import Placed
from upstream.errors import Later, ProviderError, Refused, Uncertain
from wallet.ledger import system_account, wallet_of
from wallet.models import Entry, LedgerAccount, Transfer

pytestmark = pytest.mark.tampers

CHARGE, REFUND = Transfer.Kind.ORDER_CHARGE, Transfer.Kind.ORDER_REFUND
Kind = LedgerAccount.Kind


@contextmanager
def triggers_away() -> Iterator[None]:
    """Take away what keeps entries and transfers unchanged, as a hand in the database would."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            yield
            cursor.execute("SET LOCAL session_replication_role = origin")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            cursor.execute(sql)


def pay(wallet: LedgerAccount, amount: Decimal | int) -> None:
    """Change a stored balance alone."""
    LedgerAccount.objects.filter(pk=wallet.pk).update(
        balance=F("balance") + Value(Decimal(amount), output_field=MoneyField())
    )


def write(kind: str, reference: str, subject_id: int | None, *legs: tuple[LedgerAccount, int]) -> Transfer:
    """Write a transfer that the ledger's rules would not, with balances that fit it."""
    transfer = Transfer.objects.create(kind=kind, reference=reference, subject_id=subject_id)
    for account, amount in legs:
        Entry.objects.create(transfer=transfer, account=account, amount=Decimal(amount))
        if account.kind == Kind.WALLET:
            pay(account, amount)
    return transfer


def erase(transfer: Transfer) -> None:
    """Delete a transfer and its entries, and set the balances to fit."""
    legs = list(transfer.entries.select_related("account"))
    with triggers_away():
        Entry.objects.filter(transfer=transfer).delete()
        Transfer.objects.filter(pk=transfer.pk).delete()
    for leg in legs:
        if leg.account.kind == Kind.WALLET:
            pay(leg.account, -leg.amount)


@pytest.fixture
def wallet(order: Order) -> LedgerAccount:
    """The wallet that paid for the order."""
    return wallet_of(order.customer)


def partial(order: Order) -> Order:
    record_answer(accept(order).pk, said("partial", remains=300))
    return fresh(order)


@pytest.mark.parametrize(
    ("status", "remains"), [("pending", 300), ("completed", 300), ("partial", 999), ("canceled", 300)]
)
def test_books_that_agree(order: Order, customer: User, status: str, remains: int) -> None:
    place(customer, order.service)
    record_answer(accept(order).pk, said(status, remains=remains))
    assert fresh(order).status == status
    assert findings() == []


def test_money_of_another_kind_that_names_an_order_is_not_the_order_s(
    order: Order, wallet: LedgerAccount
) -> None:
    write(Transfer.Kind.ADJUSTMENT, "gift", order.pk, (system_account(Kind.ADJUSTMENTS), -5), (wallet, 5))
    assert findings() == []


def test_no_order_no_finding(db: None) -> None:
    assert list(audit_orders()) == []


def test_a_balance(order: Order, wallet: LedgerAccount) -> None:
    pay(wallet, 1)
    assert f"wallet {wallet.pk}: stored balance 871.000000, entries sum to 870.000000" in findings()


@pytest.mark.parametrize("account", [Kind.WALLET, Kind.SALES])
def test_an_entry_s_amount(order: Order, wallet: LedgerAccount, account: str) -> None:
    entry = Entry.objects.get(transfer__kind=CHARGE, account__kind=account)
    with triggers_away():
        Entry.objects.filter(pk=entry.pk).update(amount=entry.amount + Decimal("0.000001"))

    found = findings()

    assert any(f"transfer {entry.transfer_id} " in finding for finding in found)
    if account == Kind.WALLET:
        assert any(f"wallet {wallet.pk}:" in finding for finding in found)
        assert any(f"order {order.pk}:" in finding for finding in found)


@pytest.mark.parametrize("refunded", ["1", "130"])
def test_an_order_s_refunded(order: Order, refunded: str) -> None:
    Order.objects.filter(pk=order.pk).update(refunded=Decimal(refunded))
    assert all(finding.startswith(f"order {order.pk}: ") for finding in list(audit_orders()))
    assert f"order {order.pk}: counts refunds of {Decimal(refunded):.6f}, the ledger has 0.000000" in list(
        audit_orders()
    )


def test_an_order_s_charge(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(charge=Decimal(129))
    assert list(audit_orders()) == [
        f"order {order.pk}: charge 129.000000 for 1000 at 130.000000 per 1000",
        f"order {order.pk}: charge 129.000000, its customer's wallet moved -130.000000",
    ]


def test_an_order_s_customer(order: Order, boris: User) -> None:
    Order.objects.filter(pk=order.pk).update(customer=boris)
    assert any(finding.startswith(f"order {order.pk}: charge") for finding in list(audit_orders()))


def test_a_missing_charge(order: Order) -> None:
    erase(Transfer.objects.get(kind=CHARGE))
    assert list(audit_orders()) == [
        f"order {order.pk}: charged 0 times",
        f"order {order.pk}: charge 130.000000, its customer's wallet moved 0.000000",
    ]


def test_a_missing_refund(order: Order) -> None:
    partial(order)
    erase(Transfer.objects.get(kind=REFUND))
    assert list(audit_orders()) == [f"order {order.pk}: counts refunds of 39.000000, the ledger has 0.000000"]


def test_a_second_charge(order: Order, wallet: LedgerAccount) -> None:
    transfer = write(CHARGE, "again", order.pk, (wallet, -5), (system_account(Kind.SALES), 5))
    assert list(audit_orders()) == [
        f"order {order.pk}: charged 2 times",
        f"transfer {transfer.pk} (order_charge again): of order {order.pk} by its subject",
        f"order {order.pk}: charge 130.000000, its customer's wallet moved -135.000000",
    ]


def test_a_refund_that_the_order_does_not_know(order: Order, wallet: LedgerAccount) -> None:
    write(REFUND, "again", order.pk, (system_account(Kind.SALES), -5), (wallet, 5))
    assert list(audit_orders()) == [f"order {order.pk}: counts refunds of 0.000000, the ledger has 5.000000"]


def test_a_refund_to_somebody_else(order: Order, boris: User) -> None:
    credit(boris, 1)
    transfer = write(REFUND, "again", order.pk, (system_account(Kind.SALES), -5), (wallet_of(boris), 5))
    entry = transfer.entries.get(amount=Decimal(5))
    assert list(audit_orders()) == [
        f"entry {entry.pk}: an order's money moved through account {wallet_of(boris).pk}"
    ]


def test_a_charge_of_which_somebody_else_has_a_part(order: Order, boris: User, wallet: LedgerAccount) -> None:
    erase(Transfer.objects.get(kind=CHARGE))
    credit(boris, 1)
    sales, other = system_account(Kind.SALES), wallet_of(boris)
    transfer = write(CHARGE, f"order:{order.pk}", order.pk, (wallet, -130), (sales, 100), (other, 30))
    entry = transfer.entries.get(amount=Decimal(30))
    assert list(audit_orders()) == [f"entry {entry.pk}: an order's money moved through account {other.pk}"]


@pytest.mark.parametrize("kind", [Kind.TOPUPS, Kind.ADJUSTMENTS])
def test_a_refund_out_of_another_account(
    order: Order, wallet: LedgerAccount, kind: LedgerAccount.Kind
) -> None:
    transfer = write(REFUND, "again", order.pk, (system_account(kind), -5), (wallet, 5))
    entry = transfer.entries.get(amount=Decimal(-5))
    assert f"entry {entry.pk}: an order's money moved through account {system_account(kind).pk}" in list(
        audit_orders()
    )


@pytest.mark.parametrize("kind", [CHARGE, REFUND])
@pytest.mark.parametrize("subject_id", [None, 999_999])
def test_money_without_an_order(
    order: Order, wallet: LedgerAccount, kind: str, subject_id: int | None
) -> None:
    transfer = write(kind, "lost", subject_id, (wallet, -5), (system_account(Kind.SALES), 5))
    assert list(audit_orders()) == [f"transfer {transfer.pk} ({kind} lost): there is no such order"]


def test_a_transfer_without_order_and_without_entries(order: Order) -> None:
    with triggers_away():
        transfer = Transfer.objects.create(kind=CHARGE, reference="lost", subject_id=999_999)
    assert list(audit_orders()) == [f"transfer {transfer.pk} (order_charge lost): there is no such order"]


def test_the_order_s_row_is_gone(order: Order, customer: User) -> None:
    charge = Transfer.objects.get(kind=CHARGE, subject_id=order.pk)
    after = place(customer, order.service)
    OrderEvent.objects.filter(order=order).delete()
    Order.objects.filter(pk=order.pk).delete()
    assert list(audit_orders()) == [
        f"transfer {charge.pk} (order_charge order:{order.pk}): there is no such order"
    ]
    assert after.pk > order.pk


def test_charged_from_somebody_else_s_wallet(order: Order, boris: User) -> None:
    erase(Transfer.objects.get(kind=CHARGE))
    credit(boris, 200)
    other = wallet_of(boris)
    transfer = write(CHARGE, f"order:{order.pk}", order.pk, (other, -130), (system_account(Kind.SALES), 130))
    entry = transfer.entries.get(amount=Decimal(-130))
    assert list(audit_orders()) == [
        f"order {order.pk}: charge 130.000000, its customer's wallet moved 0.000000",
        f"entry {entry.pk}: an order's money moved through account {other.pk}",
    ]


def test_another_order_s_charge(order: Order, customer: User) -> None:
    other = place(customer, order.service)
    charge = Transfer.objects.get(kind=CHARGE, subject_id=order.pk)
    with triggers_away():
        Transfer.objects.filter(pk=charge.pk).update(subject_id=other.pk)
    assert list(audit_orders()) == [
        f"order {order.pk}: charged 0 times",
        f"order {order.pk}: charge 130.000000, its customer's wallet moved 0.000000",
        f"order {other.pk}: charged 2 times",
        f"transfer {charge.pk} (order_charge order:{order.pk}): of order {other.pk} by its subject",
        f"order {other.pk}: charge 130.000000, its customer's wallet moved -260.000000",
    ]


def test_refunds_above_the_charge(order: Order, wallet: LedgerAccount) -> None:
    record_answer(accept(order).pk, said("canceled"))
    write(REFUND, "again", order.pk, (system_account(Kind.SALES), -5), (wallet, 5))
    with unchecked("orders_order", "orders_order_refund_in_charge"):
        Order.objects.filter(pk=order.pk).update(refunded=Decimal(135))
    assert list(audit_orders()) == [
        f"order {order.pk}: refunds above its charge 130.000000",
        f"order {order.pk}: canceled with refunds of 135.000000",
    ]


def canceled(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status="canceled", ended_at=timezone.now())


def completed_after_refund(order: Order) -> None:
    Order.objects.filter(pk=partial(order).pk).update(status="completed")


def open_after_refund(order: Order) -> None:
    Order.objects.filter(pk=partial(order).pk).update(status="pending", ended_at=None)


def fewer_remain(order: Order) -> None:
    Order.objects.filter(pk=partial(order).pk).update(remains=299)


@pytest.mark.parametrize("tamper", [canceled, completed_after_refund, open_after_refund, fewer_remain])
def test_a_status_that_the_money_does_not_fit(order: Order, tamper: Callable[[Order], None]) -> None:
    tamper(order)
    order = fresh(order)
    assert list(audit_orders()) == [f"order {order.pk}: {order.status} with refunds of {order.refunded}"]


@pytest.mark.parametrize("status", sorted(set(Order.Status) - Order.ENDED))
def test_a_refund_before_the_end(order: Order, wallet: LedgerAccount, status: str) -> None:
    write(REFUND, "early", order.pk, (system_account(Kind.SALES), -5), (wallet, 5))
    if status in Order.OPEN_UPSTREAM:
        accept(order)
    Order.objects.filter(pk=order.pk).update(status=status, refunded=Decimal(5), ended_at=None)
    assert list(audit_orders()) == [f"order {order.pk}: {status} with refunds of 5.000000"]


@pytest.mark.parametrize("remains", [-1, 1001])
def test_partial_with_remains_that_cannot_be(order: Order, remains: int) -> None:
    Order.objects.filter(pk=partial(order).pk).update(remains=remains)
    assert list(audit_orders()) == [f"order {order.pk}: partial with remains {remains} of 1000"]


def test_a_status_that_no_rule_knows(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status="lost")
    assert list(audit_orders()) == [f"order {order.pk}: status 'lost' that no rule knows"]


@pytest.mark.parametrize("status", sorted(Order.UNSENT))
def test_what_the_provider_has_waits_to_be_sent(order: Order, status: str) -> None:
    Order.objects.filter(pk=accept(order, "17").pk).update(status=status)
    assert list(audit_orders()) == [f"order {order.pk}: {status}, yet the provider has it as 17"]


def attempted(order: Order, answer: Placed | ProviderError) -> Attempt:
    """Have an order sent, and answered so."""
    send = claim_next(order.provider_id)
    assert send is not None
    record_outcome(send.attempt_id, answer)
    return Attempt.objects.get(pk=send.attempt_id)


def test_canceled_as_refused_and_the_provider_has_it(order: Order) -> None:
    attempted(order, fault(Refused))
    assert list(audit_orders()) == []
    Order.objects.filter(pk=order.pk).update(provider_order_id="17")
    assert list(audit_orders()) == [f"order {order.pk}: canceled as refused, yet the provider has it as 17"]


def test_a_call_that_was_refused_and_one_that_was_put_off_say_nothing_against_what_was_placed(
    order: Order,
) -> None:
    attempted(order, fault(Later))
    OrderEvent.objects.create(order=order, kind="refused")
    Order.objects.update(due_at=timezone.now())
    attempted(order, Placed("17", ""))
    assert list(audit_orders()) == []


@pytest.mark.parametrize("settled", [False, True])
def test_placed_and_the_order_has_nothing_of_it(order: Order, olga: User, settled: bool) -> None:
    attempt = attempted(order, fault(Uncertain))
    if settled:
        settle_refund(order.pk, actor=olga, why="it was not there")
    else:
        cancel_unsent(fresh(order))
    assert list(audit_orders()) == []

    # A late answer writes this after a person's decision, of which staff is told; nothing else may.
    Attempt.objects.filter(pk=attempt.pk).update(outcome="placed", provider_order_id="17")
    found = (
        []
        if settled
        else [f"order {order.pk}: attempt {attempt.pk} was placed as 17, of which the order has nothing"]
    )
    assert list(audit_orders()) == found


@pytest.mark.parametrize("change", [{"quantity": 40_000}, {"price": Decimal("0.01")}])
def test_a_charge_that_quantity_and_price_do_not_make(order: Order, change: dict[str, Any]) -> None:
    Order.objects.filter(pk=order.pk).update(**change)
    order = fresh(order)
    assert list(audit_orders()) == [
        f"order {order.pk}: charge 130.000000 for {order.quantity} at {order.price} per 1000"
    ]


def test_two_equal_charges_are_swapped(order: Order, customer: User) -> None:
    other = place(customer, order.service)
    mine, theirs = (Transfer.objects.get(kind=CHARGE, subject_id=one.pk) for one in (order, other))
    with triggers_away():
        Transfer.objects.filter(pk=mine.pk).update(subject_id=other.pk)
        Transfer.objects.filter(pk=theirs.pk).update(subject_id=order.pk)
    assert list(audit_orders()) == [
        f"transfer {theirs.pk} (order_charge order:{other.pk}): of order {order.pk} by its subject",
        f"transfer {mine.pk} (order_charge order:{order.pk}): of order {other.pk} by its subject",
    ]


def again(attempt: Attempt, number: str, outcome: str = "placed") -> Attempt:
    """Write a later attempt of the same order, placed under a number by default."""
    at = timezone.now()
    times = {"started_at": at, "lease_until": at, "ended_at": at}
    return Attempt.objects.create(
        order_id=attempt.order_id,
        provider_id=attempt.provider_id,
        outcome=outcome,
        provider_order_id=number,
        **times,
    )


@pytest.mark.parametrize(
    ("number", "outcome", "found"), [("18", "placed", True), ("17", "placed", False), ("", "refused", False)]
)
def test_placed_twice(order: Order, customer: User, number: str, outcome: str, found: bool) -> None:
    first = attempted(order, Placed("17", ""))
    again(first, number, outcome)
    # A decision about another order explains nothing.
    OrderEvent.objects.create(order=place(customer, order.service), kind="settled")
    said = f"order {order.pk}: attempt {first.pk} was placed as 17, and the order was placed again"
    assert list(audit_orders()) == ([said] if found else [])


def test_sent_again_by_a_person_and_placed_twice(order: Order, olga: User) -> None:
    first = attempted(order, fault(Uncertain))
    settle_send_again(order.pk, actor=olga, why="it was not there")
    attempted(order, Placed("18", ""))
    Attempt.objects.filter(pk=first.pk).update(outcome="placed", provider_order_id="17")
    assert list(audit_orders()) == []


def test_an_older_decision_explains_nothing(order: Order, olga: User) -> None:
    first = attempted(order, fault(Uncertain))
    settle_send_again(order.pk, actor=olga, why="it was not there")
    placed = again(first, "55")
    assert list(audit_orders()) == [
        f"order {order.pk}: attempt {placed.pk} was placed as 55, of which the order has nothing"
    ]


def claim(order: Order, status: str = "pending", number: str = "17") -> None:
    """Write that the provider has an order, and nothing of how that came to be."""
    ended_at = timezone.now() if status in Order.ENDED else None
    Order.objects.filter(pk=order.pk).update(
        status=status, provider_order_id=number, remains=0, ended_at=ended_at
    )


def nobody_gave(order: Order, status: str = "pending", number: str = "17") -> list[str]:
    return [f"order {order.pk}: {status} as {number}, an id that nobody gave"]


@pytest.mark.parametrize("status", ["pending", "processing", "in_progress", "completed", "partial"])
def test_an_id_that_nobody_gave(order: Order, status: str) -> None:
    claim(order, status)
    assert list(audit_orders()) == nobody_gave(order, status)


def test_an_id_other_than_the_call_s(order: Order) -> None:
    attempted(order, Placed("17", ""))
    assert list(audit_orders()) == []
    claim(order, number="18")
    assert list(audit_orders()) == nobody_gave(order, number="18")


def test_an_id_that_another_order_s_call_gave(order: Order, customer: User) -> None:
    other = place(customer, order.service)
    attempt = attempted(order, Placed("17", ""))
    claim(order, number="18")
    claim(other)
    assert list(audit_orders()) == [
        f"order {other.pk}: has 17, as which attempt {attempt.pk} of order {order.pk} was placed",
        *nobody_gave(order, number="18"),
        *nobody_gave(other),
    ]


def test_an_id_that_a_person_gave(order: Order, olga: User) -> None:
    attempted(order, fault(Uncertain))
    settle_placed(order.pk, provider_order_id="17", actor=olga, why="seen there")
    assert list(audit_orders()) == []


def test_a_decision_to_send_again_gives_no_id(order: Order, olga: User) -> None:
    attempted(order, fault(Uncertain))
    settle_send_again(order.pk, actor=olga, why="it was not there")
    claim(order)
    assert list(audit_orders()) == nobody_gave(order)


@pytest.mark.parametrize(
    ("kind", "by_olga", "of_another"),
    [
        ("settled", False, False),  # by nobody
        ("settled", True, True),
        ("found", False, True),
        ("status", True, False),
    ],
)
def test_an_event_of_another_kind_or_order_gives_no_id(
    order: Order, customer: User, olga: User, kind: str, by_olga: bool, of_another: bool
) -> None:
    other = place(customer, order.service)
    OrderEvent.objects.create(
        order=other if of_another else order,
        kind=kind,
        to_status="pending",
        detail="17",
        actor=olga if by_olga else None,
    )
    claim(order)
    assert list(audit_orders()) == nobody_gave(order)


def test_an_id_beside_a_call_without_an_answer_is_given_by_nobody(order: Order) -> None:
    attempt = attempted(order, fault(Uncertain))
    Attempt.objects.filter(pk=attempt.pk).update(provider_order_id="17")
    claim(order)
    assert list(audit_orders()) == nobody_gave(order)


def test_an_id_that_a_search_found(order: Order) -> None:
    attempt = attempted(order, fault(Uncertain))
    Provider.objects.update(lost_answers=Provider.LostAnswers.ADOPT)
    assert adopt(LostAnswer.objects.get(attempt=attempt), number=17)
    assert list(audit_orders()) == []

    # A late answer writes its own id over the one that was found.
    Attempt.objects.filter(pk=attempt.pk).update(outcome="placed", provider_order_id="18")
    assert list(audit_orders()) == []
    claim(order, number="19")
    assert list(audit_orders()) == nobody_gave(order, number="19")


def test_two_orders_cannot_have_one_provider_id(order: Order, customer: User) -> None:
    accept(order, "17")
    with pytest.raises(IntegrityError), transaction.atomic():
        accept(place(customer, order.service), "17")


def test_partial_and_nobody_knows_how_much(order: Order) -> None:
    Order.objects.filter(pk=partial(order).pk).update(remains=None)
    assert list(audit_orders()) == [f"order {order.pk}: partial without remains"]


def test_only_the_wrong_one_is_named(order: Order, customer: User) -> None:
    others = [place(customer, order.service) for _ in range(3)]
    canceled(others[1])
    assert list(audit_orders()) == [f"order {others[1].pk}: canceled with refunds of 0.000000"]


@pytest.mark.parametrize("size", [10, 200])
def test_as_many_statements_for_many_as_for_few(order: Order, customer: User, size: int) -> None:
    credit(customer, 100_000)
    for _ in range(size - 1):
        place(customer, order.service)
    with CaptureQueriesContext(connection) as statements:
        assert list(audit_orders()) == []
    assert len(statements) == 9


def test_amounts_are_compared_exactly(order: Order, wallet: LedgerAccount) -> None:
    write(REFUND, "bit", order.pk, *_bit(wallet))
    assert len(list(audit_orders())) == 1


def test_what_is_found_first_is_said_before_the_rest_is_read(order: Order, customer: User) -> None:
    place(customer, order.service)
    canceled(order)
    with CaptureQueriesContext(connection) as statements:
        assert next(audit_orders()) == f"order {order.pk}: canceled with refunds of 0.000000"
    assert len(statements) == 3


def test_memory_does_not_grow_with_the_orders(db: None) -> None:
    fill_orders(3_000, customers=3)
    at_first = peak_of_an_audit()
    fill_orders(6_000, customers=3)
    assert peak_of_an_audit() < at_first * 1.2


def peak_of_an_audit() -> int:
    """Return how many bytes an audit of a right ledger holds at most."""
    gc.collect()
    tracemalloc.start()
    try:
        assert findings() == []
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _bit(wallet: LedgerAccount) -> tuple[tuple[LedgerAccount, Any], ...]:
    bit = Decimal("0.000001")
    return (system_account(Kind.SALES), -bit), (wallet, bit)


def given(order: Order, olga: User, amount: int) -> Order:
    """Have Olga give a part of an order's charge back."""
    seen = fresh(order).refunded
    return refund_by_hand(order.pk, amount=Decimal(amount), seen=seen, actor=olga, why="sorry")


def test_refunds_by_hand_agree(order: Order, olga: User) -> None:
    record_answer(accept(order).pk, said("completed", remains=0))
    for _ in range(2):
        given(order, olga, 20)
    assert findings() == []
    record_answer(order.pk, said("partial", remains=700))
    given(order, olga, 9)
    assert findings() == []


def test_a_refund_that_only_looks_as_if_given_by_hand(
    order: Order, wallet: LedgerAccount, olga: User
) -> None:
    """Money moved to the wallet, and the order counts it, but no person's reason stands in its timeline."""
    record_answer(accept(order).pk, said("completed", remains=0))
    given(order, olga, 20)
    write(REFUND, f"order:{order.pk}:to:50000000", order.pk, (system_account(Kind.SALES), -30), (wallet, 30))
    Order.objects.filter(pk=order.pk).update(refunded=Decimal(50))

    assert list(audit_orders()) == [f"order {order.pk}: completed with refunds of 50.000000"]


def test_an_event_of_a_refund_by_hand_that_never_moved_money(order: Order, olga: User) -> None:
    record_answer(accept(order).pk, said("completed", remains=0))
    event = OrderEvent.objects.create(order=order, kind="refunded_by_hand", actor=olga, amount=Decimal(5))

    assert list(audit_orders()) == [
        f"event {event.pk}: a refund by hand of order {order.pk} that the ledger has not"
    ]


def test_a_refund_by_hand_under_another_name(order: Order, olga: User, customer: User) -> None:
    record_answer(accept(order).pk, said("completed", remains=0))
    given(order, olga, 20)
    OrderEvent.objects.filter(kind="refunded_by_hand").update(actor=customer)

    assert [line.partition(":")[2] for line in audit_orders()] == [
        " completed with refunds of 20.000000",
        f" a refund by hand of order {order.pk} that the ledger has not",
    ]


def test_the_timeline_lost_a_refund_by_hand(order: Order, olga: User) -> None:
    record_answer(accept(order).pk, said("completed", remains=0))
    given(order, olga, 20)
    OrderEvent.objects.filter(kind="refunded_by_hand").delete()

    assert list(audit_orders()) == [f"order {order.pk}: completed with refunds of 20.000000"]

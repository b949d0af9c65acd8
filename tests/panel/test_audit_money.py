import json
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.core.management import call_command, execute_from_command_line

from accounts.models import User
from orders.models import Order
from tests.factories import credit, make_service, place
from tests.wallet.tampering import replace_constraint, run, unprotect
from wallet.ledger import wallet_of
from wallet.models import Entry, Transfer


@pytest.fixture
def order(alice: User) -> Order:
    """An order of 130, paid for out of 1000."""
    credit(alice, 1000)
    return place(alice, make_service(), quantity=1000)


def audit(*words: str) -> tuple[int, str]:
    """Run the command and return its exit code and what it printed."""
    said = StringIO()
    try:
        call_command("audit_money", *words, stdout=said)
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def test_what_is_right_is_said_to_be(order: Order) -> None:
    assert audit() == (0, "The money is right.\n")


def test_an_empty_site_is_right(db: None) -> None:
    assert audit() == (0, "The money is right.\n")


def test_right_as_json(order: Order) -> None:
    code, said = audit("--json")

    assert (code, json.loads(said)) == (0, {"ok": True, "findings": []})


@pytest.mark.tampers
def test_a_changed_balance(order: Order) -> None:
    wallet = wallet_of(order.customer)
    run("UPDATE wallet_ledgeraccount SET balance = balance + 1 WHERE id = %s", wallet.pk)

    code, said = audit()

    assert code == 1
    assert said == f"wallet {wallet.pk}: stored balance 870.000001, entries sum to 870.000000\n"


@pytest.mark.tampers
def test_a_changed_entry(order: Order) -> None:
    unprotect("wallet_entry")
    entry = Entry.objects.filter(account__kind="sales").get()
    run("UPDATE wallet_entry SET amount = amount - 1 WHERE id = %s", entry.pk)

    code, said = audit()

    assert code == 1
    assert f"transfer {entry.transfer_id} (" in said
    assert "trigger wallet_entry_no_update is missing" in said


def without_charge(order: Order) -> None:
    unprotect("wallet_entry", "wallet_transfer")
    (charge,) = Transfer.objects.filter(subject_id=order.pk)
    run("DELETE FROM wallet_entry WHERE transfer_id = %s", charge.pk)
    run("DELETE FROM wallet_transfer WHERE id = %s", charge.pk)


def cheaper(order: Order) -> None:
    run("UPDATE orders_order SET charge = charge - 10, price = price - 10 WHERE id = %s", order.pk)


def refunded_on_paper(order: Order) -> None:
    run("UPDATE orders_order SET refunded = 1 WHERE id = %s", order.pk)


def canceled_without_refund(order: Order) -> None:
    run("UPDATE orders_order SET status = 'canceled', ended_at = created_at WHERE id = %s", order.pk)


def given_to_another(order: Order) -> None:
    boris = User.objects.create_user("boris@example.com")
    run("UPDATE orders_order SET customer_id = %s WHERE id = %s", boris.pk, order.pk)


@pytest.mark.tampers
@pytest.mark.parametrize(
    "tamper", [without_charge, cheaper, refunded_on_paper, canceled_without_refund, given_to_another]
)
def test_a_changed_order(order: Order, tamper: Callable[[Order], None]) -> None:
    tamper(order)

    code, said = audit()

    assert code == 1
    assert f"order {order.pk}: " in said


@pytest.mark.tampers
def test_findings_as_json(order: Order) -> None:
    cheaper(order)

    code, said = audit("--json")

    found = json.loads(said)
    assert code == 1
    assert found == {
        "ok": False,
        "findings": [f"order {order.pk}: charge 129.999990, its customer's wallet moved -130.000000"],
    }


@pytest.mark.tampers
@pytest.mark.parametrize(
    ("table", "guard"),
    [
        ("orders_attempt", "orders_attempt_one_open"),
        ("wallet_ledgeraccount", "wallet_account_balance_not_negative"),
    ],
)
def test_a_guard_that_is_gone(order: Order, table: str, guard: str) -> None:
    replace_constraint(table, guard)

    assert audit() == (1, f"constraint {guard} of {table} is missing\n")


@pytest.mark.tampers
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_findings_are_printed_as_they_are_found(
    order: Order, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    said, seen = StringIO(), []

    def found() -> Iterator[str]:
        for name in ("Первая", 'the "second"', "third"):
            seen.append(said.getvalue())
            yield name

    monkeypatch.setattr("panel.management.commands.audit_money.audit_money", found)
    with pytest.raises(SystemExit):
        call_command("audit_money", *words, stdout=said)

    assert [("Первая" in before, "second" in before) for before in seen] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    if words:
        findings = ["Первая", 'the "second"', "third"]
        assert json.loads(said.getvalue()) == {"ok": False, "findings": findings}
        assert said.getvalue().count("\n") == 1


@pytest.mark.tampers
@pytest.mark.django_db(transaction=True)
def test_the_exit_code_of_a_process(order: Order, capsys: pytest.CaptureFixture[str]) -> None:
    execute_from_command_line(["manage.py", "audit_money"])
    assert capsys.readouterr().out == "The money is right.\n"

    cheaper(order)
    with pytest.raises(SystemExit) as end:
        execute_from_command_line(["manage.py", "audit_money"])
    assert end.value.code == 1
    assert capsys.readouterr().out.startswith(f"order {order.pk}: ")

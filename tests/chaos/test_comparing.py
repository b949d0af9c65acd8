"""The comparison at the end of a run, fed with books that are wrong: it must see it, and name the rows."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.chaos.comparing import Evidence, Lost, findings, lost_answers, too_few_found
from tests.chaos.planning import Plan, Service, Wish, planned
from tests.chaos.reading import Books, Call, OrderRow
from tests.chaos.shopping import Told
from upstream.sandbox.journal import Accepted, Ended, Row
from upstream.sandbox.life import Plan as Life

SERVICE = Service(id=7, provider_id="3", least=100, greatest=50_000, price=Decimal(130))
ALICE, BORIS = "alice@example.com", "boris@example.com"


def wish(email: str, number: int, quantity: int = 1000) -> Wish:
    return Wish(email, SERVICE, f"https://example.com/{number}", quantity)


def accepted(number: int, wish: Wish) -> Accepted:
    charge = Decimal(wish.quantity) / 10
    return Accepted(1.0, str(number), 3, wish.link, wish.quantity, charge, Life(0, 60.0, "Completed", 0))


def ended(number: int, status: str, remains: int, *, cause: str = "life") -> Ended:
    return Ended(2.0, str(number), status, remains, Decimal(0), cause)


def order(number: int, wish: Wish, status: str, **fields: object) -> OrderRow:
    row = OrderRow(
        id=number,
        email=wish.email,
        service=wish.service.provider_id,
        link=wish.link,
        quantity=wish.quantity,
        charge=wish.charge,
        refunded=Decimal(0),
        status=status,
        provider_order_id=str(1000 + number),
        is_due=False,
        attempts=(Call("placed", ""),),
    )
    return replace(row, **fields)  # type: ignore[arg-type]


WISHES = {number: wish(ALICE if number < 5 else BORIS, number) for number in range(1, 8)}
LOST_CALL = {"provider_order_id": None, "attempts": (Call("uncertain", "no_answer"),)}
FULL = Decimal(130)


@pytest.fixture
def evidence() -> Evidence:
    """Seven orders that agree: completed, partial, canceled three ways, two uncertain; and a refusal.

    1 completed · 2 partial · 3 canceled by the provider · 4 canceled before it was sent · 5 canceled by its
    customer at the provider · 6 uncertain and accepted as 1006 · 7 uncertain and not accepted
    """
    orders = [
        order(1, WISHES[1], "completed"),
        order(2, WISHES[2], "partial", refunded=Decimal("32.50000")),
        order(3, WISHES[3], "canceled", refunded=FULL),
        order(4, WISHES[4], "canceled", refunded=FULL, provider_order_id=None, attempts=()),
        order(5, WISHES[5], "canceled", refunded=FULL),
        order(6, WISHES[6], "uncertain", **LOST_CALL),
        order(7, WISHES[7], "uncertain", **LOST_CALL),
    ]
    journal: list[Row] = [accepted(1000 + number, WISHES[number]) for number in (1, 2, 3, 5, 6)]
    journal += [
        ended(1001, "Completed", 0),
        ended(1002, "Partial", 250),
        ended(1003, "Canceled", 1000),
        ended(1005, "Canceled", 900, cause="cancel"),
        ended(1006, "Completed", 0),
    ]
    too_dear = replace(wish(BORIS, 8), is_too_dear=True)
    plans = [
        Plan(ALICE, Decimal(600), [WISHES[number] for number in (1, 2, 3)], [WISHES[4]]),
        Plan(BORIS, Decimal(300), [WISHES[number] for number in (5, 6, 7)], [too_dear]),
    ]
    balances = {ALICE: Decimal("372.50000"), BORIS: Decimal(40)}
    told = [*(Told(WISHES[number], number) for number in WISHES), Told(too_dear, None)]
    return Evidence(plans, told, frozenset({4, 5}), journal, Books(orders, balances))


def with_order(evidence: Evidence, number: int, **fields: object) -> Evidence:
    rows = [replace(row, **fields) if row.id == number else row for row in evidence.books.orders]  # type: ignore[arg-type]
    return replace(evidence, books=replace(evidence.books, orders=rows))


def without_order(evidence: Evidence, number: int) -> Evidence:
    rows = [row for row in evidence.books.orders if row.id != number]
    return replace(evidence, books=replace(evidence.books, orders=rows))


def with_rows(evidence: Evidence, *rows: Row) -> Evidence:
    return replace(evidence, journal=[*evidence.journal, *rows])


def without_rows(evidence: Evidence, number: int) -> Evidence:
    return replace(
        evidence, journal=[row for row in evidence.journal if getattr(row, "order", "") != str(number)]
    )


def one(evidence: Evidence) -> str:
    [only] = findings(evidence)
    return only


def test_books_that_agree_have_no_difference(evidence: Evidence) -> None:
    assert findings(evidence) == []


def test_an_order_that_was_accepted_twice_is_named(evidence: Evidence) -> None:
    said = one(with_rows(evidence, accepted(2001, WISHES[1])))
    assert "accepted 2001 for https://example.com/1 once more" in said
    assert "order 1 (completed, 1001)" in said


def test_an_uncertain_order_that_was_accepted_twice_is_named(evidence: Evidence) -> None:
    said = one(with_rows(evidence, accepted(2006, WISHES[6])))
    assert "accepted 2006 for https://example.com/6 once more" in said


def test_an_id_that_was_accepted_twice_is_named(evidence: Evidence) -> None:
    assert "the provider accepted 1001 2 times" in findings(with_rows(evidence, accepted(1001, WISHES[1])))


def test_an_order_that_was_accepted_and_then_refunded_as_never_sent_is_named(evidence: Evidence) -> None:
    said = one(with_rows(evidence, accepted(2004, WISHES[4])))
    assert "order 4 (canceled, None)" in said


def test_an_accepted_order_that_is_nobodys_is_named(evidence: Evidence) -> None:
    said = one(with_rows(evidence, accepted(2009, wish(ALICE, 9))))
    assert said == "the provider accepted 2009 for https://example.com/9, and no order of ours explains it"


def test_an_order_of_another_quantity_is_named(evidence: Evidence) -> None:
    said = one(with_rows(without_rows(evidence, 1006), accepted(1006, wish(BORIS, 6, quantity=999))))
    assert "accepted 1006" in said


def test_an_order_that_never_was_at_the_provider_is_named(evidence: Evidence) -> None:
    said = findings(without_rows(evidence, 1003))
    assert "order 3 is lost: the provider never accepted 1003" in said


def test_an_id_of_another_link_is_named(evidence: Evidence) -> None:
    said = findings(with_order(evidence, 6, provider_order_id="1001"))
    assert "order 6 has the id 1001, which the provider gave to https://example.com/1" in said
    assert "orders 1 and 6 have the same id 1001" in said


def test_a_placed_order_that_is_missing_is_named(evidence: Evidence) -> None:
    said = findings(without_order(evidence, 7))
    assert "order 7 was placed by boris@example.com and is not in the books" in said
    assert any("boris@example.com has 40" in line for line in said)


def test_an_order_that_nobody_was_told_of_is_named(evidence: Evidence) -> None:
    told = [told for told in evidence.told if told.order_id != 7]
    said = findings(replace(evidence, told=told))
    assert "order 7 of boris@example.com for https://example.com/7: nobody was told of it" in said
    assert "8 orders were wished for, 7 were answered" in said


def test_two_wishes_answered_by_one_order_are_named(evidence: Evidence) -> None:
    told = [Told(row.wish, 1 if row.order_id == 2 else row.order_id) for row in evidence.told]
    assert "order 1 answered 2 wishes" in findings(replace(evidence, told=told))


@pytest.mark.parametrize(
    "fields", [{"charge": Decimal(131)}, {"quantity": 999}, {"email": BORIS}, {"link": "x"}]
)
def test_an_order_that_is_not_what_was_placed_is_named(evidence: Evidence, fields: dict[str, object]) -> None:
    said = findings(with_order(evidence, 1, **fields))
    assert "order 1 is not what alice@example.com placed: https://example.com/1, 1000" in said


def test_a_refusal_of_an_order_that_could_be_paid_for_is_named(evidence: Evidence) -> None:
    told = [Told(row.wish, None if row.order_id == 1 else row.order_id) for row in evidence.told]
    said = findings(replace(evidence, told=told))
    assert "alice@example.com was refused https://example.com/1 for want of funds that were there" in said


def test_an_order_that_could_not_be_paid_for_is_named(evidence: Evidence) -> None:
    told = [replace(row, order_id=9) if row.order_id is None else row for row in evidence.told]
    assert one(replace(evidence, told=told)) == "order 9 of boris@example.com costs more than there ever was"


def test_a_wrong_balance_is_named_to_the_last_digit(evidence: Evidence) -> None:
    balances = evidence.books.balances | {ALICE: Decimal("372.49999")}
    wrong = replace(evidence, books=replace(evidence.books, balances=balances))
    assert one(wrong) == "alice@example.com has 372.49999, due is 372.50000"


def test_a_refund_that_is_not_the_providers_is_named(evidence: Evidence) -> None:
    said = findings(with_order(evidence, 2, refunded=Decimal("32.50001")))
    assert "order 2 (partial) gave back 32.50001, due is 32.50000" in said


def test_a_refund_of_an_uncertain_order_is_named(evidence: Evidence) -> None:
    said = findings(with_order(evidence, 6, refunded=FULL))
    assert "order 6 (uncertain) gave back 130, due is 0" in said


def test_an_end_that_is_not_the_providers_is_named(evidence: Evidence) -> None:
    said = findings(with_order(evidence, 1, status="canceled", refunded=FULL))
    assert "order 1 is canceled, the provider's 1001 is Completed" in said


def test_an_end_that_the_provider_does_not_know_is_named(evidence: Evidence) -> None:
    live = [row for row in evidence.journal if not isinstance(row, Ended) or row.order != "1001"]
    said = one(replace(evidence, journal=live))
    assert said == "order 1 is completed, and the provider has not ended it"


@pytest.mark.parametrize("number", [4, 5])
def test_a_cancel_that_nobody_asked_for_is_named(evidence: Evidence, number: int) -> None:
    said = one(replace(evidence, cancels=evidence.cancels - {number}))
    assert said == f"order {number} is canceled, and neither its customer nor the provider asked for it"


def test_a_refused_order_is_canceled_by_the_provider(evidence: Evidence) -> None:
    refused = with_order(evidence, 4, attempts=(Call("refused", "quantity"),))
    assert findings(replace(refused, cancels=frozenset({5}))) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "sending"}, "order 7 is being sent, and nobody sends it"),
        ({"status": "queued"}, "order 7 is queued and never due"),
        ({"status": "held"}, "order 7 is held"),
    ],
)
def test_an_order_without_a_way_out_is_named(
    evidence: Evidence, fields: dict[str, object], said: str
) -> None:
    assert one(with_order(evidence, 7, **fields)) == said


def test_an_order_whose_end_was_not_taken_is_named(evidence: Evidence) -> None:
    said = findings(with_order(evidence, 1, status="in_progress", is_due=True))
    assert "order 1 is in_progress, and the provider has ended it long ago" in said


def test_what_is_going_to_be_taken_up_again_is_no_difference(evidence: Evidence) -> None:
    assert findings(with_order(evidence, 7, status="queued", is_due=True)) == []


def test_lost_answers_are_counted_where_the_provider_accepted(evidence: Evidence) -> None:
    assert lost_answers(evidence) == Lost(orders=1, found=0)
    found = with_order(evidence, 6, status="completed", provider_order_id="1006", was_found=True)
    assert findings(found) == []
    assert lost_answers(found) == Lost(orders=1, found=1)


def test_nine_of_ten_are_demanded() -> None:
    share = Decimal("0.9")
    assert too_few_found(Lost(orders=100, found=90), share=share) == []
    assert too_few_found(Lost(orders=0, found=0), share=share) == []
    assert "89 of 100 orders" in too_few_found(Lost(orders=100, found=89), share=share)[0]


def test_plans_are_paid_for_but_for_what_is_too_dear() -> None:
    services = [replace(SERVICE, id=number, price=Decimal(number)) for number in range(1, 6)]
    services.append(replace(SERVICE, id=9, least=1, greatest=5_000_000, price=Decimal(90)))
    plans = planned(5, services, orders=640, customers=8)
    assert plans == planned(5, services, orders=640, customers=8)
    assert plans != planned(6, services, orders=640, customers=8)
    paid_for = []
    for plan in plans:
        mine = [*plan.at_once, *plan.later]
        assert {wish.email for wish in mine} == {plan.email}
        assert all(wish.charge > plan.money for wish in mine if wish.is_too_dear)
        paid_for += [wish for wish in mine if not wish.is_too_dear]
        assert plan.money == sum(wish.charge for wish in mine if not wish.is_too_dear)
        assert len(mine) > 80
    assert len(paid_for) == 640
    links = [wish.link for wish in paid_for]
    assert 0 < len(links) - len(set(links)) < len(links) // 40

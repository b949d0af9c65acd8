import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.factories import credit
from tests.pages import Browser, html, text
from wallet.models import Transfer
from wallet.statement import balance_of


@pytest.fixture(autouse=True)
def _in_english(operator: Client) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def page(user: User) -> str:
    return f"/admin/wallet/ledgeraccount/adjust/{user.pk}/"


def fill_in(browser: Client, user: User, **data: object) -> dict[str, Any]:
    """Return the form as the page gives it, filled in."""
    found = re.search(r'name="reference" value="([\w-]+)"', html(browser.get(page(user))))
    assert found
    return {"way": "in", "amount": "10", "note": "a gift", "reference": found[1], **data}


def adjustments() -> list[tuple[Decimal, str]]:
    rows = Transfer.objects.filter(note__startswith="a gift").order_by("id")
    return [(max(entry.amount for entry in row.entries.all()), row.note) for row in rows]


def test_money_is_put_in_and_taken_out(operator: Client, olga: User, alice: User) -> None:
    said = text(operator.post(page(alice), fill_in(operator, alice, amount="10.5"), follow=True))
    assert "The balance of alice@example.com is now 10.50 RUB." in said

    operator.post(page(alice), fill_in(operator, alice, way="out", amount="4"))

    assert balance_of(alice) == Decimal("6.5")
    last = Transfer.objects.order_by("id").last()
    assert last is not None
    assert (last.made_by, last.note, last.kind) == (olga, "a gift", "adjustment")


def test_one_page_moves_money_once(operator: Client, alice: User) -> None:
    form = fill_in(operator, alice)
    operator.post(page(alice), form)

    assert "done already" in text(operator.post(page(alice), form))
    assert "done already" in text(operator.post(page(alice), {**form, "amount": "20"}))

    assert balance_of(alice) == 10
    operator.post(page(alice), fill_in(operator, alice))
    assert balance_of(alice) == 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": ""},
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "0.000001"},
        {"amount": "NaN"},
        {"amount": "1e30"},
        {"amount": "9999999999999"},
        {"note": " "},
        {"note": "x" * 501},
        {"way": "sideways"},
        {"reference": "again"},
        {"way": "out", "amount": "5.01"},
    ],
)
def test_what_is_wrong_moves_nothing(operator: Client, alice: User, wrong: dict[str, str]) -> None:
    credit(alice, 5)

    answer = operator.post(page(alice), fill_in(operator, alice, **wrong))

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert balance_of(alice) == 5
    assert not adjustments()


def test_a_wallet_is_never_below_zero(operator: Client, alice: User) -> None:
    credit(alice, 5)

    said = text(operator.post(page(alice), fill_in(operator, alice, way="out", amount="6")))

    assert "The wallet holds only 5.00 RUB. Nothing was moved." in said


def test_it_is_for_those_who_may(operator: Client, alice: User, sasha: User) -> None:
    form = fill_in(operator, alice)
    sasha.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    for browser in (Browser(sasha), Browser(alice), Browser()):
        assert browser.post(page(alice), form).status_code in {302, 403}
        assert browser.get(page(alice)).status_code in {302, 403}
    assert balance_of(alice) == 0

    sasha.user_permissions.add(Permission.objects.get(codename="add_transfer"))
    assert Browser(sasha).post(page(alice), form).status_code == 302
    assert balance_of(alice) == 10


def test_a_hostile_note_is_words_only(operator: Client, alice: User) -> None:
    operator.post(page(alice), fill_in(operator, alice, note="a gift <script>alert(1)</script>"))

    for shown in (operator.get("/admin/wallet/entry/"), Browser(alice).get("/wallet/")):
        assert "<script>alert" not in shown.content.decode()


def test_nobody_there(operator: Client) -> None:
    assert operator.get("/admin/wallet/ledgeraccount/adjust/999/").status_code == 404

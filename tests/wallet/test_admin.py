import pytest
from django.test import Client as Browser

from accounts.models import User
from tests.factories import credit, make_service, place
from tests.pages import found
from wallet.admin import number_in, user_id_of
from wallet.models import Entry, LedgerAccount, Transfer


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def get(browser: Browser, path: str, **query: object) -> str:
    answer = browser.get(f"/admin/wallet/{path}", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_wallets_show_their_balance_and_lead_to_their_entries(operator: Browser, alice: User) -> None:
    credit(alice, "1234.5")
    wallet = LedgerAccount.objects.get(owner=alice)

    for page in ("ledgeraccount/?q=alice", f"ledgeraccount/{wallet.pk}/change/"):
        shown = get(operator, page)
        assert "1,234.50\xa0RUB" in shown
        assert f"/admin/wallet/entry/?account__id__exact={wallet.pk}" in shown


def test_a_statement_is_an_accounts_own(operator: Browser, alice: User, boris: User) -> None:
    credit(alice, 11)
    credit(boris, 22)
    wallet = LedgerAccount.objects.get(owner=alice)

    for query in ({"account__id__exact": wallet.pk}, {"q": "Alice@example.com"}):
        shown = get(operator, "entry/", **query)
        assert "11.00\xa0RUB" in shown
        assert "22.00\xa0RUB" not in shown
    assert not found(Entry, "alice").exists()
    assert not found(Entry, "nobody@example.com").exists()


def test_transfers_are_found_by_order_and_by_reference(alice: User) -> None:
    credit(alice, 1000)
    order = place(alice, make_service())
    charge = Transfer.objects.get(kind="order_charge")

    for term in (str(order.pk), f"#{order.pk}", f" order:{order.pk} "):
        assert list(found(Transfer, term)) == [charge]
    for term in ("order", f"order:{order.pk}9", "%", "9" * 30):
        assert not found(Transfer, term).exists()
    assert found(Transfer, " ").count() == 2


def test_a_transfer_shows_both_legs(operator: Browser, alice: User) -> None:
    credit(alice, 5)
    transfer = Transfer.objects.get()

    listed, shown = get(operator, "transfer/"), get(operator, f"transfer/{transfer.pk}/change/")

    assert "5.00\xa0RUB" in listed
    assert "-5.00\xa0RUB" not in listed
    for words in ("5.00\xa0RUB", "-5.00\xa0RUB", "alice@example.com", "Adjustments", "for a test"):
        assert words in shown


@pytest.mark.parametrize(
    ("term", "number"),
    [
        ("12", 12),
        (" #12 ", 12),
        ("", 0),
        ("x", 0),
        ("-1", 0),
        ("²", 0),
        ("9" * 18, int("9" * 18)),
        ("9" * 19, 0),
    ],
)
def test_numbers_in_searches(term: str, number: int) -> None:
    assert number_in(term) == number


def test_users_by_address(alice: User) -> None:
    assert user_id_of(" ALICE@example.com") == alice.pk
    assert user_id_of("ali") == 0

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from catalog.halting import halt
from orders.life import Event, move, note
from orders.models import Order, OrderEvent
from orders.refunding import owed, refund_up_to
from tests.factories import credit, make_service, place
from tests.orders.acting import answered
from tests.pages import Browser, html, queries_of, text
from wallet.models import Transfer
from wallet.statement import balance_of

Status = Order.Status
Cancel = Order.CancelState


@pytest.fixture
def order(alice: User) -> Order:
    """Alice's order of 1000 for 130.00, queued; her wallet keeps 870.00."""
    credit(alice, 1000)
    return place(alice, make_service(price=Decimal(130)), quantity=1000)


@pytest.fixture
def browser(alice: User) -> Browser:
    """Alice's."""
    return Browser(alice)


def sent(order: Order, status: str, *, ago: int = 0, **fields: Any) -> Order:
    """Take an order to a status that its provider gave it, `ago` seconds after it was accepted."""
    fields.setdefault("sent_at", timezone.now() - timedelta(seconds=ago))
    if status in Order.ENDED:
        fields["ended_at"] = timezone.now()
    move(order, to=Status.SENDING, event=Event.SENDING)
    move(order, to=status, event=Event.STATUS, provider_order_id=f"p{order.pk}", **fields)
    answered(order, f"p{order.pk}")
    return order


def page(browser: Browser, order: Order, **more: Any) -> Any:
    answer = browser.get(f"/orders/{order.pk}/", **more)
    assert answer.status_code == 200
    return answer


# --- Whose it is ------------------------------------------------------------------------------------------


def test_nobody_elses(order: Order, boris: User, olga: User) -> None:
    for other in (Browser(boris), Browser(olga)):
        assert other.get(f"/orders/{order.pk}/").status_code == 404
        assert other.get(f"/orders/{order.pk}/", headers={"HX-Request": "true"}).status_code == 404
        assert other.post(f"/orders/{order.pk}/cancel/").status_code == 404
    assert Browser().get(f"/orders/{order.pk}/").status_code == 302
    assert Browser().post(f"/orders/{order.pk}/cancel/").status_code == 302

    order.refresh_from_db()
    assert (order.status, order.cancel_state) == (Status.QUEUED, Cancel.NONE)
    assert not Transfer.objects.filter(kind="order_refund").exists()


# --- What it says -----------------------------------------------------------------------------------------


def test_a_fresh_order(browser: Browser, order: Order) -> None:
    said = text(page(browser, order))

    for words in (
        f"Order {order.pk}",
        "Pending",
        "Charged 130.00 RUB",
        "Returned 0.00 RUB",
        "Cost you in all 130.00 RUB",
        "It will be sent for work in a moment.",
        "The order was placed and paid for.",
        "Quantity 1,000",
        "Price per 1000 130.00 RUB",
    ):
        assert words in said
    assert "Delivered" not in said


def test_one_that_is_kept_back_is_told_to_wait(browser: Browser, order: Order) -> None:
    halt(order.provider, rule="key", text="Invalid API key")

    said = text(page(browser, order))

    assert "It waits to be sent for work, and will be sent by itself." in said
    assert "nothing is lost" in said
    for secret in ("in a moment", order.provider.name, "Invalid API key"):
        assert secret not in said


def test_under_way_with_its_progress(browser: Browser, order: Order) -> None:
    sent(order, Status.IN_PROGRESS, remains=400, start_count=1520)

    answer = page(browser, order)

    assert "Delivered 600 of 1,000" in text(answer)
    assert '<progress class="progress mb-3" id="progress" value="600" max="1000">' in html(answer)
    assert "Count at the start 1,520" in text(answer)
    assert "It is under way; nothing needs to be done." in text(answer)


@pytest.mark.parametrize(("remains", "delivered"), [(-5, 1000), (0, 1000), (1000, 0), (5000, 0)])
def test_progress_stays_in_its_bounds(browser: Browser, order: Order, remains: int, delivered: int) -> None:
    sent(order, Status.IN_PROGRESS, remains=remains)

    assert f'value="{delivered}" max="1000"' in html(page(browser, order))


def test_partial_with_what_came_back(browser: Browser, order: Order) -> None:
    sent(order, Status.PARTIAL, remains=250)
    refund_up_to(order, target=Decimal("32.5"))

    said = text(page(browser, order))

    for words in (
        "Partial",
        "Delivered 750 of 1,000",
        "Returned 32.50 RUB",
        "Cost you in all 97.50 RUB",
        "What was not delivered was returned to your wallet.",
        "The order was carried out in part.",
        "32.50 RUB returned to your wallet.",
    ):
        assert words in said


@pytest.mark.parametrize("status", [Status.UNCERTAIN, Status.HELD])
def test_what_staff_look_into_is_pending_and_safe(browser: Browser, order: Order, status: str) -> None:
    move(order, to=status, event=Event.HELD, detail="the provider's words, for staff", reason="secret words")

    said = text(page(browser, order))

    assert "Pending" in said
    assert "Your money is safe meanwhile." in said
    assert "for staff" not in said
    assert "secret words" not in said


def test_times_carry_the_exact_one(browser: Browser, order: Order) -> None:
    stamp = f"{order.created_at:%Y-%m-%d %H:%M:%S} UTC"

    assert f'title="{stamp}"' in html(page(browser, order))


def test_words_of_others_are_words_only(browser: Browser, alice: User) -> None:
    credit(alice, 1000)
    hostile = '"><script>alert(1)</script>\u202e👍' + "x" * 400
    order = place(alice, make_service(name=hostile), link=f"https://example.com/{'y' * 2000}")

    content = page(browser, order).content.decode()

    assert "<script>alert" not in content
    assert '"><script>' not in content
    assert 'rel="noopener noreferrer nofollow"' in content


def test_in_russian(alice: User, order: Order) -> None:
    said = text(page(Browser(alice, language="ru"), order))

    assert "Списано 130,00 RUB" in said
    assert "После начала работы отменить заказ можно будет ещё 10 минут." in said
    assert "Заказ оформлен и оплачен." in said


# --- How it follows the order -----------------------------------------------------------------------------


def test_htmx_gets_the_changing_part_alone(browser: Browser, order: Order) -> None:
    answer = page(browser, order, headers={"HX-Request": "true"})

    assert "<html" not in html(answer)
    assert html(answer).lstrip().startswith('<div id="order"')
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_PROGRESS])
def test_asks_again_while_it_is_under_way(browser: Browser, order: Order, status: str) -> None:
    sent(order, status)

    assert f'hx-get="/orders/{order.pk}/" hx-trigger="every' in html(page(browser, order))


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.PARTIAL, Status.CANCELED])
def test_asks_no_more_once_it_has_ended(browser: Browser, order: Order, status: str) -> None:
    sent(order, status, remains=0)
    refund_up_to(order, target=owed(order, status=status, remains=0))

    for more in ({}, {"headers": {"HX-Request": "true"}}):
        assert "hx-trigger" not in html(page(browser, order, **more))


# --- Canceling --------------------------------------------------------------------------------------------


def can_cancel(answer: Any) -> bool:
    return "/cancel/" in html(answer)


def test_what_was_not_sent_is_canceled_at_once(browser: Browser, order: Order, alice: User) -> None:
    assert "it is canceled at once, and the whole charge comes back." in text(page(browser, order))

    answer = browser.post(f"/orders/{order.pk}/cancel/", follow=True)

    assert "The order is canceled and its charge is back in your wallet." in text(answer)
    assert "Canceled" in text(answer)
    assert not can_cancel(answer)
    assert balance_of(alice) == Decimal(1000)


def test_what_the_provider_has_is_asked_for(browser: Browser, order: Order, alice: User) -> None:
    sent(order, Status.IN_PROGRESS)
    before = page(browser, order)
    assert "What was not delivered by then is paid back once it has stopped." in text(before)
    assert "Can be canceled until" in text(before)

    answer = browser.post(f"/orders/{order.pk}/cancel/", follow=True)

    assert "The cancellation was asked for." in text(answer)
    assert "You asked to cancel it." in text(answer)
    assert not can_cancel(answer)
    assert balance_of(alice) == Decimal(870)
    order.refresh_from_db()
    assert order.cancel_state == Cancel.WANTED


def test_past_its_time_it_goes_on(browser: Browser, order: Order, alice: User) -> None:
    sent(order, Status.IN_PROGRESS, ago=601)
    assert not can_cancel(page(browser, order))

    answer = browser.post(f"/orders/{order.pk}/cancel/", follow=True)

    assert "This order can no longer be canceled." in text(answer)
    order.refresh_from_db()
    assert order.cancel_state == Cancel.NONE
    assert balance_of(alice) == Decimal(870)


@pytest.mark.parametrize(
    ("state", "words", "again"),
    [
        (Cancel.WANTED, "You asked to cancel it.", False),
        (Cancel.TAKEN, "The money comes back when it has stopped.", False),
        (Cancel.REFUSED, "It could no longer be canceled, and goes on.", False),
        (Cancel.UNANSWERED, "You may ask again.", True),
    ],
)
def test_says_how_the_wish_to_cancel_stands(
    browser: Browser, order: Order, state: str, words: str, again: bool
) -> None:
    sent(order, Status.IN_PROGRESS)
    Order.objects.update(cancel_state=state)

    answer = page(browser, order)

    assert words in text(answer)
    assert can_cancel(answer) is again


def test_canceling_takes_a_post_with_its_token(alice: User, browser: Browser, order: Order) -> None:
    assert browser.get(f"/orders/{order.pk}/cancel/").status_code == 405
    assert Browser(alice, enforce_csrf_checks=True).post(f"/orders/{order.pk}/cancel/").status_code == 403

    order.refresh_from_db()
    assert order.status == Status.QUEUED


def test_the_part_that_htmx_got_can_cancel_too(alice: User, order: Order) -> None:
    careful = Browser(alice, enforce_csrf_checks=True)
    part = page(careful, order, headers={"HX-Request": "true"})
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html(part))
    assert token

    answer = careful.post(f"/orders/{order.pk}/cancel/", {"csrfmiddlewaretoken": token[1]})

    assert answer.status_code == 302
    order.refresh_from_db()
    assert order.status == Status.CANCELED


def test_queries_do_not_grow_with_events(browser: Browser, order: Order) -> None:
    found = []
    for size in (10, 190):
        for number in range(size):
            note(order, (Event.CANCEL_WANTED, Event.CANCEL_REFUSED)[number % 2])
        found.append(queries_of(lambda: browser.get(f"/orders/{order.pk}/")))

    # Session, user, order with its service, events, balance; whether orders are taken, announcements, foot.
    assert found == [8, 8]
    assert OrderEvent.objects.count() == 201

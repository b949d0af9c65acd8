"""What an operator does with orders in admin, over the pages themselves."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from operations.alerting import raise_alert
from operations.models import Alert
from orders import deciding, ending
from orders.ending import seen_of
from orders.evidence import mark_of
from orders.forwarding import claim_next
from orders.models import Attempt, Candidate, LostAnswer, Order, OrderEvent
from orders.operating import AT_ONCE
from orders.settling import settle_refund, settle_send_again
from tests.factories import credit, place
from tests.orders.acting import accept, fresh, held_by, kinds, refunds

WHY = "the provider <b>says</b> so"

PAGES = ("cancel", "ask", "settle", "end")

Tasks = list[tuple[str, tuple[int, ...]]]


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def uncertain(order: Order) -> Order:
    """Alice's order, of which nobody knows whether it was placed, with an alert that says so."""
    return make_uncertain(order)


def make_uncertain(order: Order) -> Order:
    now = timezone.now()
    Attempt.objects.create(
        order=order,
        provider=order.provider,
        started_at=now,
        lease_until=now,
        ended_at=now,
        outcome="uncertain",
        rule="read_timeout",
        http_status=502,
        answer="<h1>Bad Gateway</h1>",
    )
    Order.objects.filter(pk=order.pk).update(status="uncertain", due_at=None, reason="<i>no answer</i>")
    raise_alert(Alert.Kind.ORDER_UNCERTAIN, cause=f"order:{order.pk}", text="…")
    return fresh(order)


def page(order: Order, name: str) -> str:
    return f"/admin/orders/order/{order.pk}/{name}/"


def shown(browser: Browser, order: Order, name: str) -> str:
    answer = browser.get(page(order, name))
    assert answer.status_code == 200
    return answer.content.decode()


def post(browser: Browser, address: str, **data: object) -> tuple[Any, list[str]]:
    """Post a form; return the answer and what was said."""
    browser.cookies.pop("messages", None)  # what earlier posts said
    answer = browser.post(address, data)
    return answer, [str(message) for message in get_messages(answer.wsgi_request)]


def decide(browser: Browser, order: Order, decision: str, **more: object) -> tuple[Any, list[str]]:
    """Confirm a decision about an order, made on the evidence of now."""
    data = {
        "decision": decision,
        "provider_order_id": "",
        "why": WHY,
        "evidence": mark_of(fresh(order)),
        "confirmed": "yes",
    }
    return post(browser, page(order, "settle"), **data | more)


def staff(client: Browser, *codenames: str) -> Browser:
    """Log in a member of staff who has these rights."""
    user = User.objects.create_user("support@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


# --- What an order's page offers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("queued", {"cancel"}),
        ("uncertain", {"cancel", "settle"}),
        ("held", {"cancel", "settle"}),
        ("pending", {"cancel", "ask", "end"}),
        ("completed", {"ask"}),
    ],
)
def test_a_page_offers_what_can_be_done(
    operator: Browser, order: Order, status: str, offered: set[str]
) -> None:
    if status in ("pending", "completed"):
        accept(order)
    ended_at = timezone.now() if status == "completed" else None
    Order.objects.update(status=status, ended_at=ended_at)

    html = shown(operator, order, "change")

    assert {name for name in PAGES if page(order, name) in html} == offered


def test_who_may_only_look_is_offered_nothing(client: Browser, uncertain: Order) -> None:
    html = shown(staff(client, "view_order"), uncertain, "change")

    for name in PAGES:
        assert page(uncertain, name) not in html
    assert 'value="cancel_orders"' not in client.get("/admin/orders/order/").content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_who_may_only_look_can_do_nothing(client: Browser, uncertain: Order, name: str) -> None:
    browser = staff(client, "view_order")

    assert browser.get(page(uncertain, name)).status_code == 403
    answer, _ = decide(browser, uncertain, "refund")
    assert answer.status_code == 403
    assert post(browser, page(uncertain, name), confirmed="yes")[0].status_code == 403
    data = {"action": "cancel_orders", "_selected_action": uncertain.pk, "confirmed": "yes"}
    post(browser, "/admin/orders/order/", **data)

    assert fresh(uncertain).status == "uncertain"
    assert kinds(uncertain) == ["placed"]
    assert refunds(uncertain) == []


@pytest.mark.parametrize("name", ["cancel", "ask", "settle"])
def test_looking_does_nothing(operator: Browser, uncertain: Order, tasks: Tasks, name: str) -> None:
    before = Order.objects.values().get()

    shown(operator, uncertain, name)

    assert Order.objects.values().get() == before
    assert kinds(uncertain) == ["placed"]
    assert [task for task, _ in tasks if task.startswith("orders")] == []


@pytest.mark.parametrize("name", PAGES)
def test_an_order_that_is_not_there(operator: Browser, order: Order, name: str) -> None:
    assert operator.get(f"/admin/orders/order/{order.pk + 1}/{name}/").status_code == 404
    assert operator.post(f"/admin/orders/order/{order.pk + 1}/{name}/").status_code == 404


# --- Cancel -----------------------------------------------------------------------------------------------


def test_a_queued_order_is_canceled_and_paid_back(operator: Browser, olga: User, order: Order) -> None:
    html = shown(operator, order, "cancel")
    assert "130.00\xa0RUB" in html
    assert "the whole charge comes back" in html

    _, said = post(operator, page(order, "cancel"), confirmed="yes")

    assert said == [f"Order {order.pk} is canceled, 130.00\xa0RUB are back in the wallet."]
    assert fresh(order).status == "canceled"
    assert held_by(order.customer) == 1000
    assert OrderEvent.objects.get(kind="cancel_wanted").actor == olga


def test_what_the_provider_has_is_asked_for(operator: Browser, order: Order, commits: Any) -> None:
    accept(order)
    with commits as sent:
        _, said = post(operator, page(order, "cancel"), confirmed="yes")

    assert said == [
        f"Order {order.pk}: canceling is asked for. The money comes back when the order has stopped."
    ]
    assert sent == [("orders.tasks.cancel_provider", (order.provider_id,))]
    assert fresh(order).cancel_state == "wanted"
    assert refunds(order) == []


def test_many_are_canceled_with_a_word_about_each(operator: Browser, order: Order) -> None:
    other = place(order.customer, order.service)
    late = accept(place(order.customer, order.service), ago=timedelta(hours=1))
    data = {"action": "cancel_orders", "_selected_action": [order.pk, other.pk, late.pk]}

    answer, said = post(operator, "/admin/orders/order/", **data)
    html = answer.content.decode()
    assert (answer.status_code, said) == (200, [])
    assert f"Order {other.pk} of alice@example.com, 130.00\xa0RUB. It was not sent" in html
    assert (
        f"Order {late.pk} of alice@example.com, 130.00\xa0RUB. It can no longer be canceled: the provider has"
        in html
    )
    assert fresh(order).status == "queued"

    _, said = post(operator, "/admin/orders/order/", **data, confirmed="yes")
    assert said == [
        f"Order {order.pk} is canceled, 130.00\xa0RUB are back in the wallet.",
        f"Order {other.pk} is canceled, 130.00\xa0RUB are back in the wallet.",
        f"Order {late.pk} cannot be canceled: it has ended, was asked for before, or is too old.",
    ]
    assert [fresh(one).status for one in (order, other, late)] == ["canceled", "canceled", "pending"]


@pytest.mark.parametrize(
    ("news", "words"),
    [
        ({"status": "completed", "ended_at": timezone.now()}, "It has ended, as: Completed."),
        ({"cancel_state": "taken"}, "Canceling was asked for before, and stands so: Taken by the provider."),
        ({"sent_at": timezone.now() - timedelta(hours=1)}, "It can no longer be canceled: the provider has"),
    ],
)
def test_what_cannot_be_canceled_any_more_offers_no_button(
    operator: Browser, order: Order, news: dict[str, Any], words: str
) -> None:
    accept(order)
    Order.objects.update(**news)
    data = {"action": "cancel_orders", "_selected_action": order.pk}

    for html in (
        shown(operator, order, "cancel"),
        post(operator, "/admin/orders/order/", **data)[0].content.decode(),
    ):
        assert words in html
        assert "Yes, cancel" not in html
        assert "No, go back" not in html
    assert "cancel_wanted" not in kinds(order)


def test_too_many_at_once_are_refused(
    operator: Browser, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AT_ONCE == 100
    monkeypatch.setattr("orders.operating.AT_ONCE", 1)
    other = place(order.customer, order.service)
    for action in ("cancel_orders", "ask_about_orders"):
        data = {"action": action, "_selected_action": [order.pk, other.pk], "confirmed": "yes"}
        _, said = post(operator, "/admin/orders/order/", **data)
        assert said == ["Choose at most 1 orders at once. Nothing was done."]

    assert {one.status for one in Order.objects.all()} == {"queued"}


# --- Ask --------------------------------------------------------------------------------------------------


def test_the_provider_is_asked_now(operator: Browser, order: Order, commits: Any) -> None:
    accept(order)
    Order.objects.update(due_at=timezone.now() + timedelta(hours=1))
    with commits as sent:
        _, said = post(operator, page(order, "ask"), confirmed="yes")

    assert said == [f"Order {order.pk}: the provider is asked about it as soon as it can be."]
    assert sent == [("orders.tasks.poll_provider", (order.provider_id,))]
    assert fresh(order).due_at <= timezone.now()  # type: ignore[operator]


def test_many_are_asked_about_with_a_word_about_each(operator: Browser, order: Order) -> None:
    other = accept(place(order.customer, order.service))
    data = {"action": "ask_about_orders", "_selected_action": [order.pk, other.pk]}

    _, said = post(operator, "/admin/orders/order/", **data)

    assert said == [
        f"Order {order.pk}: the provider gave it no id, so there is nothing to ask about.",
        f"Order {other.pk}: the provider is asked about it as soon as it can be.",
    ]


# --- Settle -----------------------------------------------------------------------------------------------


def test_the_evidence_is_shown_as_words(operator: Browser, uncertain: Order) -> None:
    html = shown(operator, uncertain, "settle")

    for words in ("read_timeout", "502", "&lt;h1&gt;Bad Gateway", "&lt;i&gt;no answer", "130.00\xa0RUB"):
        assert words in html
    assert "<h1>Bad Gateway" not in html


@pytest.mark.parametrize(
    ("decision", "provider_order_id", "words"),
    [
        ("placed", "77", "under the id 77"),
        ("placed", "77", "130.00\xa0RUB stay paid. What is not delivered is given back"),
        ("send_again", "", "it is delivered twice, and you pay the provider twice"),
        ("refund", "", "130.00\xa0RUB go back to the wallet of alice@example.com"),
    ],
)
def test_a_decision_is_confirmed_by_what_it_does_to_the_money(
    operator: Browser, uncertain: Order, decision: str, provider_order_id: str, words: str
) -> None:
    data = {"decision": decision, "provider_order_id": provider_order_id, "why": WHY}

    answer, said = post(operator, page(uncertain, "settle"), **data, evidence=mark_of(uncertain))

    html = answer.content.decode()
    assert said == []
    assert words in html
    assert "the provider &lt;b&gt;says&lt;/b&gt; so" in html
    assert fresh(uncertain).status == "uncertain"
    assert kinds(uncertain) == ["placed"]
    assert refunds(uncertain) == []


def typed_back(html: str) -> dict[str, str]:
    """Return what the form of a confirmation posts that goes back."""
    form = re.search(r'<form method="post" id="go-back">.*?</form>', html, re.DOTALL)
    assert form
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[0])
    assert 'form="go-back"' in html
    return {name: unescape(value) for name, value in fields}


@pytest.mark.parametrize(
    ("decision", "provider_order_id"), [("placed", "77"), ("refund", ""), ("send_again", "")]
)
def test_going_back_from_a_decision_brings_back_what_was_typed(
    operator: Browser, uncertain: Order, decision: str, provider_order_id: str
) -> None:
    data = {"decision": decision, "provider_order_id": provider_order_id, "why": WHY}
    asked, _ = post(operator, page(uncertain, "settle"), **data, evidence=mark_of(uncertain))

    answer, said = post(operator, page(uncertain, "settle"), **typed_back(asked.content.decode()))

    form = answer.context["form"]
    assert (said, form.errors) == ([], {})
    assert {name: form[name].value() for name in data} == data
    assert 'value="yes"' not in answer.content.decode()
    assert (fresh(uncertain).status, kinds(uncertain)) == ("uncertain", ["placed"])


def test_a_way_back_does_nothing_even_if_it_is_confirmed(operator: Browser, uncertain: Order) -> None:
    answer, _ = decide(operator, uncertain, "refund", back="yes")
    assert (answer.status_code, fresh(uncertain).status) == (200, "uncertain")


def test_it_was_placed(operator: Browser, olga: User, uncertain: Order) -> None:
    answer, said = decide(operator, uncertain, "placed", provider_order_id=" 77 ")

    assert (answer.status_code, answer.headers["Location"]) == (302, page(uncertain, "change"))
    assert said == [f"Order {uncertain.pk} is settled."]
    settled = fresh(uncertain)
    assert (settled.status, settled.provider_order_id) == ("pending", "77")
    event = OrderEvent.objects.get(kind="settled")
    assert (event.actor, event.detail) == (olga, WHY)
    assert not Alert.objects.filter(closed_at=None).exists()
    assert refunds(uncertain) == []


def test_send_it_again(operator: Browser, uncertain: Order, commits: Any) -> None:
    with commits as sent:
        decide(operator, uncertain, "send_again")

    assert fresh(uncertain).status == "queued"
    assert ("orders.tasks.forward_provider", (uncertain.provider_id,)) in sent
    assert refunds(uncertain) == []


def test_refund_it(operator: Browser, olga: User, uncertain: Order) -> None:
    decide(operator, uncertain, "refund")

    assert fresh(uncertain).status == "canceled"
    assert refunds(uncertain) == [130]
    assert held_by(uncertain.customer) == 1000
    assert {event.actor for event in OrderEvent.objects.filter(kind__in=["settled", "refunded"])} == {olga}


@pytest.mark.parametrize(
    ("decision", "words"),
    [("placed", "the provider is asked to"), ("send_again", "it is not sent again, but canceled")],
)
def test_a_customer_who_wanted_it_canceled_is_heard(
    operator: Browser, uncertain: Order, decision: str, words: str
) -> None:
    Order.objects.update(cancel_state="wanted")
    more = {"provider_order_id": "77"} if decision == "placed" else {}
    data = {"decision": decision, "why": WHY, "evidence": mark_of(fresh(uncertain)), **more}

    answer, _ = post(operator, page(uncertain, "settle"), **data)
    assert words in answer.content.decode()
    decide(operator, uncertain, decision, **more)

    settled = fresh(uncertain)
    assert (settled.status, bool(settled.cancel_due_at)) == (
        ("pending", True) if decision == "placed" else ("canceled", False)
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decision": ""}, "This field is required"),
        ({"decision": "give it all away"}, "Select a valid choice"),
        ({"why": "  "}, "This field is required"),
        ({"why": "w" * 501}, "at most 500"),
        ({"decision": "placed"}, "Enter the id that the provider gave it."),
        ({"decision": "placed", "provider_order_id": "7" * 101}, "at most 100"),
        ({"decision": "refund", "provider_order_id": "7"}, "Leave it empty unless the order was placed."),
        ({"decision": "placed", "provider_order_id": "t4ken"}, "has this id already. Look up the right one"),
        ({"decision": "placed", "provider_order_id": "01242"}, "Enter the id as the provider writes it"),
        ({"decision": "placed", "provider_order_id": "12 42"}, "Enter the id as the provider writes it"),
        ({"evidence": "x"}, "More became known since you opened this page."),
    ],
)
def test_a_form_that_says_nothing_clear_is_shown_again(
    operator: Browser, uncertain: Order, changes: dict[str, str], words: str
) -> None:
    accept(place(uncertain.customer, uncertain.service), "t4ken")
    place(uncertain.customer, uncertain.service)
    assert claim_next(uncertain.provider_id) is not None  # a call that was told no id

    answer, said = decide(operator, uncertain, **{"decision": "refund"} | changes)

    assert (answer.status_code, said) == (200, [])
    assert words in answer.content.decode()
    assert ("has this id already." in answer.content.decode()) == ("t4ken" in changes.values())
    assert fresh(uncertain).status == "uncertain"
    assert kinds(uncertain) == ["placed"]
    assert refunds(uncertain) == []


def settled_first(order: Order, status: str) -> str:
    """Return what is said to the second of two who decide."""
    return f"Order {order.pk} was settled by boris@example.com first, and is now: {status}. Nothing was done."


def test_the_first_of_two_decides(operator: Browser, uncertain: Order, boris: User) -> None:
    settle_refund(uncertain.pk, actor=boris, why="first")

    answer, said = decide(operator, uncertain, "placed", provider_order_id="77")

    assert said == [settled_first(uncertain, "Canceled")]
    assert answer.headers["Location"] == page(uncertain, "change")
    settled = fresh(uncertain)
    assert (settled.status, settled.provider_order_id) == ("canceled", None)
    assert kinds(uncertain).count("settled") == 1


def test_a_decision_between_the_look_and_the_rule(
    operator: Browser, uncertain: Order, boris: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(order_id: int, **more: Any) -> Order:
        settle_send_again(order_id, actor=boris, why="first")
        return settle_refund(order_id, **more)

    monkeypatch.setattr("orders.deciding.settle_refund", first)
    _, said = decide(operator, uncertain, "refund")

    assert said == [settled_first(uncertain, "Queued")]
    assert refunds(uncertain) == []


OUTDATED = "More became known since you opened this page. Look at it, and decide again."


def found(order: Order, number: int = 501) -> Candidate:
    """Let a search find what fits an order."""
    lost, _ = LostAnswer.objects.get_or_create(
        attempt=order.attempts.latest("id"),
        defaults={"provider": order.provider, "state": "whole", "id_before": 500, "id_after": 510},
    )
    assert lost.state == "whole"
    return Candidate.objects.create(
        provider=order.provider, number=number, status_text="Pending", charge=100, seen_at=timezone.now()
    )


def sent_again(order: Order) -> None:
    """Let the answer be lost once more, after somebody had it sent again."""
    settle_send_again(order.pk, actor=order.customer, why="first")
    make_uncertain(order)


@pytest.mark.parametrize("news", [found, sent_again])
@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}])
def test_a_decision_on_old_evidence_is_refused_and_the_new_is_shown(
    operator: Browser, uncertain: Order, news: Any, confirmed: dict[str, str]
) -> None:
    old = mark_of(uncertain)
    news(uncertain)
    before = kinds(uncertain)

    data = {"decision": "refund", "provider_order_id": "", "why": WHY, "evidence": old, **confirmed}
    answer, said = post(operator, page(uncertain, "settle"), **data)

    html = answer.content.decode()
    assert (answer.status_code, said) == (200, [])
    assert OUTDATED in html
    assert mark_of(fresh(uncertain)) in html
    assert "the provider &lt;b&gt;says&lt;/b&gt; so" in html
    assert (news is found) == (">501<" in html)
    assert (fresh(uncertain).status, kinds(uncertain), refunds(uncertain)) == ("uncertain", before, [])


def test_what_is_shown_anew_can_be_decided(operator: Browser, uncertain: Order) -> None:
    found(uncertain)
    decide(operator, uncertain, "placed", provider_order_id="501")
    assert (fresh(uncertain).status, fresh(uncertain).provider_order_id) == ("pending", "501")


def test_what_is_found_between_the_look_and_the_decision_is_shown(
    operator: Browser, uncertain: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(order_id: int, **more: Any) -> Order:
        found(uncertain)
        return settle_refund(order_id, **more)

    monkeypatch.setattr("orders.deciding.settle_refund", late)
    answer, said = decide(operator, uncertain, "refund")

    assert (answer.status_code, said) == (200, [])
    assert OUTDATED in answer.content.decode()
    assert ">501<" in answer.content.decode()
    assert (fresh(uncertain).status, refunds(uncertain)) == ("uncertain", [])


def test_a_link_fills_the_decision_in(operator: Browser, uncertain: Order) -> None:
    address = page(uncertain, "settle") + "?decision=placed&provider_order_id=%22%3E501"
    html = operator.get(address).content.decode()

    assert re.search(r'value="placed"[^>]*checked', html)
    assert 'value="&quot;&gt;501"' in html


# --- End by hand ------------------------------------------------------------------------------------------


@pytest.fixture
def unreadable(order: Order) -> Order:
    """Alice's order, which the provider has, and says nothing readable of."""
    accept(order, "77")
    Order.objects.update(status="in_progress", remains=300, unknown_answers=3)
    raise_alert(Alert.Kind.ORDER_UNREADABLE, cause=f"order:{order.pk}", text="<i>Partial without remains</i>")
    return fresh(order)


def end(browser: Browser, order: Order, status: str, **more: object) -> tuple[Any, list[str]]:
    """Confirm an end of an order that was seen as it is now."""
    data = {"status": status, "remains": "", "why": WHY, "seen": seen_of(fresh(order)), "confirmed": "yes"}
    return post(browser, page(order, "end"), **data | more)


def test_what_the_provider_said_last_is_shown(operator: Browser, unreadable: Order) -> None:
    html = shown(operator, unreadable, "end")

    for words in (
        "77",
        "remains 300",
        "the last 3 times",
        "&lt;i&gt;Partial without remains",
        "130.00\xa0RUB",
    ):
        assert words in html
    assert 'value="300"' in html


@pytest.mark.parametrize(
    ("status", "remains", "words"),
    [
        ("completed", "", "130.00\xa0RUB stay paid, nothing goes back"),
        (
            "partial",
            "300",
            "700 of 1,000 delivered: 39.00\xa0RUB of 130.00\xa0RUB go back to the wallet of alice",
        ),
        ("canceled", "", "130.00\xa0RUB go back to the wallet of alice@example.com"),
        ("canceled", "", "What was given back is never taken back"),
    ],
)
def test_an_end_is_confirmed_by_what_it_does_to_the_money(
    operator: Browser, unreadable: Order, status: str, remains: str, words: str
) -> None:
    data = {"status": status, "remains": remains, "why": WHY, "seen": seen_of(unreadable)}

    answer, said = post(operator, page(unreadable, "end"), **data)

    assert said == []
    assert words in answer.content.decode()
    assert "the provider &lt;b&gt;says&lt;/b&gt; so" in answer.content.decode()
    assert (fresh(unreadable).status, refunds(unreadable)) == ("in_progress", [])


def test_going_back_from_an_end_brings_back_what_was_typed(operator: Browser, unreadable: Order) -> None:
    data = {"status": "partial", "remains": "250", "why": WHY}
    asked, _ = post(operator, page(unreadable, "end"), **data, seen=seen_of(unreadable))

    answer, _ = post(operator, page(unreadable, "end"), **typed_back(asked.content.decode()))

    form = answer.context["form"]
    assert form.errors == {}
    assert {name: form[name].value() for name in data} == data
    assert (fresh(unreadable).ended_at, refunds(unreadable)) == (None, [])


@pytest.mark.parametrize("name", ["settle", "end", "cancel", "ask"])
def test_a_page_has_its_title_and_leads_back_to_the_order(
    operator: Browser, uncertain: Order, name: str
) -> None:
    order = accept(uncertain) if name == "end" else uncertain
    titles = {"settle": "Settle the order", "end": "End the order by hand"}
    titles |= {"cancel": "Cancel", "ask": "Ask the provider now"}

    html = shown(operator, order, name)

    assert re.search(rf"<h2 [^>]*>{titles[name]}</h2>", html)
    trail = re.search(r"<h1 .*?</h1>", html, re.DOTALL)
    assert trail
    assert re.findall(r'href="([^"]*)"', trail[0]) == ["/admin/orders/order/", page(order, "change")]
    assert re.sub(r"<[^>]*>|\s", "", trail[0]) == f"Orderschevron_right#{order.pk}"


@pytest.mark.parametrize(
    ("status", "remains", "back"), [("completed", "", []), ("partial", "300", [39]), ("canceled", "", [130])]
)
def test_an_order_is_ended_by_hand(
    operator: Browser, olga: User, unreadable: Order, status: str, remains: str, back: list[int]
) -> None:
    answer, said = end(operator, unreadable, status, remains=remains)

    assert answer.headers["Location"] == page(unreadable, "change")
    assert said == [f"Order {unreadable.pk} is ended."]
    assert (fresh(unreadable).status, refunds(unreadable)) == (status, back)
    event = OrderEvent.objects.get(kind="settled")
    assert (event.actor, event.detail, event.to_status) == (olga, WHY, status)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": ""}, "This field is required"),
        ({"status": "queued"}, "Select a valid choice"),
        ({"status": "partial"}, "more than 0, and less than 1,000"),
        ({"status": "partial", "remains": "0"}, "more than 0, and less than 1,000"),
        ({"status": "partial", "remains": "1000"}, "more than 0, and less than 1,000"),
        ({"status": "partial", "remains": "-5"}, "more than 0, and less than 1,000"),
        ({"status": "partial", "remains": "some"}, "Enter a whole number"),
        ({"why": " "}, "This field is required"),
    ],
)
def test_an_end_that_is_not_clear_is_shown_again(
    operator: Browser, unreadable: Order, changes: dict[str, str], words: str
) -> None:
    answer, said = end(operator, unreadable, **{"status": "completed"} | changes)

    assert (answer.status_code, said) == (200, [])
    assert words in answer.content.decode()
    assert (fresh(unreadable).status, refunds(unreadable)) == ("in_progress", [])


@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}])
@pytest.mark.parametrize("news", [{"status": "pending"}, {"remains": 10}])
def test_an_end_on_an_old_look_is_refused_and_the_new_is_shown(
    operator: Browser, unreadable: Order, confirmed: dict[str, str], news: dict[str, Any]
) -> None:
    data = {"status": "partial", "remains": "300", "why": WHY, "seen": seen_of(unreadable)}
    Order.objects.update(**news)

    answer, said = post(operator, page(unreadable, "end"), **data | confirmed)

    assert (answer.status_code, said) == (200, [])
    html = answer.content.decode()
    assert "More became known since you opened this page." in html
    assert f'name="seen" value="{seen_of(fresh(unreadable))}"' in html
    assert (fresh(unreadable).ended_at, refunds(unreadable)) == (None, [])


@pytest.mark.parametrize(
    ("news", "says"),
    [
        ({"remains": 10}, "More became known since you opened this page."),
        ({"status": "completed", "ended_at": timezone.now()}, "it is now: Completed. Nothing was done."),
    ],
)
def test_what_the_provider_says_right_before_the_lock_is_not_passed_over(
    operator: Browser, unreadable: Order, news: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_the_look(order_id: int, **decided: Any) -> Order:
        Order.objects.update(**news)
        return ending.settle_end(order_id, **decided)

    monkeypatch.setattr(deciding, "settle_end", after_the_look)

    answer, said = end(operator, unreadable, "canceled")

    assert says in (said[0] if said else answer.content.decode())
    assert refunds(unreadable) == []


def test_an_order_that_waits_for_nobody(operator: Browser, order: Order) -> None:
    answer = operator.get(page(order, "settle"))

    assert [str(message) for message in get_messages(answer.wsgi_request)] == [
        f"Order {order.pk} does not wait for a decision, it is now: Queued. Nothing was done."
    ]


def test_a_form_from_elsewhere_is_refused(olga: User, uncertain: Order) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(olga)

    for name in PAGES:
        assert browser.post(page(uncertain, name), {"confirmed": "yes"}).status_code == 403
    assert fresh(uncertain).cancel_state == ""


def test_hostile_names_are_words(operator: Browser, uncertain: Order) -> None:
    credit(uncertain.customer, 1)
    type(uncertain.service).objects.update(name="<script>alert(1)</script>")
    type(uncertain.provider).objects.update(name="<script>alert(2)</script>")
    type(uncertain).objects.update(link="https://example.com/<script>alert(3)</script>")
    User.objects.filter(pk=uncertain.customer_id).update(email="<script>alert(4)</script>@x.y")

    for name in ("change", "cancel", "ask", "settle"):
        assert "<script>alert(" not in shown(operator, uncertain, name)
    data = {"decision": "refund", "why": WHY, "evidence": mark_of(fresh(uncertain))}
    assert "<script>alert(" not in post(operator, page(uncertain, "settle"), **data)[0].content.decode()

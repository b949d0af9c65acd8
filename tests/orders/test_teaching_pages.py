"""Teaching the text of a held order a class, over the page itself."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client as Browser

from accounts.models import User
from catalog.models import Service, TaughtText
from catalog.teaching import teach
from orders import teaching_pages
from orders.models import LostAnswer, Order
from orders.settling import settle_refund
from tests.factories import place
from tests.orders.acting import accept, forward_at_once, fresh, held_by, refunds
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import saying

SAID = "The <b>moon</b> 17 is too bright, see https://example.com/channel"
MATCHED = "the <b>moon</b> 17 is too bright, see …"
OPEN = "the <b>moon</b> # is too bright, see …"


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def held(order: Order, sandbox: SandboxServer) -> Order:
    return hold(order, sandbox)


def hold(order: Order, sandbox: SandboxServer, text: str = SAID) -> Order:
    sandbox.script("add", saying(json.dumps({"error": text})))
    order = forward_at_once(order)
    LostAnswer.objects.filter(attempt__order=order).update(state="impossible", due_at=None)
    return order


def page(order: Order, name: str = "teach") -> str:
    return f"/admin/orders/order/{order.pk}/{name}/"


def post(browser: Browser, order: Order, **data: str) -> tuple[Any, list[str]]:
    """Post the form; return the answer and what was said."""
    browser.cookies.pop("messages", None)
    answer = browser.post(page(order), {"text": OPEN, "meaning": "refused"} | data)
    return answer, [str(message) for message in get_messages(answer.wsgi_request)]


def confirm(browser: Browser, order: Order, **data: str) -> tuple[Any, list[str]]:
    return post(browser, order, confirmed="yes", **data)


def staff(client: Browser, user: User, *codenames: str) -> Browser:
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def test_a_held_order_offers_it(operator: Browser, held: Order, customer: User, service: Service) -> None:
    assert page(held) in operator.get(page(held, "change")).content.decode()
    other = accept(place(customer, service))
    assert page(other) not in operator.get(page(other, "change")).content.decode()


def test_the_text_is_shown_as_it_is_matched_and_escaped(operator: Browser, held: Order) -> None:
    answer = operator.get(page(held))
    html = answer.content.decode()

    assert answer.context["form"].words == MATCHED
    assert answer.context["form"].initial["text"] == OPEN
    assert "the &lt;b&gt;moon&lt;/b&gt; 17 is too bright" in html
    assert "<b>moon" not in html.lower()
    for meaning in TaughtText.Meaning.values:
        assert f'value="{meaning}"' in html


@pytest.mark.parametrize(
    ("meaning", "says"),
    [
        ("refused", ["2 held orders end as canceled, and 260.00 RUB go back", "you pay for it"]),
        ("later", ["2 held orders wait to be sent again. 260.00 RUB stay paid", "delivered twice"]),
        ("halt", ["is halted until you let it go on", "2 held orders wait to be sent again"]),
        ("uncertain", ["2 held orders become uncertain"]),
    ],
)
def test_it_says_what_happens_and_asks(
    operator: Browser,
    held: Order,
    customer: User,
    service: Service,
    sandbox: SandboxServer,
    meaning: str,
    says: list[str],
) -> None:
    other = hold(place(customer, service), sandbox, SAID.replace("17", "18"))

    answer, _ = post(operator, held, meaning=meaning)

    html = answer.content.decode().replace("\xa0", " ")
    for words in [*says, "“the &lt;b&gt;moon&lt;/b&gt; # is too bright, see …” is known from now on"]:
        assert words in html
    assert "<b>moon" not in html
    assert TaughtText.objects.count() == 0
    assert {fresh(held).status, fresh(other).status} == {"held"}


def test_it_says_how_many_wait_for_a_search(
    operator: Browser, held: Order, customer: User, service: Service, sandbox: SandboxServer
) -> None:
    other = hold(place(customer, service), sandbox, SAID.replace("17", "18"))
    LostAnswer.objects.filter(attempt__order=other).update(state="searching")

    html = post(operator, held)[0].content.decode()
    _, said = confirm(operator, held)

    assert "1 held order ends as canceled" in html
    assert "1 held order is still searched for at the provider: it stays held until that is done" in html
    assert (fresh(held).status, fresh(other).status, len(said)) == ("canceled", "held", 2)


@pytest.mark.parametrize("meaning", ["refused", "later", "halt"])
def test_with_none_to_settle_it_reads_naturally(operator: Browser, held: Order, meaning: str) -> None:
    LostAnswer.objects.update(state="searching")

    html = post(operator, held, meaning=meaning)[0].content.decode()

    lines = re.findall(r"<li>(.*?)</li>", html)
    assert lines[0].endswith("whenever Sandbox says it.")
    assert lines[1] == "No held order is settled by this now."
    assert lines[2].startswith("1 held order is still searched for at the provider")
    assert len(lines) == 3


def test_going_back_brings_back_what_was_typed(operator: Browser, held: Order) -> None:
    answer, _ = post(operator, held, text="is too bright", meaning="later", back="yes")

    form = answer.context["form"]
    assert (form.errors, form["text"].value(), form["meaning"].value()) == ({}, "is too bright", "later")
    assert 'form="go-back"' in post(operator, held)[0].content.decode()
    assert (TaughtText.objects.count(), fresh(held).status) == (0, "held")


def test_confirmed_it_is_done_and_told(
    operator: Browser, held: Order, customer: User, service: Service, sandbox: SandboxServer, olga: User
) -> None:
    other = hold(place(customer, service), sandbox, SAID.replace("17", "18"))

    answer, said = confirm(operator, held)

    assert (answer.status_code, answer["Location"]) == (302, page(held, "change"))
    assert said == [
        "The text is taught.",
        f"Order {held.pk} is canceled, 130.00\xa0RUB are back in the wallet.",
        f"Order {other.pk} is canceled, 130.00\xa0RUB are back in the wallet.",
    ]
    assert (refunds(held), refunds(other), held_by(customer)) == ([130], [130], 1000)
    taught = TaughtText.objects.get()
    assert (taught.text, taught.meaning, taught.taught_by) == (OPEN, "refused", olga)
    assert fresh(held).events.get(kind="settled").actor == olga


@pytest.mark.parametrize(
    ("meaning", "told"), [("later", "waits to be sent again"), ("uncertain", "is now: Uncertain")]
)
def test_what_becomes_of_it_is_told(operator: Browser, held: Order, meaning: str, told: str) -> None:
    _, said = confirm(operator, held, meaning=meaning)
    assert told in said[1]


def test_the_text_may_be_shortened(operator: Browser, held: Order) -> None:
    confirm(operator, held, text="Is too BRIGHT")
    assert TaughtText.objects.get().text == "is too bright"


@pytest.mark.parametrize(
    "text",
    ["", "the sun is too bright", "the moon is", "moon", "18 is too bright", "x" * 5000, "… … …"],
    ids=["empty", "another", "changed", "short", "another number", "endless", "marks"],
)
@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}], ids=["asked", "confirmed"])
def test_what_cannot_be_taught(operator: Browser, held: Order, text: str, confirmed: dict[str, str]) -> None:
    answer, _ = post(operator, held, text=text, **confirmed)
    assert answer.status_code == 200
    assert answer.context["form"].errors["text"]
    assert TaughtText.objects.count() == 0
    assert fresh(held).status == "held"


def test_no_meaning_is_none(operator: Browser, held: Order) -> None:
    for meaning in ("", "paid"):
        answer, _ = confirm(operator, held, meaning=meaning)
        assert answer.context["form"].errors["meaning"]


def test_of_two_operators_the_first_counts(operator: Browser, held: Order, sasha: User) -> None:
    """Both have the page open; the other one's meaning stands, and is told."""
    teach(held.provider, text=OPEN, meaning=TaughtText.Meaning.UNCERTAIN, actor=sasha)

    answer, _ = confirm(operator, held)

    assert "sasha@example.com" in answer.context["form"].errors["text"][0]
    assert (TaughtText.objects.get().meaning, fresh(held).status) == ("uncertain", "held")


def test_an_order_that_is_held_no_longer(operator: Browser, held: Order, olga: User) -> None:
    settle_refund(held.pk, actor=olga, why="no")

    assert operator.get(page(held)).status_code == 302
    answer, said = confirm(operator, held)

    assert answer.status_code == 302
    assert "held no longer" in said[-1]
    assert TaughtText.objects.count() == 0


def test_one_that_is_settled_in_the_same_moment_is_told(
    operator: Browser, held: Order, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = teaching_pages.settle_held

    def after_another(*args: Any, **more: Any) -> list[Order]:
        settle_refund(held.pk, actor=olga, why="first")
        return plain(*args, **more)

    monkeypatch.setattr(teaching_pages, "settle_held", after_another)

    _, said = confirm(operator, held)

    assert said == ["The text is taught.", f"Order {held.pk} was left alone, it is now: Canceled."]
    assert refunds(held) == [130]


def test_of_many_the_first_are_told(
    operator: Browser,
    held: Order,
    customer: User,
    service: Service,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teaching_pages, "TOLD_OF", 1)
    monkeypatch.setattr(teaching_pages, "AT_ONCE", 3)
    orders = [held, *(hold(place(customer, service), sandbox) for _ in range(4))]

    _, said = confirm(operator, orders[2])

    assert said[1].startswith(f"Order {orders[2].pk} is canceled")
    assert said[2:] == [
        "2 more orders are settled too.",
        "If more orders are held with it, they are settled within a minute.",
    ]
    assert [fresh(each).status for each in orders].count("held") == 2


@pytest.mark.parametrize(
    "has",
    [["view_order"], ["view_order", "change_order"], ["view_order", "add_taughttext"]],
)
def test_who_may_not_both_can_do_nothing(client: Browser, held: Order, sasha: User, has: list[str]) -> None:
    browser = staff(client, sasha, *has)

    assert page(held) not in browser.get(page(held, "change")).content.decode()
    assert browser.get(page(held)).status_code == 403
    assert confirm(browser, held)[0].status_code == 403
    assert (TaughtText.objects.count(), fresh(held).status) == (0, "held")


def test_who_may_both_can(client: Browser, held: Order, sasha: User) -> None:
    browser = staff(client, sasha, "view_order", "change_order", "add_taughttext")
    assert page(held) in browser.get(page(held, "change")).content.decode()
    assert confirm(browser, held)[0].status_code == 302


def test_an_order_that_is_not_there(operator: Browser) -> None:
    assert operator.get("/admin/orders/order/4711/teach/").status_code == 404

"""The list of orders that wait for a person, and what is done from it."""

import re
from datetime import timedelta
from decimal import Decimal
from html import escape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client as Browser

from accounts.models import User
from catalog.models import Provider, Service
from operations.alerting import raise_alert
from operations.models import Alert
from orders import waiting_pages
from orders.evidence import mark_of
from orders.models import Attempt, Candidate, LostAnswer, Order, OrderEvent
from orders.settling import settle_refund, settle_send_again
from tests.factories import credit, make_provider, make_service, place
from tests.orders.acting import accept, fresh, kinds, refunds
from tests.orders.losses import NOON, attempt_for, candidate, lose, measured

LIST = "/admin/orders/order/waiting/"
WHY = "asked <b>them</b> on the phone"


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def lost(customer: User, service: Service) -> Order:
    """Alice's order, whose answer was lost; it was searched for in full, and not found."""
    return lose(customer, service)


def shown(browser: Browser, query: str = "") -> str:
    answer = browser.get(LIST + query)
    assert answer.status_code == 200
    return answer.content.decode()


def words(html: str) -> str:
    """Return what a page's reader reads, without its markup."""
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]*>", " ", html))


def cards(html: str) -> list[int]:
    """Return the orders that a page shows, from its top."""
    return [int(number) for number in re.findall(r'<div id="order-(\d+)"', html)]


def post(browser: Browser, address: str = LIST, **data: object) -> tuple[Any, list[str]]:
    """Post a form; return the answer and what was said."""
    browser.cookies.pop("messages", None)  # what earlier posts said
    answer = browser.post(address, data)
    return answer, [str(message) for message in get_messages(answer.wsgi_request)]


CHANGED = "something changed since you opened the page"
UNDER_WAY = "it was not searched for in full (Under way)"


def left_alone(order: Order, why: str) -> str:
    return f"Order {order.pk} is left alone: {why}."


def box(order: Order) -> str:
    """Return what an order's box on the list holds as it is now."""
    return f"{order.pk}:{mark_of(fresh(order))}"


def staff(client: Browser, *codenames: str) -> Browser:
    """Log in a member of staff who has these rights."""
    user = User.objects.create_user("support@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


# --- The list ---------------------------------------------------------------------------------------------


def test_what_waits_is_listed_oldest_first(operator: Browser, customer: User, service: Service) -> None:
    orders = [lose(customer, service) for _ in range(3)]
    Order.objects.filter(pk=orders[1].pk).update(status="held")
    place(customer, service)
    accept(place(customer, service))

    assert cards(shown(operator)) == [order.pk for order in orders]


def test_the_list_says_what_is_known(operator: Browser, lost: Order, service: Service) -> None:
    measured(lost.attempts.get(), 1000, 850)
    beside = place(lost.customer, service, quantity=500, link=lost.link)
    attempt_for(beside, "placed")
    later = place(lost.customer, service, link=lost.link)
    attempt_for(later, "later", minute=5, rule="spam_wait", answer='{"error": "Spam <b>protection</b>"}')
    candidate(service, 503)
    candidate(service, 504, charge=Decimal(7), status_text="<i>odd</i>")

    html = shown(operator)

    text = words(html)
    for expected in (
        f"Order {lost.pk}: Uncertain",
        "alice@example.com paid 130.00\xa0RUB.",
        "× 1000",
        lost.link,
        "Why it waits: “no answer”",
        ": Uncertain",
        "Rule: read_timeout read_timeout · HTTP status: 502",
        "&lt;h1&gt;Bad Gateway&lt;/h1&gt;",
        "Balance before: 1,000.00\xa0RUB, answered as “1000.raw” at",
        "Balance after: 850.00\xa0RUB, answered as “850.raw” at",
        "It fell by 150.00\xa0RUB. Other orders of ours took 50.00\xa0RUB of it, 100.00\xa0RUB are left; "
        "this order would cost 100.00\xa0RUB.",
        "How this provider writes its balance is not sure yet: judge by its own words.",
        f"A later order for this link, {later.pk}, was answered at",
        "Spam &lt;b&gt;protection&lt;/b&gt;",
        "All ids asked about",
        "Its id is above 500 and below 510.",
        "503 : fits . Status Pending, charge 100.00\xa0RUB, remains 1000, start count 7",
        "504 : differs . Status “&lt;i&gt;odd&lt;/i&gt;”, charge 7.00\xa0RUB",
        "Placed with id 503",
    ):
        assert expected in text, expected
    assert "Placed with id 504" not in text


def test_what_is_not_known_is_said(operator: Browser, customer: User, service: Service) -> None:
    lose(customer, service, state="impossible")
    LostAnswer.objects.update(why="no_id_before")
    Attempt.objects.update(answer="")
    text = words(shown(operator))
    for expected in (
        "No answer was read.",
        "The balance from before and after is not known: it tells nothing.",
        "Not possible",
        "No id from before is known.",
        "Nothing was found so far.",
    ):
        assert expected in text, expected


def test_a_sure_balance_has_no_caveat(operator: Browser, lost: Order) -> None:
    measured(lost.attempts.get(), 1000, 900)
    Provider.objects.update(balance_verified=True)
    assert "not sure yet" not in shown(operator)


def test_each_button_leads_to_its_decision(operator: Browser, lost: Order, service: Service) -> None:
    candidate(service, 503)
    html = shown(operator)
    settle = f"/admin/orders/order/{lost.pk}/settle/"
    for query in ("placed&amp;provider_order_id=503", "placed", "send_again", "refund"):
        assert f'href="{settle}?decision={query}"' in html

    html = operator.get(f"{settle}?decision=placed&provider_order_id=503").content.decode()
    assert re.search(r'value="placed"[^>]*checked', html)
    assert 'value="503"' in html
    assert "503 : fits" in words(html)


@pytest.mark.parametrize(
    ("query", "there"),
    [("", [0, 1, 2]), ("?status=held", [1]), ("?status=uncertain", [0, 2]), ("?status=x", [0, 1, 2])],
)
def test_the_list_is_narrowed_by_status(
    operator: Browser, customer: User, service: Service, query: str, there: list[int]
) -> None:
    orders = [lose(customer, service) for _ in range(3)]
    Order.objects.filter(pk=orders[1].pk).update(status="held")
    assert cards(shown(operator, query)) == [orders[number].pk for number in there]


def test_the_list_is_narrowed_by_provider(operator: Browser, customer: User, lost: Order) -> None:
    other = lose(customer, make_service(make_provider(name="Another")))
    assert cards(shown(operator, f"?provider={other.provider_id}")) == [other.pk]
    assert cards(shown(operator, f"?provider={lost.provider_id}&status=uncertain")) == [lost.pk]
    assert cards(shown(operator, "?provider=x")) == []


def test_an_empty_list_says_what_that_means(operator: Browser, order: Order) -> None:
    assert "No order waits for a decision" in shown(operator)
    html = shown(operator, "?status=held")
    assert "No order of this kind waits" in html
    assert "Send those chosen again" not in html


def test_a_long_list_has_pages(
    operator: Browser, customer: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waiting_pages.PER_PAGE == 20
    monkeypatch.setattr(waiting_pages, "PER_PAGE", 2)
    orders = [lose(customer, service).pk for _ in range(5)]
    assert [cards(shown(operator, f"?status=uncertain&page={page}")) for page in (1, 2, 3)] == [
        orders[:2],
        orders[2:4],
        orders[4:],
    ]
    html = shown(operator, "?status=uncertain&page=2")
    assert "Page 2 of 3" in html
    assert 'href="?status=uncertain&amp;page=3"' in html


def test_a_page_costs_the_same_at_1_and_at_20_orders(
    operator: Browser, customer: User, service: Service, django_assert_max_num_queries: Any
) -> None:
    def fill(count: int) -> None:
        for _ in range(count):
            measured(lose(customer, service).attempts.get(), 1000, 900)

    fill(1)
    with django_assert_max_num_queries(100) as few:
        shown(operator)
    fill(19)
    candidate(service, 503)
    with django_assert_max_num_queries(len(few)):
        assert len(cards(shown(operator))) == 20
    assert len(few) <= 15


def test_hostile_words_are_words(operator: Browser, lost: Order, service: Service) -> None:
    candidate(service, 503, status_text="<script>alert(0)</script>")
    type(service).objects.update(name="<script>alert(1)</script>")
    Provider.objects.update(name="<script>alert(2)</script>", currency="<s>")
    Order.objects.update(link="https://example.com/<script>alert(3)</script>", reason="<script>alert(4)")
    Attempt.objects.update(
        answer="<script>alert(5)</script>\n" * 9, rule="<script>", balance_before_text="<script>alert(6)"
    )
    LostAnswer.objects.update(why="<script>alert(7)")
    html = shown(operator)
    assert "alert(5)" in html
    assert "<script>alert(" not in html
    assert "<s>" not in html


# --- Who may ----------------------------------------------------------------------------------------------


def test_who_may_only_look_sees_no_list(client: Browser, lost: Order) -> None:
    browser = staff(client, "view_order")
    assert browser.get(LIST).status_code == 403
    assert post(browser, chosen=lost.pk, why=WHY, confirmed="yes")[0].status_code == 403
    assert post(browser, f"/admin/orders/order/{lost.pk}/search/")[0].status_code == 403
    assert LIST not in browser.get("/admin/").content.decode()
    assert (fresh(lost).status, LostAnswer.objects.get().due_at) == ("uncertain", None)


def test_who_may_change_orders_sees_it(client: Browser, lost: Order) -> None:
    browser = staff(client, "view_order", "change_order")
    assert cards(browser.get(LIST).content.decode()) == [lost.pk]


def test_a_form_from_elsewhere_is_refused(olga: User, lost: Order) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(olga)
    for address in (LIST, f"/admin/orders/order/{lost.pk}/search/"):
        assert browser.post(address, {"chosen": lost.pk, "why": WHY, "confirmed": "yes"}).status_code == 403
    assert fresh(lost).status == "uncertain"


# --- Teaching, from the list ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["waiting", "settle"])
def test_a_held_orders_text_can_be_taught_from_here(operator: Browser, lost: Order, page: str) -> None:
    address = LIST if page == "waiting" else f"/admin/orders/order/{lost.pk}/settle/"
    teach = f"/admin/orders/order/{lost.pk}/teach/"
    assert teach not in operator.get(address).content.decode()
    Order.objects.filter(pk=lost.pk).update(status="held")
    assert teach in operator.get(address).content.decode()


def test_who_may_not_teach_is_not_led_there(client: Browser, lost: Order) -> None:
    Order.objects.filter(pk=lost.pk).update(status="held")
    browser = staff(client, "view_order", "change_order")
    for address in (LIST, f"/admin/orders/order/{lost.pk}/settle/"):
        assert f"/admin/orders/order/{lost.pk}/teach/" not in browser.get(address).content.decode()


# --- The sidebar ------------------------------------------------------------------------------------------


def badge(browser: Browser) -> str:
    """Return what stands beside the list's name in the sidebar."""
    html = browser.get("/admin/").content.decode()
    [entry] = re.findall(rf'<a href="{LIST}".*?</a>', html, re.DOTALL)
    return words(entry).strip().removeprefix("gavel Waiting for a decision").strip()


def test_the_sidebar_counts_what_waits(
    operator: Browser, customer: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert badge(operator) == ""
    first, _ = lose(customer, service), lose(customer, service)
    Order.objects.filter(pk=first.pk).update(status="held")
    assert badge(operator) == "2"
    monkeypatch.setattr(waiting_pages, "COUNTED", 1)
    assert badge(operator) == "1+"


def active(browser: Browser, address: str) -> list[str]:
    """Return where the entries lead that the sidebar shows as the one that is open."""
    html = browser.get(address).content.decode()
    return re.findall(r'<a href="([^"]*)" class="[^"]*\bactive"', html)


def test_the_sidebar_shows_one_entry_as_open(operator: Browser, lost: Order) -> None:
    orders = "/admin/orders/order/"
    assert active(operator, LIST) == [LIST]
    for address in (orders, f"{orders}{lost.pk}/change/", f"{orders}{lost.pk}/settle/"):
        assert active(operator, address) == [orders]
    assert active(operator, "/admin/orders/orderevent/") == ["/admin/orders/orderevent/"]


# --- Search again -----------------------------------------------------------------------------------------


def test_it_is_searched_for_again(operator: Browser, lost: Order, commits: Any) -> None:
    with commits as sent:
        answer, said = post(operator, f"/admin/orders/order/{lost.pk}/search/")

    assert answer.headers["Location"] == LIST
    assert said == [f"Order {lost.pk} is searched for at Sandbox as soon as it can be."]
    assert LostAnswer.objects.get().due_at is not None
    assert sent == [("orders.tasks.search_provider", (lost.provider_id,))]
    assert (fresh(lost).status, kinds(lost)) == ("uncertain", ["placed"])


def test_a_search_leads_back_to_where_it_was_asked_for(operator: Browser, lost: Order) -> None:
    search = f"/admin/orders/order/{lost.pk}/search/"
    for page in (f"{LIST}?status=uncertain", f"/admin/orders/order/{lost.pk}/settle/"):
        html = operator.get(page).content.decode()
        assert f'name="next" value="{page}"' in html
        assert post(operator, search, next=page)[0].headers["Location"] == page
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)", ""):
        assert post(operator, search, next=elsewhere)[0].headers["Location"] == LIST


def test_a_search_looks_for_nothing_but_the_lost_answers(
    operator: Browser, lost: Order, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(100) as queries:
        post(operator, f"/admin/orders/order/{lost.pk}/search/")
    asked = [query["sql"] for query in queries if "orders_candidate" in query["sql"]]
    assert asked == []
    assert not any("OVER (PARTITION BY" in query["sql"] for query in queries)


@pytest.mark.parametrize("page", ["waiting", "settle"])
def test_it_says_how_many_calls_a_search_may_make(
    operator: Browser, lost: Order, page: str, settings: Any
) -> None:
    settings.LOST_SEARCH_CALLS = 7
    address = LIST if page == "waiting" else f"/admin/orders/order/{lost.pk}/settle/"
    assert "At most 7 calls are made." in words(operator.get(address).content.decode())

    LostAnswer.objects.update(state="waiting", id_after=None)

    said = words(operator.get(address).content.decode())
    assert "Up to 7 calls are made at once: no later id is known" in said
    assert "At most 7" not in said


def test_without_a_lost_answer_there_is_nothing_to_search_for(operator: Browser, order: Order) -> None:
    _, said = post(operator, f"/admin/orders/order/{order.pk}/search/")
    assert said == [f"Order {order.pk}: there is no lost answer to search for."]


def test_a_search_is_asked_for_by_post(operator: Browser, lost: Order) -> None:
    assert operator.get(f"/admin/orders/order/{lost.pk}/search/").status_code == 405
    assert operator.post(f"/admin/orders/order/{lost.pk + 1}/search/").status_code == 404
    assert LostAnswer.objects.get().due_at is None


# --- Send those chosen again ------------------------------------------------------------------------------


def test_it_asks_before_it_sends_again(operator: Browser, customer: User, lost: Order) -> None:
    wanted, searching = lose(customer, lost.service), lose(customer, lost.service, state="searching")
    Order.objects.filter(pk=wanted.pk).update(cancel_state="wanted")

    answer, said = post(operator, chosen=[box(lost), box(wanted), box(searching)])

    text = words(answer.content.decode())
    assert said == []
    assert f"Order {lost.pk} of alice@example.com, 130.00\xa0RUB, is sent to Sandbox once more." in text
    assert f"Order {wanted.pk}: alice@example.com wanted it canceled. It is canceled, and 130.00" in text
    assert "it is delivered twice, and you pay the provider twice" in text
    assert left_alone(searching, UNDER_WAY) in text
    assert re.findall(r'name="chosen" value="(\d+:\w+)"', answer.content.decode()) == [
        box(lost),
        box(wanted),
    ]
    assert {fresh(order).status for order in (lost, wanted, searching)} == {"uncertain"}


def test_those_that_were_not_found_are_sent_again(
    operator: Browser, olga: User, customer: User, lost: Order, commits: Any
) -> None:
    other, searching = lose(customer, lost.service), lose(customer, lost.service, state="searching")
    raise_alert(Alert.Kind.ORDER_UNCERTAIN, cause=f"order:{lost.pk}", text="…")

    with commits as sent:
        chosen = [box(order) for order in (lost, other, searching)]
        answer, said = post(operator, chosen=chosen, why=WHY, confirmed="yes")

    assert answer.headers["Location"] == LIST
    assert said == [
        f"Order {lost.pk} is settled.",
        f"Order {other.pk} is settled.",
        left_alone(searching, UNDER_WAY),
    ]
    assert [fresh(order).status for order in (lost, other, searching)] == ["queued", "queued", "uncertain"]
    events = OrderEvent.objects.filter(kind="settled").order_by("order_id")
    assert [(event.order_id, event.actor, event.detail) for event in events] == [
        (lost.pk, olga, WHY),
        (other.pk, olga, WHY),
    ]
    assert ("orders.tasks.forward_provider", (lost.provider_id,)) in sent
    assert not Alert.objects.filter(closed_at=None).exists()


def test_whose_customer_wanted_it_canceled_is_canceled(operator: Browser, lost: Order) -> None:
    Order.objects.update(cancel_state="wanted")
    post(operator, chosen=box(lost), why=WHY, confirmed="yes")
    assert (fresh(lost).status, refunds(lost)) == ("canceled", [130])


@pytest.mark.parametrize("why", ["", "  ", "w" * 501])
def test_it_wants_a_reason(operator: Browser, lost: Order, why: str) -> None:
    answer, _ = post(operator, chosen=box(lost), why=why, confirmed="yes")
    assert answer.status_code == 200
    assert f'name="chosen" value="{box(lost)}"' in answer.content.decode()
    assert (fresh(lost).status, kinds(lost)) == ("uncertain", ["placed"])


def _found(lost: Order) -> None:
    candidate(lost.service, 503)


def _differing(lost: Order) -> None:
    candidate(lost.service, 503, charge=Decimal(7))


def _going_on(lost: Order) -> None:
    LostAnswer.objects.update(state="searching")


def _stopped(lost: Order) -> None:
    LostAnswer.objects.update(state="stopped")


def _never_searched(lost: Order) -> None:
    LostAnswer.objects.all().delete()


def _lost_again(lost: Order) -> None:
    LostAnswer.objects.create(
        attempt=attempt_for(lost, minute=5), provider=lost.provider, state="waiting", id_before=505
    )


def _settled(lost: Order) -> None:
    settle_refund(lost.pk, actor=lost.customer, why="first")


def _hinted(lost: Order) -> None:
    attempt_for(place(lost.customer, lost.service, link=lost.link), "later", minute=5, rule="active_order")


def _spent(lost: Order) -> None:
    measured(lost.attempts.get(), 1000, 949)


def _found_at_another_account(lost: Order) -> None:
    candidate(lost.service, 503, seen_at=NOON)
    Provider.objects.filter(pk=lost.provider_id).update(account_since=NOON + timedelta(hours=1))


SPEAKS_FOR_IT = "a later answer, or the money, speaks for its having been placed"

NEWS = [
    (_found, "the search found what may be it: 503"),
    (_differing, "the search found what may be it: 503"),
    (_found_at_another_account, "the provider's account was changed since"),
    (_going_on, UNDER_WAY),
    (_stopped, "it was not searched for in full (Stopped: too many ids)"),
    (_never_searched, "it was never searched for at the provider"),
    (_lost_again, "it was not searched for in full (Waits for a later order's id)"),
    (_hinted, SPEAKS_FOR_IT),
    (_spent, SPEAKS_FOR_IT),
]


@pytest.mark.parametrize(("news", "why"), NEWS)
@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes", "why": WHY}])
def test_what_may_have_been_placed_is_left_alone(
    operator: Browser, lost: Order, news: Any, why: str, confirmed: dict[str, str]
) -> None:
    news(lost)
    answer, said = post(operator, chosen=box(lost), **confirmed)
    assert (answer.status_code, said) == (302, [left_alone(lost, why)])
    assert (fresh(lost).status, kinds(lost)) == ("uncertain", ["placed"])


def _sent_again_in_vain(lost: Order) -> None:
    settle_send_again(lost.pk, actor=lost.customer, why="first")
    bounds = {"id_before": 510, "id_after": 520}
    attempt = attempt_for(lost, minute=9)
    LostAnswer.objects.create(attempt=attempt, provider=lost.provider, state="whole", **bounds)
    Order.objects.filter(pk=lost.pk).update(status="uncertain", due_at=None)


def _unwanted(lost: Order) -> None:
    Order.objects.filter(pk=lost.pk).update(cancel_state="wanted")


@pytest.mark.parametrize(
    ("news", "why"),
    [
        (_sent_again_in_vain, CHANGED),
        (_unwanted, CHANGED),
        (_settled, "it does not wait for a decision, it is now: Canceled"),
        (_found, "the search found what may be it: 503"),
    ],
)
@pytest.mark.parametrize("confirming", [False, True])
def test_what_changed_since_the_page_was_shown_is_left_alone(
    operator: Browser, lost: Order, confirming: bool, news: Any, why: str
) -> None:
    page = operator.post(LIST, {"chosen": box(lost)}).content.decode() if confirming else shown(operator)
    [chosen] = re.findall(r'name="chosen" value="([^"]*)"', page)
    news(lost)
    settled = kinds(lost).count("settled")

    for confirmed in ({}, {"confirmed": "yes", "why": WHY}):
        answer, said = post(operator, chosen=chosen, **confirmed)
        assert (answer.status_code, said) == (302, [left_alone(lost, why)])

    assert fresh(lost).status != "queued"
    assert kinds(lost).count("settled") == settled


def test_a_box_without_evidence_decides_nothing(operator: Browser, lost: Order) -> None:
    _, said = post(operator, chosen=lost.pk, why=WHY, confirmed="yes")
    assert (said, fresh(lost).status) == ([left_alone(lost, CHANGED)], "uncertain")


def test_money_that_others_spent_says_nothing(operator: Browser, lost: Order) -> None:
    measured(lost.attempts.get(), 1000, 950)
    post(operator, chosen=box(lost), why=WHY, confirmed="yes")
    assert fresh(lost).status == "queued"


@pytest.mark.parametrize(
    ("news", "why"),
    [
        (_found, CHANGED),
        (_lost_again, CHANGED),
        (_settled, "it does not wait for a decision, it is now: Canceled"),
    ],
)
def test_what_became_known_between_the_look_and_the_lock_is_left_alone(
    operator: Browser, lost: Order, news: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = waiting_pages.settle_send_again

    def late(order_id: int, **more: Any) -> Order:
        news(lost)
        return real(order_id, **more)

    monkeypatch.setattr(waiting_pages, "settle_send_again", late)
    _, said = post(operator, chosen=box(lost), why=WHY, confirmed="yes")

    assert said == [left_alone(lost, why)]
    assert fresh(lost).status in ("uncertain", "canceled")
    assert not OrderEvent.objects.filter(kind="settled", to_status="queued").exists()


def test_control_without_the_evidence_what_was_found_is_sent_again(
    operator: Browser, lost: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = waiting_pages.settle_send_again

    def late(order_id: int, *, evidence: str, **more: Any) -> Order:
        _found(lost)
        assert evidence != mark_of(fresh(lost))
        return real(order_id, **more)

    monkeypatch.setattr(waiting_pages, "settle_send_again", late)
    post(operator, chosen=box(lost), why=WHY, confirmed="yes")

    assert (fresh(lost).status, Candidate.objects.count()) == ("queued", 1)


@pytest.mark.parametrize("chosen", [[], ["x"], ["0", "99999999999999999999"]])
def test_nothing_chosen_does_nothing(operator: Browser, lost: Order, chosen: list[str]) -> None:
    answer, said = post(operator, chosen=chosen, why=WHY, confirmed="yes")
    assert (answer.status_code, said) == (302, ["Choose orders that wait for a decision."])
    assert fresh(lost).status == "uncertain"


def test_what_does_not_wait_is_not_sent_again(operator: Browser, customer: User, lost: Order) -> None:
    credit(customer, 1000)
    sent = accept(place(customer, lost.service))
    post(operator, chosen=[box(lost), box(sent)], why=WHY, confirmed="yes")
    assert (fresh(lost).status, fresh(sent).status) == ("queued", "pending")


@pytest.mark.parametrize("query", ["?status=uncertain", "?provider=1&page=2"])
def test_the_list_stays_as_it_was_narrowed(operator: Browser, lost: Order, query: str) -> None:
    asked, _ = post(operator, LIST + query, chosen=box(lost))
    sent, _ = post(operator, LIST + query, chosen=box(lost), why=WHY, confirmed="yes")
    none, _ = post(operator, LIST + query)

    assert f'href="{escape(LIST + query)}"' in asked.content.decode()
    assert (sent.headers["Location"], none.headers["Location"]) == (LIST + query, LIST + query)
    assert fresh(lost).status == "queued"

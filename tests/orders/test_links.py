"""What a customer may order for: the form of a link and the rule of its service, where orders are placed."""

import pytest
from django.utils import translation

from accounts.models import User
from catalog.models import LinkRule, Service
from orders.errors import DuplicateLink, InvalidLink, LinkNotTaken, RequestIdReused
from orders.links import clean_link
from orders.messages import field_of, message_of
from orders.models import Order
from tests.factories import LINK, place
from tests.orders.acting import charges, forward_at_once, held_by
from upstream.sandbox import SandboxServer

SPELLINGS = [
    "https://example.com/channel#a",
    "https://example.com./channel",
    "https://example.com/%63hannel",
    "HTTPS://Example.COM:443/x/../channel?",
    " https://example.com/channel\n",
]


@pytest.fixture(autouse=True)
def _no_messages(tasks: list[object]) -> None:
    """Keep the broker out: the database is the queue."""


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_normal_form_is_kept(customer: User, service: Service, spelling: str) -> None:
    assert place(customer, service, link=spelling).link == LINK


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_no_spelling_gets_a_second_order_past(
    customer: User, service: Service, policy: str, spelling: str
) -> None:
    Service.objects.update(duplicate_links=policy)
    place(customer, service)

    with pytest.raises(DuplicateLink):
        place(customer, service, link=spelling, duplicate_agreed=False)
    assert (charges(), held_by(customer)) == (1, 870)


@pytest.mark.parametrize("link", ["https://u@example.com/channel", "@channel", "example.com/channel"])
def test_what_is_no_link_is_ordered_for_by_nobody(customer: User, service: Service, link: str) -> None:
    with pytest.raises(InvalidLink):
        place(customer, service, link=link)
    assert (Order.objects.count(), charges(), held_by(customer)) == (0, 0, 1000)


def test_a_request_that_comes_again_spelled_otherwise_is_the_same(customer: User, service: Service) -> None:
    first = place(customer, service, request_id="r-1")
    for spelling in SPELLINGS:
        assert place(customer, service, request_id="r-1", link=spelling) == first
    with pytest.raises(RequestIdReused):
        place(customer, service, request_id="r-1", link=f"{LINK}/2")
    assert charges() == 1


def test_the_provider_is_sent_the_normal_form(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    order = place(customer, service, link="https://Пример.рф./я#a")
    sent = forward_at_once(order)
    assert sent.link == "https://xn--e1afmkfd.xn--p1ai/%D1%8F"
    assert [row.link for row in sandbox.journal.accepted] == [sent.link]


# --- The rule of the service ------------------------------------------------------------------------------


def test_a_link_that_the_rule_does_not_name_is_refused(customer: User, service: Service) -> None:
    LinkRule.objects.create(service=service, hosts="t.me", example="https://t.me/name")

    with pytest.raises(LinkNotTaken) as refusal:
        place(customer, service)

    assert refusal.value.example == "https://t.me/name"
    assert (Order.objects.count(), charges(), held_by(customer)) == (0, 0, 1000)
    assert place(customer, service, link="https://t.me/other").link == "https://t.me/other"


def test_without_its_query_one_page_is_one_link(customer: User, service: Service) -> None:
    LinkRule.objects.create(category=service.category, drops_query=True)
    assert place(customer, service, link=f"{LINK}?utm_source=a").link == LINK
    with pytest.raises(DuplicateLink):
        place(customer, service, link=f"{LINK}?utm_source=b", duplicate_agreed=False)


def test_without_a_rule_what_follows_a_question_mark_stays(customer: User, service: Service) -> None:
    assert place(customer, service, link=f"{LINK}?v=1").link == f"{LINK}?v=1"


@pytest.mark.parametrize(
    ("example", "words"),
    [
        (
            "https://t.me/name",
            "This service is for links of another kind. Enter one like this: https://t.me/name",
        ),
        ("", "This service is for links of another kind."),
    ],
)
def test_the_refusal_shows_the_example(example: str, words: str) -> None:
    refusal = LinkNotTaken(example=example)
    with translation.override("en"):
        assert message_of(refusal) == words
    assert field_of(refusal) == "link"


def test_a_link_is_cleaned_at_the_cost_of_one_query(
    service: Service, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert clean_link(f"{LINK}#a", service_id=service.pk) == LINK
    with django_assert_num_queries(0), pytest.raises(InvalidLink):  # type: ignore[operator]
        clean_link("x", service_id=service.pk)

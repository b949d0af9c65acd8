from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from operations.models import Alert
from operations.wording import LONGEST_MESSAGE, Words, kept, message_of, words_of

TRANSLATED = "Order %(id)s is placed."


def alert(text: str = TRANSLATED, *, cause: str = "audit", **params: Any) -> Alert:
    now = timezone.now()
    return Alert(kind=Alert.Kind.ORDER_HELD, cause=cause, text=text, params=params, first_at=now, last_at=now)


def test_it_is_read_in_the_readers_language() -> None:
    placed = alert(id="7")

    with override("en"):
        assert words_of(placed) == "Order 7 is placed."
    with override("ru"):
        assert words_of(placed) == "Заказ 7 оформлен."


def test_a_text_of_ours_that_stands_in_another_is_read_in_the_readers_language_too() -> None:
    why = Words(
        "%(first)s %(said)s", {"first": Words(TRANSLATED, {"id": 7}), "said": "Order %(id)s is placed."}
    )
    placed = alert("Why: %(why)s", **kept({"why": why}))

    with override("en"):
        assert words_of(placed) == "Why: Order 7 is placed. Order %(id)s is placed."
    with override("ru"):
        assert words_of(placed) == "Why: Заказ 7 оформлен. Order %(id)s is placed."


def test_where_nobodys_language_is_known_it_stands_as_it_is_written() -> None:
    with override("ru"):
        assert str(Words(TRANSLATED, {"id": 7})) == "Order 7 is placed."
        assert str(Words("100 %")) == "100 %"
        assert (
            str(Words(TRANSLATED, {"id": 7}, written="no answer (ReadTimeout)")) == "no answer (ReadTimeout)"
        )


@pytest.mark.parametrize("value", [{}, {"text": "x"}, {"params": {}}])
def test_what_another_version_kept_breaks_no_page(value: Any) -> None:
    assert words_of(alert("Why: %(why)s", why=value)) == "Why: %(why)s"


@pytest.mark.parametrize("text", ["100 % of %(id)s", "50%", "%s", "%(", "", "{id}"])
def test_a_text_without_params_stands_as_it_is(text: str) -> None:
    assert words_of(alert(text)) == text


@pytest.mark.parametrize("text", ["%(other)s", "%s %s", "%(id)d", "%(id"])
def test_a_text_that_params_do_not_fit_stands_as_it_is(text: str) -> None:
    assert words_of(alert(text, id="7")) == text


def test_what_a_provider_says_is_put_in_as_it_is() -> None:
    assert words_of(alert("It says: %(said)s", said="100% %(id)s <b>")) == "It says: 100% %(id)s <b>"


def test_a_message_is_in_the_sites_language(settings: Any) -> None:
    with override("ru"):
        settings.LANGUAGE_CODE = "en"
        subject, body = message_of([alert(id="7", cause="order:7")])

    assert subject == "Order held: order:7"
    assert body == f"Order 7 is placed.\n\n{settings.SITE_URL}/admin/orders/order/7/change/"


def test_several_are_one_message_that_leads_to_the_list(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"
    subject, body = message_of([alert(id="7"), alert(id="8")])

    assert subject == "Order held: 2"
    assert body == (f"Order 7 is placed.\nOrder 8 is placed.\n\n{settings.SITE_URL}/admin/operations/alert/")


def test_a_message_is_bounded() -> None:
    _, body = message_of([alert("x" * 1000, cause="audit")] * 200)

    assert len(body) < LONGEST_MESSAGE + 100
    assert body.endswith("/admin/operations/alert/")

from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from operations.models import Alert
from operations.wording import LONGEST_MESSAGE, message_of, words_of

TRANSLATED = "Order %(id)s is placed."


def alert(text: str = TRANSLATED, *, cause: str = "audit", **params: str) -> Alert:
    now = timezone.now()
    return Alert(kind=Alert.Kind.ORDER_HELD, cause=cause, text=text, params=params, first_at=now, last_at=now)


def test_it_is_read_in_the_readers_language() -> None:
    placed = alert(id="7")

    with override("en"):
        assert words_of(placed) == "Order 7 is placed."
    with override("ru"):
        assert words_of(placed) == "Заказ 7 оформлен."


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

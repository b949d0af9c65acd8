from typing import Any

import pytest
from django.utils.translation import override

from operations.maintenance import closed_because
from operations.models import SiteState


def test_orders_are_taken_unless_somebody_says_otherwise(db: None) -> None:
    assert closed_because() is None
    SiteState.objects.create(reason_en="…")
    assert closed_because() is None


@pytest.mark.parametrize(("language", "words"), [("ru", "Переезд"), ("en", "We are moving")])
def test_the_reason_is_in_the_readers_language(db: None, language: str, words: str) -> None:
    SiteState.objects.create(takes_orders=False, reason_ru="Переезд", reason_en="We are moving")

    with override(language):
        assert closed_because() == words


def test_without_a_reason_the_sites_own_words_stand(db: None) -> None:
    SiteState.objects.create(takes_orders=False, reason_ru="Переезд")

    with override("en"):
        assert closed_because() == (
            "Orders are not taken for a while: the site is being worked on. What you have ordered goes on."
        )


def test_it_costs_one_query_and_holds_at_once(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert closed_because() is None
    SiteState.objects.create(takes_orders=False)
    assert closed_because()
    SiteState.objects.update(takes_orders=True)
    assert closed_because() is None

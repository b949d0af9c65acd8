from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import translation

from accounts.models import User
from catalog import teaching
from catalog.models import Provider, TaughtText
from catalog.teaching import (
    KnownToTable,
    TaughtOtherwise,
    TeachingError,
    TextTooLong,
    TextTooShort,
    as_taught,
    explain,
    forget,
    teach,
)
from tests.factories import make_provider
from upstream.errors import Later, ProviderError, Refused, UnknownText

ADD = "/admin/catalog/taughttext/add/"
LIST = "/admin/catalog/taughttext/"
REFUSED, LATER = TaughtText.Meaning.REFUSED, TaughtText.Meaning.LATER


@pytest.fixture
def provider(db: None) -> Provider:
    return make_provider(name="Moonlight")


def unknown(words: str) -> ProviderError:
    fault = UnknownText(words, rule="unknown_text")
    fault.words = words
    return fault


def test_a_text_is_kept_as_it_is_matched(provider: Provider, olga: User, commits: Any) -> None:
    with commits as sent:
        taught = teach(provider, text="  The MOON_is  #.# bright ", meaning=REFUSED, actor=olga)

    assert TaughtText.objects.get() == taught
    assert (taught.text, taught.meaning, taught.taught_by) == ("the moon is # bright", "refused", olga)
    assert sent == [("orders.tasks.apply_taught_of", (provider.pk,))]


def test_the_same_again_is_the_same(provider: Provider, olga: User, sasha: User) -> None:
    first = teach(provider, text="the moon is bright", meaning=REFUSED, actor=olga)
    assert teach(provider, text="The moon is bright", meaning=REFUSED, actor=sasha) == first
    assert TaughtText.objects.get().taught_by == olga


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("moon", TextTooShort, "at least 6"),
        ("… # … # moons", TextTooShort, "at least 6"),
        ("https://example.com/a-long-link", TextTooShort, "at least 6"),
        ("moon " * 61, TextTooLong, "at most 300"),
        ("your link is an invalid link", KnownToTable, "bad_link"),
        ("please wait # sec", KnownToTable, "spam_wait"),
        ("the sun is bright", TaughtOtherwise, "olga@example.com"),
    ],
)
def test_what_cannot_be_taught(
    provider: Provider, olga: User, text: str, error: type[TeachingError], words: str
) -> None:
    teach(provider, text="the sun is bright", meaning=LATER, actor=olga)

    with pytest.raises(error) as refused:
        teach(provider, text=text, meaning=REFUSED, actor=olga)

    with translation.override("en"):
        assert words in explain(refused.value)
    assert TaughtText.objects.get().meaning == "later"


def test_of_two_operators_at_once_the_first_counts(
    provider: Provider, olga: User, sasha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = teaching.check

    def while_another_teaches(*args: Any, **more: Any) -> str:
        form = plain(*args, **more)
        TaughtText.objects.create(provider=provider, text=form, meaning=LATER, taught_by=sasha)
        return form

    monkeypatch.setattr(teaching, "check", while_another_teaches)

    with pytest.raises(TaughtOtherwise):
        teach(provider, text="the moon is bright", meaning=REFUSED, actor=olga)
    assert TaughtText.objects.get().meaning == "later"


def test_a_fault_is_read_as_taught_at_its_own_provider(provider: Provider, olga: User) -> None:
    teach(provider, text="the moon is", meaning=REFUSED, actor=olga)
    teach(provider, text="the moon is # bright", meaning=LATER, actor=olga)
    fault = unknown("sorry: the moon is 17 bright")

    assert isinstance(as_taught(fault, provider_id=provider.pk), Later)
    assert isinstance(as_taught(unknown("the moon is full"), provider_id=provider.pk), Refused)
    assert as_taught(fault, provider_id=make_provider().pk) is fault
    forget(TaughtText.objects.get(meaning="later"))
    assert isinstance(as_taught(fault, provider_id=provider.pk), Refused)


def test_known_answers_cost_no_query(provider: Provider, django_assert_num_queries: Any) -> None:
    fault = Refused("Bad link", rule="bad_link")
    with django_assert_num_queries(0):
        assert as_taught(fault, provider_id=provider.pk) is fault


# --- In admin ---------------------------------------------------------------------------------------------


def add(browser: Client, provider: Provider, text: str, meaning: str = "refused") -> Any:
    browser.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return browser.post(ADD, {"provider": provider.pk, "text": text, "meaning": meaning})


def test_teaching_from_scratch(operator: Client, provider: Provider, olga: User) -> None:
    assert add(operator, provider, "The <b>moon</b> is 5").status_code == 302

    taught = TaughtText.objects.get()
    assert (taught.text, taught.taught_by) == ("the <b>moon</b> is 5", olga)
    page = operator.get(LIST, {"q": "moon"}).content.decode()
    assert "the &lt;b&gt;moon&lt;/b&gt; is 5" in page
    assert "<b>moon" not in page
    assert "Moonlight" in page
    assert operator.get(f"{LIST}{taught.pk}/change/").status_code == 200
    assert "moon" not in operator.get(LIST, {"q": "sun"}).content.decode().partition("<table")[2]


@pytest.mark.parametrize("text", ["moon", "invalid link", "the sun is bright"])
def test_what_cannot_be_taught_is_said(operator: Client, provider: Provider, olga: User, text: str) -> None:
    teach(provider, text="the sun is bright", meaning=LATER, actor=olga)

    answer = add(operator, provider, text)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["text"]
    assert TaughtText.objects.count() == 1


def test_taught_otherwise_while_this_one_wrote(
    operator: Client, provider: Provider, sasha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def teaches_late(*args: Any, **more: Any) -> TaughtText:
        raise TaughtOtherwise(TaughtText(provider=provider, text="…", meaning=LATER, taught_by=sasha))

    monkeypatch.setattr("catalog.taught_admin.teach", teaches_late)

    answer = add(operator, provider, "the moon is bright")

    assert (answer.status_code, answer["Location"]) == (302, LIST)
    assert TaughtText.objects.count() == 0


def test_forgetting_asks_first(operator: Client, provider: Provider, olga: User) -> None:
    one, two, three = (
        teach(provider, text=f"the moon is {name}", meaning=REFUSED, actor=olga) for name in ("a", "b", "c")
    )

    assert "the moon is a" in operator.get(f"{LIST}{one.pk}/delete/").content.decode()
    assert TaughtText.objects.count() == 3
    operator.post(f"{LIST}{one.pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [two.pk, three.pk], "post": "yes"}
    operator.post(LIST, chosen)

    assert TaughtText.objects.count() == 0


def test_nothing_is_changed_by_hand(operator: Client, provider: Provider, olga: User) -> None:
    taught = teach(provider, text="the moon is bright", meaning=REFUSED, actor=olga)
    assert operator.post(f"{LIST}{taught.pk}/change/", {"meaning": "later"}).status_code == 403
    assert TaughtText.objects.get().meaning == "refused"


@pytest.mark.parametrize("has", [["add_taughttext"], ["change_order"], ["view_taughttext", "change_order"]])
def test_who_may_not_decide_of_orders_teaches_nothing(
    client: Client, provider: Provider, sasha: User, has: list[str]
) -> None:
    sasha.user_permissions.set(Permission.objects.filter(codename__in=has))
    client.force_login(sasha)

    assert add(client, provider, "the moon is bright").status_code == 403
    assert TaughtText.objects.count() == 0


def test_a_lost_key_breaks_no_page(operator: Client, provider: Provider, olga: User) -> None:
    taught = teach(provider, text="the moon is bright", meaning=REFUSED, actor=olga)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_provider SET key = 'broken'")

    for page in (LIST, ADD, f"{LIST}{taught.pk}/change/", f"{LIST}{taught.pk}/delete/"):
        assert operator.get(page).status_code == 200

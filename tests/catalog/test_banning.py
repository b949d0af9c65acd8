import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from catalog.banning import Banned, drop_words, globs_of, matches, save_words
from catalog.holding import Kind, let_go
from catalog.models import BannedWords, Provider, Service, ServiceChange, ServiceHold
from operations.models import Alert
from tests.factories import make_provider, make_service


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("casino", "Best CASINO, cheap"),
        ("casino*", "casinos"),
        ("*casino*", "Онлайн-supercasino24"),
        ("ca*o", "casino cao"),
        ("КАЗИНО", "казино"),
        ("счёт*", "счета"),
        ("free  followers", "really free, followers!"),
        ("ставк* на спорт", "Ставки на спорт"),
        ("ｃａｓｉｎｏ", "casino"),
        ("a*b*c", "axxbxxc"),
        ("ab*ba", "abba"),
    ],
)
def test_found(pattern: str, text: str) -> None:
    assert Banned([pattern]).found_in(text) == pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("casino", "casinos"),
        ("casino", "supercasino"),
        ("casino*", "supercasino"),
        ("free followers", "free real followers"),
        ("free followers", "free"),
        ("ab*ba", "aba"),
        ("a*b*c", "acb"),
        ("*", "anything"),
        ("-", "a - b"),
        ("", ""),
    ],
)
def test_not_found(pattern: str, text: str) -> None:
    assert Banned([pattern]).found_in(text) == ""


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_stars_mean_any_letters(pattern: str, word: str) -> None:
    def slow(pattern: str, word: str) -> bool:
        if not pattern:
            return not word
        if pattern[0] == "*":
            return any(slow(pattern[1:], word[cut:]) for cut in range(len(word) + 1))
        return word[:1] == pattern[0] and slow(pattern[1:], word[1:])

    assert matches(tuple(pattern.split("*")), word) == slow(pattern, word)


def test_time_grows_with_the_text() -> None:
    banned = Banned(["*a" * 60 + "b"])
    began_at = time.perf_counter()
    assert banned.found_in("a" * 20_000) == ""
    assert time.perf_counter() - began_at < 1  # tried place by place it would never end


def test_a_pattern_without_words_says_nothing() -> None:
    assert globs_of(" * - ** ") == ()


def names_held() -> set[str]:
    return set(Service.objects.exclude(held_text="").values_list("name", flat=True))


def test_saving_holds_at_once_wherever_the_words_stand(provider: Provider) -> None:
    make_service(provider, name="Casino likes")
    make_service(provider, name="by our title", title_ru="Лайки casino")
    make_service(provider, name="by category", category="casino")
    make_service(provider, name="by provider's category", provider_category="The casino")
    make_service(provider, name="Likes")

    assert save_words(BannedWords(pattern="casino")) == 4

    assert names_held() == {"Casino likes", "by our title", "by category", "by provider's category"}
    assert Alert.objects.get().cause == f"provider:{provider.pk}:words"
    assert ServiceChange.objects.filter(field="held", is_public=False).count() == 4


def test_words_that_are_off_hold_nothing_and_free(provider: Provider) -> None:
    make_service(provider, name="Casino likes")
    words = BannedWords(pattern="casino")
    save_words(words)
    words.is_on = False

    assert save_words(words) == 0

    assert names_held() == set()
    assert not Alert.objects.filter(closed_at=None).exists()


def test_dropping_frees_what_nothing_else_bans(provider: Provider) -> None:
    make_service(provider, name="Casino likes")
    make_service(provider, name="Casino votes")
    words = BannedWords(pattern="casino")
    save_words(words)
    save_words(BannedWords(pattern="votes"))

    assert drop_words(words) == 1

    assert names_held() == {"Casino votes"}


def test_other_holds_stay(provider: Provider) -> None:
    make_service(provider, name="Casino likes", held_text="odd")
    words = BannedWords(pattern="casino")
    save_words(words)
    drop_words(words)
    assert list(ServiceHold.objects.values_list("kind", flat=True)) == [Kind.PROVIDER]
    assert names_held() == {"Casino likes"}


def test_what_a_person_let_go_on_stays_so_until_its_words_are_saved_again(provider: Provider) -> None:
    service = make_service(provider, name="Casino likes")
    words = BannedWords(pattern="casino")
    save_words(words)
    let_go(service)

    save_words(BannedWords(pattern="votes"))
    assert names_held() == set()
    save_words(words)
    assert names_held() == {"Casino likes"}


def test_statements_do_not_grow_with_services(db: None) -> None:
    found = []
    for size in (10, 200):
        provider = make_provider()
        for number in range(size):
            make_service(provider, name=f"word{size} {number}")
        with CaptureQueriesContext(connection) as asked:
            save_words(BannedWords(pattern=f"word{size}"))
        found.append(len(asked))
    assert found[0] == found[1]


def test_the_defaults_are_off(db: None) -> None:
    assert BannedWords.objects.exists()
    assert not BannedWords.objects.filter(is_on=True).exists()
    assert all(globs_of(words.pattern) for words in BannedWords.objects.all())

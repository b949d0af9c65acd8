import re
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from django.conf import settings

PLACES = re.compile(r"%\(\w+\)s|%[ds]")


def russian() -> list[Message]:
    file = Path(settings.BASE_DIR) / "locale/ru/LC_MESSAGES/django.po"
    with file.open("rb") as opened:
        return [message for message in read_po(opened, locale="ru") if message.id]


def both_sides(message: Message) -> tuple[list[str], list[str]]:
    ours = list(message.id) if isinstance(message.id, tuple) else [message.id]
    theirs = list(message.string) if isinstance(message.string, tuple) else [message.string]
    return ours, theirs


def test_every_text_has_its_russian_and_none_is_a_guess() -> None:
    messages = russian()

    assert len(messages) > 300
    assert [message.id for message in messages if message.fuzzy] == []
    assert [message.id for message in messages if not all(both_sides(message)[1])] == []


def test_russian_fills_the_same_places() -> None:
    for message in russian():
        ours, theirs = both_sides(message)
        places = set(PLACES.findall(ours[-1]))
        assert all(set(PLACES.findall(one)) == places for one in theirs), message.id


def test_plurals_have_three_forms() -> None:
    plural = [message for message in russian() if isinstance(message.id, tuple)]

    assert plural
    assert [message.id for message in plural if len(set(message.string)) != 3] == []

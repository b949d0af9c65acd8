import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

PLACES = re.compile(r"%\(\w+\)s|%[ds]")


def russian() -> list[Message]:
    file = Path(settings.BASE_DIR) / "locale/ru/LC_MESSAGES/django.po"
    with file.open("rb") as opened:
        return [message for message in read_po(opened, locale="ru") if message.id]


KEYWORDS = dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"))
PLURALS = dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2))
CONTEXTS = dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2))


def sources() -> Iterator[tuple[Path, bytes]]:
    """Yield each file that has texts, templates as Python that asks for the same texts."""
    base = Path(settings.BASE_DIR)
    for room in ("accounts", "catalog", "money", "operations", "orders", "panel", "support", "wallet"):
        for file in (base / room).rglob("*.py"):
            yield file, file.read_bytes()
    for file in (base / "templates").rglob("*.*"):
        asked = templatize(file.read_text(), origin=str(file))
        yield file, re.sub(r"(?m)^\s+", "", asked).encode()  # HTML's indents are none of Python's


def test_every_text_of_code_and_templates_is_there() -> None:
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in russian()}
    missing = []
    for file, source in sources():
        found = extract("python", BytesIO(source), keywords=KEYWORDS | PLURALS | CONTEXTS)
        for line, text, *_ in found:
            first = text if isinstance(text, str) else text[0]
            if first.replace("%%", "%") not in known and first not in known:
                missing.append(f"{file.name}:{line}: {first}")
    assert missing == []


def test_no_text_is_asked_for_by_a_name_that_makemessages_does_not_know() -> None:
    other = re.compile(rb"gettext(_lazy)? as (?!_\b)\w+")
    assert [file.name for file, source in sources() if other.search(source)] == []


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

"""What staff wrote in two languages, in the reader's."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Model
from django.utils.translation import get_language


@dataclass(frozen=True, slots=True)
class Words:
    """A text, and the code of the language that it is in; "" is in no language."""

    text: str
    language: str


def words(row: Model, name: str) -> Words:
    """Return a field that is kept as `name_ru` and `name_en`, in the reader's language, else in the other."""
    known = [code for code, _ in settings.LANGUAGES]
    for code in sorted(known, key=lambda code: code != reading_language()):
        text: str = getattr(row, f"{name}_{code}")
        if text:
            return Words(text, code)
    return Words("", "")


def reading_language() -> str:
    """Return the code of the language that the reader is answered in."""
    return (get_language() or settings.LANGUAGE_CODE).partition("-")[0]

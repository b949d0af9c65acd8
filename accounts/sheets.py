"""Sheets that staff take out and bring in, as CSV and XLSX: reading hostile ones, writing harmless ones.

A cell that begins as a formula does is run by the programs that open sheets. It is written with an apostrophe
before it, in both formats, and read back without one: what was taken out and brought in again is as it was.
"""

import csv
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import tablib
from django.utils.translation import gettext as _
from import_export.formats.base_formats import CSV, XLSX
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 20_000
MAX_COLUMNS = 100
MAX_UNPACKED = 60 * 1024 * 1024
MAX_PARTS = 200
"""How many files an XLSX, which is a ZIP, may hold, and how large they may be unpacked."""

RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
QUOTE = "'"


class BadSheet(ValueError):
    """Raised when a file is no sheet that is read; says why, in the reader's language."""


# A cell's start, and what a program takes for one that splits a CSV at other marks, as Russian ones do.
# Some leave blanks out before they look.
_BLANKS = rf"(?:{QUOTE}|[^\S\t\r\n])*"
_START = rf"\A(?={_BLANKS}[{re.escape(''.join(RUN))}])"
_WITHIN = rf"(?<=[;,\t\r\n])(?={_BLANKS}[{re.escape(''.join(mark for mark in RUN if not mark.isspace()))}])"
_RUNS = re.compile(f"{_START}|{_WITHIN}")
_QUOTED = re.compile(f"(?:{_START}|{_WITHIN}){QUOTE}")


def harmless(text: str) -> str:
    """Return a cell's text so that no program runs it, or a part of it."""
    return _RUNS.sub(QUOTE, text)


def as_it_was(text: str) -> str:
    """Return the text that `harmless` was given."""
    return _QUOTED.sub("", text)


def read_sheet(data: bytes) -> tablib.Dataset:
    """Read a CSV or XLSX: a heading, and rows of texts as wide as it. Raises `BadSheet`."""
    if len(data) > MAX_BYTES:
        raise BadSheet(_("The file is larger than %(most)d MB.") % {"most": MAX_BYTES // 1024 // 1024})
    rows = _xlsx_rows(data) if data.startswith(b"PK") else _csv_rows(data)
    return _dataset(rows)


def _dataset(rows: Iterator[list[str]]) -> tablib.Dataset:
    heading = [name.strip() for name in next(rows, [])]
    while heading and not heading[-1]:
        heading.pop()
    if not heading:
        raise BadSheet(_("The file has no heading: the first row names the columns."))
    if len(heading) > MAX_COLUMNS:
        raise BadSheet(_("The file has more than %(most)d columns.") % {"most": MAX_COLUMNS})
    twice = sorted({name for name in heading if heading.count(name) > 1})
    if twice:
        raise BadSheet(_("The file has a column twice: %(name)s.") % {"name": twice[0]})
    dataset = tablib.Dataset(headers=heading)
    for number, row in enumerate(rows, 2):
        if any(row[len(heading) :]):
            raise BadSheet(_("Row %(number)d has more cells than the heading.") % {"number": number})
        if number - 1 > MAX_ROWS:
            raise BadSheet(_("The file has more than %(most)d rows.") % {"most": MAX_ROWS})
        cells = row[: len(heading)] + [""] * (len(heading) - len(row))
        dataset.append([as_it_was(cell) for cell in cells])
    while dataset.height and not any(dataset[-1]):
        dataset.pop()
    return dataset


# --- CSV --------------------------------------------------------------------------------------------------


def _csv_rows(data: bytes) -> Iterator[list[str]]:
    text = _decoded(data)
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        yield from csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise BadSheet(_("The file cannot be read as CSV: %(why)s.") % {"why": error}) from error


def _decoded(data: bytes) -> str:
    """Return a text in UTF-8, or in what Russian spreadsheets write."""
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadSheet(_("The file is neither a CSV in UTF-8 or Windows-1251 nor an XLSX."))


# --- XLSX -------------------------------------------------------------------------------------------------


def _xlsx_rows(data: bytes) -> Iterator[list[str]]:
    _refuse_bomb(data)
    try:
        book = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What the sheet says of its own size is not believed.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True)
        for row in rows:
            yield [_text_of(value) for value in row]
    except BadSheet:
        raise
    except Exception as error:  # whatever a broken or hostile file makes of the library
        raise BadSheet(_("The file cannot be read as XLSX.")) from error


def _refuse_bomb(data: bytes) -> None:
    """Refuse a ZIP that unpacks to too much, by its directory: no more than that says is read."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise BadSheet(_("The file cannot be read as XLSX.")) from error
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise BadSheet(_("The file is too large when it is unpacked."))


def _text_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


# --- Writing ----------------------------------------------------------------------------------------------


def _harmless_rows(dataset: tablib.Dataset) -> Iterable[list[str]]:
    yield [harmless(str(name)) for name in dataset.headers or []]
    for row in dataset:
        yield [harmless("" if cell is None else str(cell)) for cell in row]


class CsvSheet(CSV):  # type: ignore[misc]
    """CSV in UTF-8, with the mark by which spreadsheets know it."""

    def is_binary(self) -> bool:
        """Tell the library that bytes come out."""
        return True

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> bytes:
        """Write it."""
        text = StringIO(newline="")
        csv.writer(text).writerows(_harmless_rows(dataset))
        return text.getvalue().encode("utf-8-sig")


class XlsxSheet(XLSX):  # type: ignore[misc]
    """XLSX, every cell a text."""

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> bytes:
        """Write it, row by row."""
        book = Workbook(write_only=True)
        sheet = book.create_sheet()
        for row in _harmless_rows(dataset):
            sheet.append([ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", cell) for cell in row])
        file = BytesIO()
        book.save(file)
        return file.getvalue()


SHEETS = [CsvSheet, XlsxSheet]

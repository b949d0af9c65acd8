import csv
import re
import zipfile
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any

import pytest
import tablib
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from accounts import sheets
from accounts.sheets import BadSheet, CsvSheet, XlsxSheet, as_it_was, harmless, read_sheet

DANGEROUS = ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "'=1", "''+1", "＝1", "=cmd|' /C calc'!A0"]
DANGEROUS += [" =1", "\u00a0 @a", "' =1", "  \tx"]
PLAIN = tuple(mark for mark in sheets.RUN if not mark.isspace())
WITHIN = ["a;=1", "a;'+1", "a,-1", "a\t@a", "a\r=1", "a\n=1", "a; =1", "a;\u00a0=1"]


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with translation.override("en"):
        yield


def rows_of(dataset: tablib.Dataset) -> list[list[str]]:
    return [list(row) for row in dataset]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_program_would_run_is_written_harmless(text: str) -> None:
    assert harmless(text) == "'" + text
    assert as_it_was(harmless(text)) == text


@pytest.mark.parametrize("text", WITHIN)
def test_what_a_program_would_run_once_it_split_the_cell_is_harmless(text: str) -> None:
    begins = next(place for place, mark in enumerate(text) if mark in ";,\t\r\n") + 1

    assert harmless(text) == f"{text[:begins]}'{text[begins:]}"
    assert as_it_was(harmless(text)) == text


@pytest.mark.parametrize("text", [*DANGEROUS, *WITHIN])
def test_no_program_that_splits_a_csv_elsewhere_finds_a_formula(text: str) -> None:
    dataset = tablib.Dataset(["1", text, text], headers=["id", "one", "other"])

    written = CsvSheet().export_data(dataset).decode("utf-8-sig")

    for delimiter in ",;\t":
        for row in csv.reader(StringIO(written, newline=""), delimiter=delimiter):
            cells = [cell.strip(' \u00a0"') for cell in row]
            assert not [cell for cell in cells if cell.startswith(PLAIN)]


@given(st.text(alphabet="'=+-@\t\r\nab1; ,\u00a0"))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    written = harmless(text)

    assert not written.startswith(sheets.RUN)
    for part in re.split("[;,\t\r\n]", written):
        assert not part.lstrip(" \u00a0").startswith(PLAIN)
    assert as_it_was(written) == text


@pytest.mark.parametrize("text", ["", "plain", "'quoted'", "it's", "' a", "1-2", "a =1", "; a"])
def test_other_texts_stay(text: str) -> None:
    assert harmless(text) == as_it_was(text) == text


@pytest.mark.parametrize("sheet", [CsvSheet, XlsxSheet])
def test_sheets_come_back_as_they_were(sheet: Any) -> None:
    texts = [text for text in DANGEROUS if "\r" not in text]
    cells = [*texts, "Подписчики", 'a "b"; c, d', "two\nlines", "", "yes"]
    dataset = tablib.Dataset(headers=["id", "text"])
    for number, text in enumerate(cells):
        dataset.append([number, text])

    read = read_sheet(sheet().export_data(dataset))

    assert read.headers == ["id", "text"]
    assert rows_of(read) == [[str(number), text] for number, text in enumerate(cells)]


def test_no_cell_of_an_xlsx_is_a_formula() -> None:
    dataset = tablib.Dataset(["=1+1", "\x0b"], headers=["=a", "b"])

    sheet = load_workbook(BytesIO(XlsxSheet().export_data(dataset))).worksheets[0]

    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells] == ["'=a", "b", "'=1+1", "\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_as_spreadsheets_write_it(encoding: str, delimiter: str) -> None:
    data = f"id{delimiter}name\r\n1{delimiter}Лайки\r\n".encode(encoding)

    assert read_sheet(data).dict == [{"id": "1", "name": "Лайки"}]


def test_numbers_and_times_of_an_xlsx_become_texts() -> None:
    book = Workbook()
    book.active.append(["a", "b", "c", "d", "e", None])
    book.active.append([1, 2.5, 3.0, True, datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None), None])
    file = BytesIO()
    book.save(file)

    (row,) = rows_of(read_sheet(file.getvalue()))

    assert row == ["1", "2.5", "3", "yes", "2026-01-02 00:00:00"]


def bomb() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * (sheets.MAX_UNPACKED + 1))
    return file.getvalue()


def many_parts() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(sheets.MAX_PARTS + 1):
            archive.writestr(str(number), b"")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no heading"),
        (b"\n1,2", "no heading"),
        (b"id,id\n1,2", "column twice"),
        (b"id\n1,2", "Row 2 has more cells"),
        (b'id,name\n1,"open', "cannot be read as CSV"),
        (b"id,name\n1," + b"x" * 200_000, "cannot be read as CSV"),
        ("id\n1".encode("utf-16"), "neither a CSV"),
        (b"id\n\x00\x98", "neither a CSV"),
        (b"PK\x03\x04 and nothing else", "cannot be read as XLSX"),
        (bomb(), "too large when it is unpacked"),
        (many_parts(), "too large when it is unpacked"),
        (b"id\n" * (sheets.MAX_ROWS + 2), "more than 20000 rows"),
        (b",".join(b"%d" % number for number in range(101)), "more than 100 columns"),
        (b"x" * (sheets.MAX_BYTES + 1), "larger than 5 MB"),
    ],
)
def test_hostile_files_are_refused_with_a_reason(data: bytes, why: str) -> None:
    with pytest.raises(BadSheet, match=why):
        read_sheet(data)


def test_a_zip_that_is_no_sheet_is_refused() -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", b"hello")

    with pytest.raises(BadSheet, match="cannot be read as XLSX"):
        read_sheet(file.getvalue())


def test_an_xlsx_that_lies_about_its_size_is_read_as_far_as_it_goes() -> None:
    dataset = tablib.Dataset(["1", "x"], headers=["id", "name"])
    file, lying = BytesIO(XlsxSheet().export_data(dataset)), BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(lying, "w") as other:
        for name in archive.namelist():
            part = archive.read(name)
            if name.endswith("sheet1.xml"):
                part = part.replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>')
            other.writestr(name, part)

    assert read_sheet(lying.getvalue()).dict == [{"id": "1", "name": "x"}]

import re
from decimal import Decimal
from typing import Any

import pytest
import tablib
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts import sheet_pages
from accounts.models import User
from accounts.sheets import CsvSheet, XlsxSheet, read_sheet
from catalog.banning import save_words
from catalog.holding import Kind, let_go
from catalog.models import BannedWords, Category, PriceRule, Provider, Service, ServiceHold
from tests.factories import make_service

SERVICES, RULES = "/admin/catalog/service/", "/admin/catalog/pricerule/"


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def service(provider: Provider) -> Service:
    """One that costs 100 and sells for 130."""
    return make_service(provider)


def export(browser: Browser, where: str = SERVICES, *, kind: int = 0) -> bytes:
    answer = browser.post(f"{where}export/", {"format": str(kind), "resource": "0"})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    return bytes(answer.content)


def exported(browser: Browser, where: str = SERVICES, *, kind: int = 0) -> list[dict[str, str]]:
    return list(read_sheet(export(browser, where, kind=kind)).dict)


def sheet_of(rows: list[dict[str, str]]) -> bytes:
    dataset = tablib.Dataset(headers=list(rows[0]))
    for row in rows:
        dataset.append(list(row.values()))
    return CsvSheet().export_data(dataset)


def bring(browser: Browser, data: bytes, where: str = SERVICES) -> Any:
    return browser.post(f"{where}import/", {"sheet": SimpleUploadedFile("sheet.csv", data)})


def confirm(browser: Browser, page: Any, where: str = SERVICES) -> Any:
    kept = re.search(r'name="confirmed" value="(\w+)"', page.content.decode())
    assert kept, text_of(page)
    return browser.post(f"{where}import/", {"confirmed": kept[1]})


def text_of(page: Any) -> str:
    content = re.sub(r"<[^>]+>", " ", page.content.decode().partition("<main")[2] or page.content.decode())
    return " ".join(content.split())


def refused(page: Any) -> str:
    assert page.status_code == 422
    assert 'name="confirmed"' not in page.content.decode()
    return text_of(page)


# --- Services -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [0, 1])
def test_what_is_taken_out_and_brought_in_again_changes_nothing(
    operator: Browser, service: Service, kind: int
) -> None:
    Service.objects.filter(pk=service.pk).update(
        name="=HYPERLINK(1)", title_en="+1", about_ru="one\r\n-two", price=Decimal("130.5"), title_ru="'=x"
    )
    PriceRule.objects.create(scope="service", service=service, percent=Decimal("12.5"))

    page = bring(operator, export(operator, kind=kind))

    assert "The sheet changes nothing." in text_of(page)
    (row,) = exported(operator, kind=kind)
    assert (row["name"], row["title_en"], row["title_ru"]) == ("=HYPERLINK(1)", "+1", "'=x")
    assert (row["markup"], row["price"], row["is_hidden"]) == ("12.5", "130.50", "no")
    assert b"'=HYPERLINK" in export(operator)


def test_what_is_brought_in_is_shown_then_written(operator: Browser, service: Service) -> None:
    other = make_service(service.provider)
    Category.objects.create(name="Ours")
    changes = {
        "title_en": "Likes",
        "about_ru": "Быстро",
        "is_hidden": "yes",
        "category": "Ours",
        "markup": "50",
    }
    rows = [row | (changes if row["id"] == str(service.pk) else {}) for row in exported(operator)]

    page = bring(operator, sheet_of(rows))
    assert "1 row changes:" in text_of(page)
    assert "markup: → 50" in text_of(page)
    assert Service.objects.get(pk=service.pk).title_en == ""

    assert confirm(operator, page).status_code == 302
    written = Service.objects.get(pk=service.pk)
    assert (written.title_en, written.about_ru, written.is_hidden) == ("Likes", "Быстро", True)
    assert (written.category.name, written.price) == ("Ours", Decimal(150))
    assert "likes" in written.search_text
    untouched = Service.objects.get(pk=other.pk)
    assert (untouched.is_hidden, untouched.price, untouched.changed_at) == (
        False,
        Decimal(130),
        other.changed_at,
    )
    assert set(
        LogEntry.objects.filter(content_type__model="service").values_list("object_pk", flat=True)
    ) == {str(service.pk)}
    assert LogEntry.objects.get(content_type__model="pricerule").actor_email == "olga@example.com"


def test_an_own_markup_is_dropped_by_an_empty_cell(operator: Browser, service: Service) -> None:
    PriceRule.objects.create(scope="service", service=service, percent=Decimal(50))
    Service.objects.filter(pk=service.pk).update(price=Decimal(150))

    confirm(operator, bring(operator, f"id,markup\n{service.pk},\n".encode()))

    assert not PriceRule.objects.exists()
    assert Service.objects.get().price == 130


def test_a_price_below_the_cost_is_refused_and_its_row_named(operator: Browser, service: Service) -> None:
    other = make_service(service.provider)
    data = f"id,markup,title_en\n{other.pk},10,Fine\n{service.pk},-5,Bad\n".encode()

    said = refused(bring(operator, data))

    assert "Row 3 , markup: The price would be 95.00" in said.replace("Row 3, ", "Row 3 , ")
    assert not PriceRule.objects.exists()
    assert not Service.objects.exclude(title_en="").exists()


def test_a_category_whose_rule_loses_is_refused(operator: Browser, service: Service) -> None:
    category = Category.objects.create(name="Cheap")
    PriceRule.objects.create(scope="category", category=category, percent=Decimal(-50))

    said = refused(bring(operator, f"id,category\n{service.pk},Cheap\n".encode()))

    assert "category: The price would be 50.00" in said
    assert Service.objects.get().category == service.category


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("is_hidden", "maybe", "is_hidden: Write yes or no."),
        ("category", "Nowhere", "category: There is none of this name."),
        ("markup", "much", "markup: Write a number"),
        ("markup", "NaN", "markup: Write a number"),
        ("markup", "1e400", "markup: Write a number"),
        ("markup", "-101", "markup: Write a percentage"),
        ("title_en", "x" * 501, "title_en: Ensure this value has at most 500 characters"),
        ("cost", "1", "cost: This column is not changed by a sheet: it says “100.00” now."),
        ("name", "Other", "name: This column is not changed by a sheet"),
    ],
)
def test_a_cell_that_is_wrong_is_named_by_row_and_column(
    operator: Browser, service: Service, column: str, cell: str, why: str
) -> None:
    before = list(Service.objects.values())

    said = refused(bring(operator, f"id,{column}\n{service.pk},{cell}\n".encode()))

    assert "Row 2" in said
    assert why in said
    assert list(Service.objects.values()) == before


@pytest.mark.parametrize("number", ["", "x", "999", "-1", "9" * 30])
def test_a_row_that_is_not_there(operator: Browser, service: Service, number: str) -> None:
    said = refused(bring(operator, f"id,title_en\n{number},x\n".encode()))
    assert "id: There is no such row." in said


def test_a_row_named_twice_is_refused(operator: Browser, service: Service) -> None:
    said = refused(bring(operator, f"id,title_en\n{service.pk},x\n{service.pk},y\n".encode()))
    assert "Row 3" in said
    assert "twice" in said


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"id,nonsense\n1,2\n", "a column that is not known: nonsense"),
        (b"title_en\nx\n", "no column “id”"),
        (b"PK\x03\x04", "cannot be read as XLSX"),
        (b"id,<script>alert(1)</script>\n1,2\n", "not known"),
    ],
)
def test_a_sheet_that_is_none(operator: Browser, service: Service, data: bytes, why: str) -> None:
    page = bring(operator, data)

    assert why in refused(page)
    assert "<script>alert" not in page.content.decode()


def test_numbers_as_a_spreadsheet_writes_them_are_the_same(operator: Browser, service: Service) -> None:
    data = f"id;cost;title_en\n{service.pk};100;x\n".encode()
    assert "1 row changes:" in text_of(bring(operator, data))
    data = f"id;cost;title_en\n{service.pk};100,0;x\n".encode()
    assert "1 row changes:" in text_of(bring(operator, data))


def test_a_price_rule_made_meanwhile_is_not_undone(operator: Browser, service: Service) -> None:
    page = bring(operator, f"id,cost,title_en\n{service.pk},100,x\n".encode())
    Service.objects.filter(pk=service.pk).update(cost=Decimal(120))

    again = confirm(operator, page)

    assert "it says “120.00” now" in refused(again)
    assert Service.objects.get().title_en == ""


def test_a_description_does_not_hold_what_was_let_go(operator: Browser, service: Service) -> None:
    save_words(BannedWords(pattern="youtube"))
    assert let_go(service, Kind.WORDS)

    confirm(operator, bring(operator, f"id,about_en,is_hidden\n{service.pk},Fast,yes\n".encode()))
    assert Service.objects.get().about_en == "Fast"
    assert not ServiceHold.objects.exists()

    confirm(operator, bring(operator, f"id,title_en\n{service.pk},YouTube likes\n".encode()))
    assert ServiceHold.objects.get().kind == Kind.WORDS  # nobody has let this name go


def test_a_file_is_kept_for_its_own_reader_alone(
    operator: Browser, client: Browser, service: Service
) -> None:
    page = bring(operator, f"id,title_en\n{service.pk},x\n".encode())
    kept = re.search(r'name="confirmed" value="(\w+)"', page.content.decode())
    assert kept
    other = Browser(HTTP_ACCEPT_LANGUAGE="en")
    other.force_login(User.objects.create_superuser("boss@example.com", "a long password"))

    for name in (kept[1], "../../panel.sqlite3", "0" * 32):
        assert other.post(f"{SERVICES}import/", {"confirmed": name}).status_code == 302

    assert Service.objects.get().title_en == ""
    assert confirm(operator, page).status_code == 302
    assert confirm(operator, page).status_code == 302  # sent twice: it is no longer kept
    assert Service.objects.get().title_en == "x"


def test_queries_do_not_grow_with_rows(operator: Browser, provider: Provider) -> None:
    found = []
    for size in (5, 200):
        rows = [f"{make_service(provider).pk},title {number},50,yes" for number in range(size)]
        data = "\n".join(["id,title_en,markup,is_hidden", *rows]).encode()
        with CaptureQueriesContext(connection) as asked:
            page = bring(operator, data)
        assert f"{size} rows change:" in text_of(page)
        found.append(sum("SAVEPOINT" not in one["sql"] and "auditlog" not in one["sql"] for one in asked))

    assert found[1] <= found[0]


# --- Price rules --------------------------------------------------------------------------------------------


def test_price_rules_are_taken_out_and_brought_in(operator: Browser, service: Service) -> None:
    rule = PriceRule.objects.create(scope="service", service=service, percent=Decimal(20))
    (row,) = exported(operator, RULES)
    assert (row["service"], row["percent"], row["fixed_price"]) == (str(service.pk), "20", "")
    assert "The sheet changes nothing." in text_of(bring(operator, export(operator, RULES), RULES))

    page = bring(operator, sheet_of([row | {"percent": "40", "amount": "1"}]), RULES)
    assert "percent: 20 → 40" in text_of(page)
    assert PriceRule.objects.get().percent == 20
    confirm(operator, page, RULES)

    rule.refresh_from_db()
    assert (rule.percent, rule.amount) == (Decimal(40), Decimal(1))
    assert Service.objects.get().price == 141


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("percent", "-5", "services would be sold below their cost"),
        ("scope", "everything", "scope: This column is not changed by a sheet"),
        ("amount", "-1", "amount: Ensure this value is greater than or equal to 0"),
        ("percent", "", "percent: This field cannot be null."),
    ],
)
def test_a_price_rule_that_is_wrong(
    operator: Browser, service: Service, column: str, cell: str, why: str
) -> None:
    rule = PriceRule.objects.create(scope="service", service=service, percent=Decimal(20))

    said = refused(bring(operator, f"id,{column}\n{rule.pk},{cell}\n".encode(), RULES))

    assert why in said
    assert PriceRule.objects.get().percent == 20
    assert Service.objects.get().price == 130


# --- Rights, and what else is taken out ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "page", "status"),
    [
        (["view_service"], "export/", 403),
        (["export_service"], "export/", 403),
        (["view_service", "export_service"], "export/", 200),
        (["view_service", "export_service"], "import/", 403),
        (["view_service", "change_service"], "import/", 403),
        (["view_service", "import_service"], "import/", 403),
        (["view_service", "change_service", "import_service"], "import/", 200),
    ],
)
def test_both_rights_are_needed(
    client: Browser, sasha: User, service: Service, rights: list[str], page: str, status: int
) -> None:
    sasha.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(sasha)

    assert client.get(SERVICES + page).status_code == status
    assert status == 200 or client.post(SERVICES + page, {"format": "0"}).status_code == 403


def test_markups_need_the_right_to_change_price_rules(client: Browser, sasha: User, service: Service) -> None:
    client.force_login(sasha)
    data = f"id,markup,title_en\n{service.pk},50,Likes\n".encode()

    def may(*rights: str) -> None:
        sheets = ("view_service", "change_service", "import_service")
        sasha.user_permissions.set(Permission.objects.filter(codename__in=[*sheets, *rights]))

    whole = ["add_pricerule", "change_pricerule", "delete_pricerule"]
    for lacking in whole:
        may(*(right for right in whole if right != lacking))
        assert "markup: You may not change price rules." in refused(bring(client, data))
    may(*whole)
    page = bring(client, data)
    may()
    assert "markup: You may not change price rules." in refused(confirm(client, page))
    assert not PriceRule.objects.exists()
    assert (Service.objects.get().price, Service.objects.get().title_en) == (130, "")

    may(*whole)
    assert confirm(client, page).status_code == 302
    assert (Service.objects.get().price, Service.objects.get().title_en) == (150, "Likes")


def test_who_may_not_change_price_rules_still_brings_names(
    client: Browser, sasha: User, service: Service
) -> None:
    PriceRule.objects.create(scope="service", service=service, percent=Decimal(50))
    sheets = ("view_service", "change_service", "import_service")
    sasha.user_permissions.set(Permission.objects.filter(codename__in=sheets))
    client.force_login(sasha)

    confirm(client, bring(client, f"id,markup,title_en\n{service.pk},50,Likes\n".encode()))

    assert Service.objects.get().title_en == "Likes"


def test_too_many_rows_are_not_taken_out(
    operator: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_pages, "MOST_OUT", 1)
    make_service(provider)
    assert operator.get(f"{SERVICES}export/").status_code == 200
    make_service(provider)

    answer = operator.post(f"{SERVICES}export/?sold=yes", {"format": "0"}, follow=True)

    assert "More than 1 rows are chosen." in text_of(answer)
    assert answer.redirect_chain[-1][0].endswith("/service/?sold=yes")


def test_filters_say_what_is_taken_out(operator: Browser, service: Service) -> None:
    make_service(service.provider, is_hidden=True)
    answer = operator.post(f"{SERVICES}export/?is_hidden__exact=0", {"format": "0", "resource": "0"})
    assert [row["id"] for row in read_sheet(answer.content).dict] == [str(service.pk)]


def test_categories_are_taken_out(operator: Browser, service: Service) -> None:
    (row,) = exported(operator, "/admin/catalog/category/")
    assert (row["name"], row["is_hidden"]) == ("YouTube", "no")


def test_an_xlsx_is_brought_in_too(operator: Browser, service: Service) -> None:
    dataset = tablib.Dataset([str(service.pk), "=x"], headers=["id", "title_en"])

    confirm(operator, bring(operator, XlsxSheet().export_data(dataset)))

    assert Service.objects.get().title_en == "=x"

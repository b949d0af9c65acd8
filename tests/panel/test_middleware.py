"""Text that cannot be read is refused before anything reads it."""

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import translation

from accounts.models import User
from panel.middleware import UnreadableTextMiddleware
from panel.wsgi import application
from tests.pages import Browser, text

CODECS = [
    "hex",
    "zip",
    "base64",
    "bz2",
    "undefined",
    "rot13",
    "idna",
    "punycode",
    "utf-16",
    "utf-7",
    "cp1251",
]
NO_CODECS = ["", "no-such-charset", "a" * 500]
REFUSED = "The request was not understood"
FORM = "application/x-www-form-urlencoded"
PARTS = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nEve\r\n--x--\r\n'


@pytest.fixture
def _connection_kept() -> Iterator[None]:
    """Keep the test's transaction: a handler closes the connection around a request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


by_wsgi = pytest.mark.usefixtures("db", "_connection_kept")


def ask(
    address: str, content_type: str, *, body: bytes = b"", user: User | None = None, **said_by_server: str
) -> tuple[int, str]:
    """Ask by WSGI, as a server does (the test client has a request class of its own); status and page."""
    cookies = Browser(user).cookies.values()
    environ: dict[str, Any] = RequestFactory(headers={"Accept-Language": "en"}).get(address).environ
    environ |= {
        "REQUEST_METHOD": "POST" if body else "GET",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_COOKIE": "; ".join(f"{cookie.key}={cookie.value}" for cookie in cookies),
        "wsgi.input": BytesIO(body),
        **said_by_server,
    }
    said: list[int] = []
    with closing(application(environ, lambda status, headers: said.append(int(status[:3])))) as answer:
        page = b"".join(answer).decode()
    translation.deactivate()
    return said[0], page


@by_wsgi
@pytest.mark.parametrize("charset", [*CODECS, *NO_CODECS])
def test_a_strange_charset_is_refused_whatever_is_asked(alice: User, charset: str) -> None:
    named = f"charset={charset}"

    for status, page in (
        ask("/services/?q=a", f"text/plain; {named}"),
        ask("/account/", f"multipart/form-data; boundary=x; {named}", body=PARTS, user=alice),
        ask("/account/", f"{FORM}; {named}", body=b"name=Eve", user=alice),
    ):
        assert status == 400
        assert REFUSED in page
    alice.refresh_from_db()
    assert alice.name == "Alice"


@by_wsgi
@pytest.mark.parametrize("parameter", ["charset*=zz''a%41", "charset*=idna''%ff", "other*=zz''a"])
def test_a_type_that_cannot_be_parsed_is_refused(parameter: str) -> None:
    status, page = ask("/services/?q=a", f"text/plain; {parameter}")

    assert status == 400
    assert REFUSED in page


@by_wsgi
@pytest.mark.parametrize(
    "named", ["", "; charset=utf-8", "; charset=UTF-8", '; charset="utf8"', "; charset=ascii"]
)
def test_the_usual_charsets_are_read(named: str) -> None:
    status, page = ask("/services/?q=%D0%AF", f"text/plain{named}")

    assert status == 200
    assert 'value="Я"' in page


@by_wsgi
@pytest.mark.parametrize("named", ["", "; charset=utf-8", "; charset=ascii"])
def test_a_form_that_names_a_usual_charset_is_read(named: str) -> None:
    """Up to the token it lacks: a page that says so has read the form."""
    status, page = ask("/login/", f"{FORM}{named}", body=b"login=a&password=b")

    assert status == 403
    assert "The form was open for too long" in page


def test_the_site_is_served_by_the_handler_that_reads_utf_8() -> None:
    assert settings.WSGI_APPLICATION == "panel.wsgi.application"


@pytest.mark.parametrize(
    "address",
    [
        "/services/?q=%00",
        "/admin/orders/order/?status__exact=%00",
        "/admin/orders/order/?q=a%00b",
        "/admin/autocomplete/?app_label=orders&model_name=order&field_name=user&term=%00",
        "/orders/?status=%00",
    ],
)
def test_a_nul_in_the_address_is_refused(olga: User, address: str) -> None:
    answer = Browser(olga, raise_request_exception=False).get(address)

    assert answer.status_code == 400
    assert REFUSED in text(answer)


def test_a_nul_in_a_cookie_is_refused(db: None) -> None:
    browser = Browser(raise_request_exception=False)
    browser.cookies.load(r'sessionid="\000aaaaaaaaaaaaaaaa"')

    assert browser.get("/").status_code == 400


def test_a_percent_sign_before_zeros_is_no_nul(db: None) -> None:
    assert Browser().get("/services/?q=%2500").status_code == 200


def test_a_nul_as_it_is_is_refused_too() -> None:
    request = RequestFactory().get("/")
    request.META["QUERY_STRING"] = "q=a\0b"

    assert UnreadableTextMiddleware(lambda request: HttpResponse())(request).status_code == 400


def test_the_refusal_speaks_the_readers_language_and_keeps_the_sites_policy(db: None) -> None:
    answer = Browser(language="ru").get("/services/?q=%00")

    assert "Запрос не понят" in text(answer)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


# --- Where admin is: a session that showed no second factor does not come there by another name -----------


@by_wsgi
@pytest.mark.parametrize(
    "tricks",
    [
        *({"SCRIPT_NAME": name} for name in ("/x", "/x/", "/x//", "//", "/admin", "/%61", "/\xd1\x84")),
        *({"SCRIPT_URL": url} for url in ("/x/admin/", "//admin/", "/admin/")),
        {"REDIRECT_URL": "/x/admin/"},
    ],
)
def test_no_header_moves_admin(olga: User, settings: Any, tricks: dict[str, str]) -> None:
    settings.STAFF_NEED_SECOND_FACTOR = True
    for address in ("/admin/", "/admin/accounts/user/", "/admin/margin.csv"):
        status, page = ask(address, "text/plain", user=olga, **tricks)
        assert (status, page) == (302, "")
    assert ask("/healthz", "text/plain", user=olga, **tricks) == (200, "ok")


@by_wsgi
@pytest.mark.parametrize(
    "address",
    [
        *("//admin/", "///admin/", "/./admin/", "/admin/../admin/", "/x/../admin/", "/admin/./", "/admin//"),
        *("/ADMIN/", "/admin;/", "/admin/;x", "/%61dmin/", "admin/", "/admin/\\", "\\admin/", "/admin /"),
    ],
)
def test_no_spelling_leads_to_admin(olga: User, settings: Any, address: str) -> None:
    settings.STAFF_NEED_SECOND_FACTOR = True

    status, page = ask("/", "text/plain", user=olga, PATH_INFO=address)

    assert status in (301, 302, 404)
    assert "Users" not in page
    settings.STAFF_NEED_SECOND_FACTOR = False
    assert "Users" in ask("/admin/", "text/plain", user=olga)[1]  # as it would look

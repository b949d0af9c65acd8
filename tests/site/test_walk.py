"""A new customer in a browser: sign up, be given money, order, and watch the order reach its end."""

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import CHROMIUM
from tests.site.books import books
from tests.site.customers import PASSWORD
from tests.site.processes import PATIENCE_SECONDS, RunningSite
from upstream.sandbox.journal import Accepted, Ended

pytestmark = pytest.mark.needs_chromium

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SCREENS = {"desk": (1280, 900), "phone": (360, 740)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(params=[("desk", "en-GB"), ("phone", "ru-RU")], ids=["desk-en", "phone-ru"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser; whatever it complains of in its console fails the test."""
    screen, locale = request.param
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, locale=locale)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def shoot(page: Page, name: str) -> None:
    """Check that nothing is wider than the screen; keep a picture where SCREENSHOTS names a folder."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    folder = os.environ.get("SCREENSHOTS")
    if folder and page.viewport_size:
        path = Path(folder) / f"{name}-{page.viewport_size['width']}.png"
        page.screenshot(path=str(path), full_page=True)


def test_from_signing_up_to_the_end_of_an_order(site: RunningSite, page: Page) -> None:
    email = f"{uuid.uuid4().hex[:8]}@example.com"
    page.goto(site.url)
    shoot(page, "home")
    page.goto(f"{site.url}/signup/")
    shoot(page, "signup")
    page.fill("[name=email]", email)
    page.fill("[name=password1]", PASSWORD)
    page.locator(
        "main form[action='/signup/'] button[type=submit], main form button[type=submit]"
    ).first.click()
    page.wait_for_url(f"{site.url}/")
    site.manage("credit_wallet", email, "5000", "--note", "a first top-up")

    page.goto(f"{site.url}/services/")
    shoot(page, "services")
    page.locator("a[href*='/orders/new/?service=']").first.click()
    link = f"https://example.com/{uuid.uuid4().hex}"
    page.fill("#id_link", link)
    chosen = int(page.locator("#id_service").input_value())
    [least] = [row[2] for row in books(site)["services"] if row[0] == chosen]
    page.fill("#id_quantity", str(least))
    total = page.get_by_test_id("total")
    expect(total).to_be_visible()
    shoot(page, "new-order")
    page.locator("#order-form button[type=submit]").click()

    page.wait_for_url(re.compile(r"/orders/\d+/$"))
    shoot(page, "order-placed")
    order = page.locator("#order")
    expect(order).to_have_attribute(
        "data-status", re.compile("completed|partial|canceled"), timeout=PATIENCE_SECONDS * 1000
    )
    shoot(page, "order-ended")
    [accepted] = [row for row in site.journal() if isinstance(row, Accepted) and row.link == link]
    end = [row for row in site.journal() if isinstance(row, Ended) and row.order == accepted.order][-1]
    assert order.get_attribute("data-status") == end.status.lower()
    expect(order).not_to_have_attribute("hx-get", re.compile(".*"))

    page.goto(f"{site.url}/wallet/")
    shoot(page, "wallet")
    page.goto(f"{site.url}/orders/")
    shoot(page, "orders")
    assert "right" in site.manage("audit_money")

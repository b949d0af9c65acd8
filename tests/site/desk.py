"""Admin in a browser, as somebody uses it who reads what it says."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Locator, Page, expect

from tests.site.processes import RunningSite, wait_for


@dataclass
class Desk:
    """Somebody of staff at a page of a site's admin."""

    page: Page
    site: RunningSite

    def open(self, path: str) -> None:
        """Go to a page of the site."""
        self.page.goto(self.site.url + path)

    def follow(self, name: str) -> None:
        """Follow the link that is called so; a part of its name is enough."""
        self.page.locator("a:visible").filter(has_text=name).first.click()

    def press(self, name: str) -> None:
        """Press the button that is called so, and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def fill(self, **fields: str) -> None:
        """Fill fields in by their names."""
        for name, value in fields.items():
            self.page.locator(f"[name={name}]").fill(value)

    def choose(self, **fields: str) -> None:
        """Choose in selects, by what their choices are called."""
        for name, label in fields.items():
            self.page.locator(f"select[name={name}]").select_option(label=label)

    def search_out(self, name: str, *, words: str) -> None:
        """Choose in a field that searches as one types."""
        self.page.locator(f"#id_{name} + .select2 .select2-selection").click()
        self.page.locator(".select2-search__field").fill(words)
        self.page.locator(
            ".select2-results__option--selectable, .select2-results__option--highlighted"
        ).filter(has_text=words).first.click()

    def tick(self, name: str, *, on: bool = True) -> None:
        """Switch a box on or off."""
        self.page.locator(f"[name={name}]").set_checked(on)

    def save(self) -> None:
        """Save the form."""
        self.press("Save")

    def act(self, action: str, *rows: str) -> None:
        """Run an action of a list on the rows that hold these texts; on all of the page without any."""
        if not rows:
            self.page.locator("#action-toggle").check()
        for row in rows:
            self.row(row).locator("input.action-select").check()
        self.page.locator("select[name=action]").select_option(label=action)
        self.press("Run")

    def row(self, text: str) -> Locator:
        """Return the row of a list in which a text stands."""
        return self.page.locator("#result_list tbody tr").filter(has_text=text).first

    def open_row(self, text: str) -> None:
        """Follow the first link of the row in which a text stands."""
        self.row(text).locator("a").first.click()

    def says(self, *texts: str) -> None:
        """Demand that the page says all of these."""
        for text in texts:
            expect(self.page.locator("body")).to_contain_text(text)

    def says_in_time(self, path: str, *texts: str) -> None:
        """Open a page again and again until it says all of these: a worker is at it."""

        def said() -> bool:
            self.open(path)
            shown = re.sub(r"\s+", " ", self.page.locator("body").inner_text())
            return all(text in shown for text in texts)

        wait_for(said, f"{texts} at {path}\n{self.site.log()}")

    def picture(self, name: str, *, of: str = "") -> None:
        """Check that nothing is wider than the screen; keep a picture where PICTURES names a folder.

        `of` is what stands in its middle.
        """
        if of:
            self.page.locator(of).first.evaluate("node => node.scrollIntoView({block: 'center'})")
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        if folder := os.environ.get("PICTURES"):
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    def sign_in(self, email: str, password: str) -> None:
        """Open admin as somebody who has no second factor yet, and set one up on the way."""
        self.open("/admin/")
        self._send(login=email, password=password)
        self.says("Staff need a second factor here. Set one up, and admin opens.")
        self.picture("second-factor")
        self.open("/account/2fa/totp/activate/")
        self._send(password=password)
        secret = self.page.get_by_test_id("totp-secret").inner_text()
        self._send(code="000000")
        self.says("Incorrect code.")
        first = code_of(secret)
        self._send(code=first)
        self.says("code that your authenticator app shows")
        self._send(code=code_of(secret, after=first))
        self.open("/admin/")
        expect(self.page).to_have_url(f"{self.site.url}/admin/")

    def _send(self, **fields: str) -> None:
        """Send a form of the site's own pages."""
        self.fill(**fields)
        with self.page.expect_navigation():
            self.page.locator("main form button[type=submit]").first.click()


def code_of(secret: str, *, after: str = "") -> str:
    """Return what an authenticator app shows; the code that comes next where one was used up."""

    def shown() -> str:
        [counter] = yield_hotp_counters_from_time()
        code = format_hotp_value(hotp_value(secret, counter))
        return "" if code == after else code

    return wait_for(shown, "the next code")

"""A customer without a browser: forms over real HTTP, as the pages offer them."""

import re
from dataclasses import dataclass, field
from html import unescape

import requests

PASSWORD = "correct horse battery"


@dataclass
class Customer:
    """Somebody with a session on the site."""

    base: str
    email: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str) -> str:
        """Open a page and return its HTML."""
        answer = self.session.get(self.base + path, timeout=30)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def post(self, path: str, **fields: str) -> requests.Response:
        """Send the form of a page, its hidden fields included."""
        hidden = hidden_fields(self.get(path))
        return self.send(path, {**hidden, **fields})

    def send(self, path: str, fields: dict[str, str], *, follow: bool = True) -> requests.Response:
        """Send these fields, with the token that proves they come from a page; `follow` a redirect or not."""
        token = self.session.cookies.get("csrftoken", "")
        headers = {"Referer": self.base + path, "Accept-Language": "en"}
        data = {**fields, "csrfmiddlewaretoken": token or ""}
        url = self.base + path.partition("?")[0]
        return self.session.post(url, data=data, headers=headers, timeout=30, allow_redirects=follow)

    def sign_up(self) -> None:
        """Register; the customer is logged in afterwards."""
        answer = self.post("/signup/", email=self.email, password1=PASSWORD)
        assert answer.ok
        assert "sessionid" in self.session.cookies

    def order(self, service_id: int, *, link: str, quantity: int) -> int:
        """Order by the form, and return the number of the order."""
        answer = self.post(f"/orders/new/?service={service_id}", link=link, quantity=str(quantity))
        found = re.search(r"/orders/(\d+)/", answer.url)
        assert found, answer.text
        return int(found[1])


def hidden_fields(page: str) -> dict[str, str]:
    """Return the values of the hidden inputs of a page."""
    found = {}
    for tag in re.findall(r"<input\b[^>]*>", page):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden" and "name" in attributes:
            found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found

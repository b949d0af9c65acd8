"""How wide admin's lists are, as Chromium lays them out."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import Route, sync_playwright

from accounts.models import User
from catalog.models import ServiceHealth
from tests.conftest import CHROMIUM
from tests.factories import make_provider, make_service
from tests.pages import Browser
from tests.site.test_walk import ARGUMENTS

pytestmark = pytest.mark.needs_chromium

NAMES = (
    "Подписчики YouTube | Гарантия 30 дней | Скорость 500 в день | Без списаний",
    "Instagram Followers [Real, High Quality] - Refill 60 Days - Max 500K",
)
LAPTOP = {"width": 1280, "height": 900}


def measured(page: str, script: str) -> Any:
    """Return what a script says in a browser that shows this page, with the site's own static files."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        file = finders.find(path.removeprefix("/static/")) if path.startswith("/static/") else None
        if file:
            route.fulfill(path=Path(str(file)))
        else:
            route.fulfill(body=page if path == "/" else "", content_type="text/html; charset=utf-8")

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        shown = chromium.new_page(viewport=LAPTOP)
        shown.route("**/*", answer)
        shown.goto("http://panel.test/", wait_until="networkidle")
        return shown.evaluate(script)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_services_fit_beside_the_menu_and_their_names_have_room(olga: User, language: str) -> None:
    provider = make_provider(name="SMM Supplier International")
    for name in NAMES:
        service = make_service(
            provider, name=name, category="YouTube: подписчики", held_text="Its cost rose."
        )
        ServiceHealth.objects.create(service=service, ended=10, failed=5, median_seconds=7300)
    page = Browser(olga, language).get("/admin/catalog/service/").content.decode()

    list_width, room, name_width = measured(
        page,
        """() => {
            const list = document.querySelector("#result_list")
            const room = list.closest(".simplebar-content-wrapper")
            return [list, room, list.querySelector(".field-shown_name")].map(each => each.clientWidth)
        }""",
    )

    assert list_width <= room
    assert name_width >= 200

"""A new operator in a browser, by docs/operator.md: a second provider, prices, decisions, figures, staff.

Each refusal on the way is tried too, and says what to do.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from money.amounts import charge_for
from tests.conftest import CHROMIUM
from tests.site.books import books
from tests.site.customers import PASSWORD, Customer
from tests.site.desk import Desk
from tests.site.processes import PATIENCE_SECONDS, PROVIDER, RunningSite, running_site, wait_for
from tests.site.test_walk import ARGUMENTS
from upstream.sandbox import SandboxServer, Settings
from upstream.sandbox.catalogue import Service
from upstream.sandbox.faults import LOST
from upstream.sandbox.journal import Accepted

pytestmark = pytest.mark.needs_chromium

OPERATOR, SUPPORT, CUSTOMER = "olga@example.com", "sasha@example.com", "alice@example.com"
SECOND, KEY = "Harbour", "the-key-of-the-harbour"
RATE = Decimal(90)
BEGUN_WITH = Decimal(5000)

CATALOGUE = (
    Service(service=11, name="Channel followers", category="Channels", rate=Decimal(1), min=100, max=10_000),
    Service(service=12, name="Channel views", category="Channels", rate=Decimal("0.2"), min=100, max=10_000),
    Service(service=21, name="Clip likes", category="Clips", rate=Decimal("0.5"), min=100, max=10_000),
    Service(service=31, name="Poll votes", category="Polls", rate=Decimal("0.4"), min=100, max=10_000),
)
"""What the second provider sells: dollars per 1000, so 90, 18, 45 and 36 roubles."""

READ = """
import json
from orders.models import Order
print(json.dumps([
    [o.provider.name, o.provider_order_id, o.link, str(o.charge), str(o.cost_here), str(o.refunded)]
    for o in Order.objects.select_related("provider").order_by("pk")
]))
"""

OFFER = re.compile(
    r'href="/services/(?P<id>\d+)/">(?P<name>[^<]+)</a></td>\s*'
    r"<td[^>]*>(?P<price>[\d,.]+)\sRUB</td>\s*<td[^>]*>(?P<least>[\d,]+)</td>"
)
"""A row of the price list."""


@pytest.fixture
def second() -> Iterator[SandboxServer]:
    """The second provider: an account in dollars, with the classic answers, whose orders complete at once."""
    account = Settings(
        key=KEY,
        currency="USD",
        balance=Decimal(50),
        dialect="classic",
        services=0,
        life_seconds=1,
        spam_seconds=0,
        first_order=7001,
    )
    with SandboxServer(account) as server:
        for service in CATALOGUE:
            server.services[service.service] = service
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RunningSite]:
    """A site of the operator's own, with the provider that it began with."""
    # Orders' answers are looked for at once: nobody else orders at these providers.
    variables = {"LOST_ANSWER_MARGIN_SECONDS": "0", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    options = ("--life", "1", "--spam-seconds", "0")
    with running_site(tmp_path, sandbox_options=options, variables=variables) as started:
        yield started


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """A browser in which each person has a window of their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Walk:
    """Who and what the story is about."""

    site: RunningSite
    second: SandboxServer
    desk: Desk
    customer: Customer

    def price_list(self) -> dict[str, dict[str, str]]:
        """Return what a visitor is offered, by name: its id, price per 1000 and least quantity."""
        visitor = Customer(self.site.url, "")
        visitor.session.headers["Accept-Language"] = "en"
        return {row["name"]: row.groupdict() for row in OFFER.finditer(visitor.get("/services/"))}

    def prices(self) -> dict[str, Decimal]:
        """Return what a visitor would pay for the second provider's services; those on sale."""
        offers, named = self.price_list(), [service.name for service in CATALOGUE]
        return {name: amount(offers[name]["price"]) for name in named if name in offers}

    def service(self, name: str) -> int:
        """Return the id of a service on sale."""
        return int(self.price_list()[name]["id"])

    def ends(self, order: int) -> None:
        """Wait until the customer's page says that an order is completed."""
        completed = 'data-status="completed"'
        wait_for(lambda: completed in self.customer.get(f"/orders/{order}/"), f"its end\n{self.site.log()}")


def charge_of(offer: dict[str, str]) -> Decimal:
    """Return what the least order of an offer costs."""
    return charge_for(amount(offer["price"]), int(amount(offer["least"])))


def amount(shown: str) -> Decimal:
    """Return an amount as it is shown in English."""
    return Decimal(shown.replace(",", ""))


def window(chromium: Browser, complaints: list[str]) -> Page:
    """Open a window as wide as the guide's pictures; note the errors of its scripts."""
    page = chromium.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


def test_a_new_operator_runs_the_site(site: RunningSite, second: SandboxServer, chromium: Browser) -> None:
    complaints: list[str] = []
    site.manage("createsuperuser", "--no-input", "--email", OPERATOR)
    desk = Desk(window(chromium, complaints), site)
    walk = Walk(site, second, desk, Customer(site.url, CUSTOMER))
    desk.sign_in(OPERATOR, PASSWORD)

    connect_the_second_provider(walk)
    copy_the_catalogue(walk)
    look_at_what_it_sells(walk)
    enter_its_exchange_rate(walk)
    set_a_rule_for_the_provider(walk)
    set_a_rule_for_a_category(walk)
    set_a_price_by_hand(walk)
    hide_a_category(walk)

    let_a_customer_in(walk)
    lost = lose_an_answer(walk)
    settle_it(walk, lost)
    back = refund_another(walk)
    export_the_margin(walk, back)

    add_a_support_person(walk)
    see_that_support_changes_no_price(Desk(window(chromium, complaints), site), walk)
    see_that_the_money_is_right(walk, back)
    assert complaints == []


# --- A second provider ------------------------------------------------------------------------------------


def connect_the_second_provider(walk: Walk) -> None:
    """With a wrong address, then a wrong key, which the test of the connection tells; then rightly."""
    desk = walk.desk
    desk.open("/admin/catalog/provider/add/")
    desk.fill(calls_at_once="4", calls_per_second="20", low_balance="100")
    desk.choose(new_services="Held until somebody looked at it")
    desk.fill(name=SECOND, url="https://harbour.example/api/v2", new_key="a-wrong-key", currency="USD")
    desk.picture("provider", of="[name=name]")
    desk.fill(url="harbour.example/api/v2")
    desk.save()
    desk.says("The address begins with https:// or http://.")
    desk.fill(url=walk.second.url, new_key="a-wrong-key")
    desk.save()
    desk.says("was added successfully")

    desk.act("Ask for the balance now (test the connection)", SECOND)
    desk.says(f"{SECOND}: its balance is being asked for.")
    desk.says_in_time("/admin/catalog/provider/", "the key or the account is refused", "“Invalid API key”")
    desk.says_in_time("/admin/", "halted provider")
    desk.follow("halted provider")
    desk.open_row(SECOND)
    desk.says("Enter the right key above, and save: it is tried at once.")
    desk.fill(url=walk.second.url + "/", new_key="")
    desk.save()
    desk.says("Enter the key too: the one that is set is for its own address.")
    desk.fill(url=walk.second.url, new_key=KEY)
    desk.save()
    desk.says_in_time(f"/admin/catalog/provider/?q={SECOND}", "works", "50.00 USD")


def copy_the_catalogue(walk: Walk) -> None:
    """By the action; its run says what came, beside the one that failed for want of the key."""
    desk = walk.desk
    desk.open("/admin/catalog/provider/")
    desk.act("Copy the catalogue now", SECOND)
    desk.says(f"{SECOND}: its catalogue is being copied.")
    desk.says_in_time("/admin/catalog/syncrun/", "Done")
    desk.says("Failed: no catalogue came", "Invalid API key")
    desk.says_in_time("/admin/catalog/syncrun/?outcome__exact=done", SECOND)


def look_at_what_it_sells(walk: Walk) -> None:
    """New services wait for a look, as the provider was set; the desk leads to them."""
    desk = walk.desk
    desk.open("/admin/")
    desk.says("provider with a low balance")
    desk.follow("held services")
    expect(desk.row("Channel followers")).to_contain_text("not sold: held")
    desk.picture("held-services")
    desk.act("Let held services go on")
    desk.says("Channel followers goes on.")


def enter_its_exchange_rate(walk: Walk) -> None:
    """Without one nothing of it is sold, and each service says so; the site's own currency needs none."""
    desk = walk.desk
    desk.open("/admin/catalog/service/?q=Channel+followers")
    expect(desk.row("Channel followers")).to_contain_text("not sold: no exchange rate for USD")
    desk.open("/admin/catalog/exchangerate/add/")
    desk.fill(currency="RUB", rate="1")
    desk.save()
    desk.says("This is the site's own currency; it needs no rate.")
    desk.fill(currency="USD", rate="0")
    desk.save()
    desk.says("Ensure this value is greater than or equal to")
    desk.fill(currency="USD", rate=str(RATE))
    desk.save()
    desk.says("1 USD = 90 RUB")
    # At 30 percent, which is what a new site adds.
    assert walk.prices()["Channel followers"] == Decimal(117)
    desk.open("/admin/catalog/service/?q=Channel+followers")
    expect(desk.row("Channel followers")).to_contain_text("117.00 RUB")
    expect(desk.row("Channel followers")).not_to_contain_text("not sold")


# --- Prices -----------------------------------------------------------------------------------------------


def set_a_rule_for_the_provider(walk: Walk) -> None:
    """A half on top, in steps of five; seen before it is saved, and refused a second time."""
    desk, before = walk.desk, walk.prices()
    desk.open("/admin/catalog/pricerule/add/")
    desk.choose(scope="A provider's services")
    desk.fill(percent="50", step="5")
    desk.save()
    desk.says("Choose what the rule applies to, and nothing besides.")
    desk.choose(provider=SECOND)
    desk.save()
    desk.says(
        "4 of the 4 services it speaks of get another price.", "Orders that are placed keep their price."
    )
    desk.says("Prices change by +15.38 % to +28.21 %.")
    desk.picture("price-preview")
    assert walk.prices() == before
    desk.press("Save the rule")
    desk.says("was added successfully")
    assert walk.prices() == {
        "Channel followers": Decimal(135),
        "Channel views": Decimal(30),
        "Clip likes": Decimal(70),
        "Poll votes": Decimal(55),
    }
    desk.open("/admin/catalog/pricerule/add/")
    desk.choose(scope="A provider's services", provider=SECOND)
    desk.fill(percent="40")
    desk.save()
    desk.says("There is a rule for these services and these people already: change that one.")


def set_a_rule_for_a_category(walk: Walk) -> None:
    """Below the cost it is refused, with what would lose; with a markup and a least margin it is taken."""
    desk = walk.desk
    desk.open("/admin/catalog/pricerule/add/")
    desk.choose(scope="A category")
    desk.search_out("category", words="Clips")
    desk.fill(percent="-20")
    desk.save()
    desk.says(
        "Refused: 1 service would be sold below its cost. "
        "Raise the markup or the amount, or give it a rule of its own."
    )
    expect(desk.page.get_by_role("button", name="Save the rule")).to_have_count(0)
    desk.picture("price-refused")
    desk.follow("No, go back")
    desk.fill(percent="20", min_margin_percent="25")
    desk.save()
    desk.press("Save the rule")
    desk.says("was added successfully")
    assert walk.prices()["Clip likes"] == Decimal("56.25")


def set_a_price_by_hand(walk: Walk) -> None:
    """From the service's own page, which says afterwards why the price is what it is."""
    desk, service = walk.desk, walk.service("Channel followers")
    desk.open(f"/admin/catalog/service/{service}/change/")
    desk.follow("its own rule")
    desk.fill(fixed_price="80")
    desk.save()
    desk.says("Refused: 1 service would be sold below its cost.")
    desk.follow("No, go back")
    desk.fill(fixed_price="150")
    desk.save()
    desk.press("Save the rule")
    assert walk.prices()["Channel followers"] == Decimal(150)
    desk.open(f"/admin/catalog/service/{service}/change/")
    desk.follow("why this price")
    desk.says("Cost per 1000", "1 USD = 90 RUB", "Price by hand", "150.00 RUB")
    desk.picture("why-this-price")


def hide_a_category(walk: Walk) -> None:
    """It goes from the price list at once, and its services say why they are not sold."""
    desk = walk.desk
    assert walk.prices()["Poll votes"] == Decimal(55)
    desk.open("/admin/catalog/category/?q=Polls")
    desk.row("Polls").locator("[name$=is_hidden]").check()
    desk.picture("hide-category")
    desk.save()
    desk.says("1 category was changed successfully.")
    assert "Poll votes" not in walk.prices()
    desk.open("/admin/catalog/service/?q=Poll+votes")
    expect(desk.row("Poll votes")).to_contain_text("not sold: its category is hidden")


# --- Orders -----------------------------------------------------------------------------------------------


def let_a_customer_in(walk: Walk) -> None:
    """Somebody signs up; the operator puts money into their wallet, with a note."""
    walk.customer.sign_up()
    walk.site.manage("credit_wallet", CUSTOMER, str(BEGUN_WITH), "--note", "A first top-up")


def lose_an_answer(walk: Walk) -> int:
    """Three orders at the second provider, of which the answer to the middle one is lost."""
    views, followers = walk.service("Channel views"), walk.service("Channel followers")
    walk.ends(walk.customer.order(views, link="https://example.com/before", quantity=1000))
    walk.second.plan_next(life_seconds=3600)
    walk.second.script("add", LOST)
    lost = walk.customer.order(followers, link="https://example.com/lost", quantity=1000)
    walk.desk.says_in_time("/admin/orders/order/waiting/", f"Order {lost}: Uncertain")
    walk.ends(walk.customer.order(views, link="https://example.com/after", quantity=1000))
    return lost


def settle_it(walk: Walk, lost: int) -> None:
    """The desk leads to it, the search has found it; without a reason, an id or with another's: refused."""
    desk = walk.desk
    desk.open("/admin/")
    desk.says("uncertain order", "provider with a low balance")
    desk.picture("desk")
    desk.follow("uncertain order")
    desk.says("Waiting for a decision")
    desk.open(f"/admin/orders/order/{lost}/change/")
    desk.says("Settle…")
    desk.says_in_time("/admin/orders/order/waiting/", "Placed with id 7002")
    desk.says("No answer was read.", "Its id is above 7001 and below 7003.")
    desk.picture("waiting")
    desk.follow("Placed with another id…")
    desk.press("Continue…")
    desk.says("This field is required.", "Enter the id that the provider gave it.")
    desk.fill(provider_order_id="7001", why="The search found it.")
    desk.press("Continue…")
    desk.says("has this id already. Look up the right one in the provider's own list.")
    desk.fill(provider_order_id="7005")
    desk.press("Continue…")
    desk.says("The search did not find that this id fits the order. Look it up in the provider's own list.")
    desk.press("No, go back")
    desk.open("/admin/orders/order/waiting/")
    desk.follow("Placed with id 7002")
    desk.fill(why="The search found it, and the charge fits.")
    desk.picture("settle", of="[name=why]")
    desk.press("Continue…")
    desk.says("150.00 RUB stay paid.")
    desk.press("Settle it so")
    desk.says(f"Order {lost} is settled.", "The search found it, and the charge fits.")
    walk.second.end_order("7002", "Completed")
    walk.ends(lost)
    desk.open("/admin/orders/order/waiting/")
    desk.says("No order waits for a decision")


def refund_another(walk: Walk) -> Decimal:
    """An order at the first provider, found by its link: a part goes back, never more than was paid."""
    desk, link = walk.desk, "https://example.com/bad"
    ours = {service.name for service in CATALOGUE}
    offers = [offer for name, offer in walk.price_list().items() if name not in ours]
    charge, least, service = max(
        (charge_of(offer), int(amount(offer["least"])), offer["id"]) for offer in offers
    )
    order = walk.customer.order(int(service), link=link, quantity=least)
    walk.ends(order)
    back = (charge / 10).quantize(Decimal("0.00001"))
    desk.open(f"/admin/orders/order/?q={link}")
    desk.open_row(CUSTOMER)
    desk.follow("Give money back…")
    desk.fill(amount=str(charge + 1), why="")
    desk.press("Continue…")
    desk.says("This field is required.")
    # Beside the field, and as its refusal.
    expect(desk.page.get_by_text(re.compile(r"^\s*At most \S+\sRUB\.\s*$"))).to_have_count(2)
    desk.fill(amount=str(back), why="They left again within a day.")
    desk.press("Continue…")
    desk.says(f"{CUSTOMER}, at your own loss.", "Reason: They left again within a day.")
    desk.picture("refund")
    desk.press("Give it back")
    desk.says(f"are back in the wallet of {CUSTOMER}.", "They left again within a day.")
    return back


# --- Figures ----------------------------------------------------------------------------------------------


def export_the_margin(walk: Walk, back: Decimal) -> None:
    """Of the month; days in the wrong order or to come are refused. The sheet says what the orders say."""
    desk, today = walk.desk, datetime.now(UTC).date()
    desk.open("/admin/")
    desk.fill(first=str(today), last="2020-01-01")
    desk.press("Show")
    desk.says("Choose a day before the last one.")
    desk.fill(first=str(today.replace(day=1)), last=f"{today.year + 1}-01-01")
    desk.press("Show")
    desk.says("This day is still to come.")
    desk.fill(first=str(today.replace(day=1)), last=str(today))
    desk.press("Show")
    desk.picture("desk-figures", of="[name=first]")
    with desk.page.expect_download() as download:
        desk.follow("Margin as CSV")
    head, *_, total = list(csv.reader(download.value.path().read_text("utf-8-sig").splitlines()))
    assert download.value.suggested_filename == f"margin-{today.replace(day=1)}-{today}.csv"
    sums = dict(zip(head, total, strict=True))
    orders = orders_of(walk.site)
    turnover, cost = (sum(Decimal(order[column]) for order in orders) for column in (3, 4))
    seconds = [(Decimal(order[3]), Decimal(order[4])) for order in orders if order[0] == SECOND]
    assert seconds == [(Decimal(30), Decimal(18)), (Decimal(150), Decimal(90)), (Decimal(30), Decimal(18))]
    assert sum(Decimal(order[5]) for order in orders) == back
    assert (sums["Day"], sums["Orders"], sums["New customers"]) == ("Total", "4", "1")
    assert Decimal(sums["Turnover, RUB"]) == turnover
    assert Decimal(sums["Cost, RUB"]) == cost
    assert Decimal(sums["Refunds, RUB"]) == back
    assert Decimal(sums["Cost given back, RUB"]) == 0
    assert Decimal(sums["Margin, RUB"]) == turnover - cost - back


# --- Staff ------------------------------------------------------------------------------------------------


def add_a_support_person(walk: Walk) -> None:
    """By a role; a password that is too easy is refused."""
    desk = walk.desk
    desk.open("/admin/accounts/user/add/")
    desk.fill(email=SUPPORT, name="Sasha", password1="short", password2="short")
    desk.save()
    desk.says("This password is too short. It must contain at least 10 characters.")
    desk.fill(email=SUPPORT, name="Sasha", password1=PASSWORD, password2=PASSWORD)
    desk.save()
    desk.says("was added successfully")
    desk.tick("is_staff")
    desk.choose(groups="support")
    desk.picture("support-person", of="[name=groups]")
    desk.save()
    desk.says("was changed successfully")


def see_that_support_changes_no_price(desk: Desk, walk: Walk) -> None:
    """The menu offers none of it, and the addresses are refused with whom to ask."""
    desk.sign_in(SUPPORT, PASSWORD)
    menu = desk.page.locator("#nav-sidebar")
    expect(menu).to_contain_text("Orders")
    expect(menu).not_to_contain_text("Price rules")
    expect(menu).not_to_contain_text("Providers")
    prices = walk.prices()
    for page in ("pricerule/", "pricerule/add/", "pricerule/1/change/", "exchangerate/", "provider/"):
        answer = desk.page.goto(f"{desk.site.url}/admin/catalog/{page}")
        assert answer is not None
        assert answer.status == 403, page
        desk.says("Your role does not open this page. If it should, ask whoever runs this site for another.")
    desk.picture("refused")
    desk.open("/admin/margin.csv")
    desk.says("Your role does not open this page.")
    assert walk.prices() == prices


# --- The money --------------------------------------------------------------------------------------------


def see_that_the_money_is_right(walk: Walk, back: Decimal) -> None:
    """Our books prove themselves, and say of each provider what its own journal says."""
    assert "right" in walk.site.manage("audit_money")
    orders = orders_of(walk.site)
    journals = {PROVIDER: walk.site.journal(), SECOND: walk.second.journal.rows}
    for provider, rows in journals.items():
        accepted = {row.order: row.link for row in rows if isinstance(row, Accepted)}
        assert accepted == {order[1]: order[2] for order in orders if order[0] == provider}
    assert walk.second.balance == Decimal(50) - Decimal("0.2") - 1 - Decimal("0.2")
    spent = sum(Decimal(order[3]) for order in orders) - back
    assert Decimal(books(walk.site)["balances"][CUSTOMER]) == BEGUN_WITH - spent


def orders_of(site: RunningSite) -> list[list[str]]:
    """Return all orders: provider, its id, link, charge, cost, what went back."""
    read: list[list[str]] = json.loads(site.manage("shell", "-v", "0", "-c", READ).splitlines()[-1])
    return read

"""One run: start everything, let customers order while parts die, wait until all is settled, compare."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.chaos.breaking import POOL, Breaker
from tests.chaos.comparing import OPEN, Evidence, findings, lost_answers, too_few_found
from tests.chaos.planning import Plan, planned
from tests.chaos.reading import Standing, books_of, make_customers, services_of, standing_of
from tests.chaos.reporting import Timing, table
from tests.chaos.servers import Servers, own_servers
from tests.chaos.shopping import Shopper, Tally, all_at_once
from tests.site.customers import Customer
from tests.site.processes import RunningSite, running_site

Say = Callable[[str], None]

LOOK_SECONDS = 5.0
MARGIN_SECONDS = 3
WORKERS = 2
SLOW_SHARE_OF_LEASE = 1.2
SLOW_SPREAD = 0.5
"""Slow answers come before the attempt's lease ends, after it, and (of 20 s) after the client gave up."""

FAULTS = ("--error-before", "0.05", "--lost", "0.05", "--html", "0.02", "--slow", "0.02")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a run is made. `orders_per_second` is what customers would order on a site that takes no time.

    `life_seconds` is how long orders live at the provider, a fifth more or less: longer than a search for a
    lost one takes to begin, since the charge of what ended early tells no more whose it is. `on_servers`:
    with a PostgreSQL and a Redis of its own, which are crashed and emptied; else on SQLite and files.
    `found_share` of the lost orders are to be found. `patience_seconds` bounds each wait after ordering.
    """

    seed: int
    orders: int = 5000
    customers: int = 32
    orders_per_second: float = 30.0
    kill_every_seconds: float = 3.0
    most_kills: int | None = None
    on_servers: bool = True
    dialect: str = "classic"
    life_seconds: int = 100
    lease_seconds: int = 20
    poll_first_seconds: int = 25
    found_share: Decimal = Decimal("0.9")
    patience_seconds: float = 400.0
    log_to: Path | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to: its differences, none when all is well, and its counts."""

    differences: list[str]
    table: str


def run(form: Form, *, say: Say = lambda line: None) -> Result:
    """Run everything once. Whatever a part of the run itself raises is not caught."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="panel-chaos-")))
        servers = stack.enter_context(own_servers()) if form.on_servers else None
        site = stack.enter_context(_site(form, folder, servers))
        stack.callback(_keep_log, site, form)
        return _Run(form, site, servers, say).to_its_end()


def _keep_log(site: RunningSite, form: Form) -> None:
    if form.log_to is not None:
        form.log_to.write_text(site.log())


@contextmanager
def _site(form: Form, folder: Path, servers: Servers | None) -> Iterator[RunningSite]:
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
        "DATABASE_URL": servers.database_url if servers else "",
        "REDIS_URL": servers.redis_url if servers else "",
        "FORWARD_LEASE_SECONDS": str(form.lease_seconds),
        "FORWARD_BACKOFF_SECONDS": "1,2,5",
        "LOST_ANSWER_MARGIN_SECONDS": str(MARGIN_SECONDS),
        "POLL_FIRST_SECONDS": str(form.poll_first_seconds),
        "DUPLICATE_LINKS": "off",  # a link that comes twice here is meant
    }
    sandbox = (
        *("--seed", str(form.seed), "--dialect", form.dialect, "--life", str(form.life_seconds)),
        *("--balance", "1000000000", "--partial", "0.06", "--canceled", "0.04", "--verbosity", "2"),
        *("--slow-seconds", str(SLOW_SHARE_OF_LEASE * form.lease_seconds), "--slow-spread", str(SLOW_SPREAD)),
        *FAULTS,
    )
    web = ("--workers", "2", "--threads", "16") if servers else ("--threads", "8")
    # More calls at once than are ever under way: those of killed workers count for another 15 seconds.
    provider = ("--calls-at-once", "48", "--lost-answers", "adopt")
    with running_site(
        folder,
        sandbox_options=sandbox,
        provider_options=provider,
        web_options=web,
        workers=0,
        variables=variables,
    ) as site:
        for _ in range(WORKERS):
            site.start_worker(pool=POOL)
        yield site


class _Run:
    def __init__(self, form: Form, site: RunningSite, servers: Servers | None, say: Say) -> None:
        self._form = form
        self._site = site
        self._say = say
        self._tally = Tally()
        self._plans = planned(form.seed, services_of(site), orders=form.orders, customers=form.customers)
        self._shoppers = self._people()
        self._breaker = Breaker(
            site=site,
            servers=servers,
            progress=lambda: len(self._tally.told) / form.orders,
            kill_every_seconds=form.kill_every_seconds,
            most_kills=form.most_kills,
            empty_redis_at=[0.3, 0.7],
            crash_postgres_at=[0.5],
        )
        self._waits: list[str] = []

    def to_its_end(self) -> Result:
        timing = self._order_and_settle()
        # Nothing moves any more while it is compared.
        self._site.stop()
        evidence = Evidence(
            self._plans,
            self._tally.told,
            frozenset(self._tally.cancels),
            self._site.journal(),
            books_of(self._site),
        )
        lost = lost_answers(evidence)
        differences = [
            *self._tally.complaints,
            *self._breaker.faults,
            *self._waits,
            *findings(evidence),
            *too_few_found(lost, share=self._form.found_share),
            *_audited(self._site),
        ]
        counts = table(
            evidence,
            lost=lost,
            sent_again=self._tally.sent_again,
            broken=self._breaker,
            timing=timing,
            log=self._site.log(),
        )
        return Result(differences, counts)

    def _people(self) -> list[Shopper]:
        keys = make_customers(self._site, {plan.email: plan.money for plan in self._plans})
        return [self._shopper(plan, keys[plan.email]) for plan in self._plans]

    def _shopper(self, plan: Plan, session_key: str) -> Shopper:
        customer = Customer(self._site.url, plan.email)
        customer.session.cookies.set("sessionid", session_key)
        pause_seconds = self._form.customers / self._form.orders_per_second
        return Shopper(customer, plan, seed=self._form.seed, tally=self._tally, pause_seconds=pause_seconds)

    def _order_and_settle(self) -> Timing:
        began = time.monotonic()
        with self._breaker.at_work():
            all_at_once(self._shoppers)
            ordered = time.monotonic()
            self._say(f"ordered: {len(self._tally.told)} in {ordered - began:.0f} s")
            self._wait(_all_sent, "all orders to be sent")
            sent = time.monotonic()
        self._say(f"sent after {sent - began:.0f} s, {self._breaker.kills} kills")
        # The site goes on: only a later order's id tells where the search for the last lost ones ends.
        self._wait(_all_answered, "all attempts to have an outcome")
        time.sleep(MARGIN_SECONDS + 1)
        all_at_once(self._shoppers, later=True)
        self._wait(_all_settled, "all orders to be settled")
        return Timing(ordered - began, sent - ordered, time.monotonic() - sent)

    def _wait(self, is_over: Callable[[Standing], bool], what: str) -> None:
        """Look every few seconds; what is waited for in vain is a difference, and the rest goes on."""
        ends_at = time.monotonic() + self._form.patience_seconds
        while time.monotonic() < ends_at:
            if not self._breaker.is_at_work:
                self._breaker.replace_ended()
            standing = standing_of(self._site)
            self._say(str(standing))
            if is_over(standing):
                return
            time.sleep(LOOK_SECONDS)
        self._waits.append(f"waited {self._form.patience_seconds:.0f} s in vain for {what}: {standing}")


def _all_sent(standing: Standing) -> bool:
    # What is being sent now counts as sent: a slow answer, or a dead worker's, is waited for later.
    return not standing.count("queued")


def _all_answered(standing: Standing) -> bool:
    return not standing.open_attempts


def _all_settled(standing: Standing) -> bool:
    under_way = standing.count("queued", "sending", *OPEN) + standing.open_attempts
    # Those that wait for a later order's id may wait for ever: nobody orders any more.
    searched = sum(count for state, count in standing.searches.items() if state != "waiting")
    return not under_way and not searched


def _audited(site: RunningSite) -> list[str]:
    try:
        site.manage("audit_money")
    except AssertionError as wrong:
        return [f"audit_money: {line}" for line in str(wrong).splitlines()]
    return []

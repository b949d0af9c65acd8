"""Sites whose processes and servers the tests of this folder stop, kill and start again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.servers import Servers, own_servers
from tests.orders.conftest import provider, service, tasks  # noqa: F401 (fixtures of this folder too)
from tests.recovery.servers import OwnRedis, own_redis
from tests.site.processes import RunningSite, running_site

CALLS_AT_ONCE = 12
SLOW = ("--latency", "0.2", "--life", "600", "--spam-seconds", "0")


@pytest.fixture(scope="session")
def bare_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """A site with a database and a slow provider, whose worker and beat a test starts and ends."""
    folder: Path = tmp_path_factory.mktemp("bare")
    with running_site(
        folder,
        sandbox_options=SLOW,
        provider_options=("--calls-at-once", str(CALLS_AT_ONCE)),
        workers=0,
        web=False,
        beat=False,
        variables={"POLL_FIRST_SECONDS": "600"},  # the calls that are looked at are `add` alone
    ) as site:
        yield site


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[Servers]:
    """A PostgreSQL of the tests' own."""
    with own_servers() as servers:
        yield servers


@pytest.fixture(scope="session")
def broker() -> Iterator[OwnRedis]:
    """A Redis of the tests' own."""
    with own_redis() as server:
        yield server


@pytest.fixture(scope="session")
def served_site(
    tmp_path_factory: pytest.TempPathFactory, own_postgres: Servers, broker: OwnRedis
) -> Iterator[RunningSite]:
    """A whole site on servers of its own."""
    folder: Path = tmp_path_factory.mktemp("served")
    addresses = {"DATABASE_URL": own_postgres.database_url, "REDIS_URL": broker.url}
    options = ("--life", "600", "--spam-seconds", "0")
    with running_site(folder, sandbox_options=options, variables=addresses) as site:
        yield site

"""The environment that tests run in, set before settings are read (pyproject.toml loads it first)."""

import os
import tempfile

os.environ["ENV_FILE"] = os.devnull  # no test must reach what a real site is set to
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ["EMAIL_URL"] = "memorymail://"
os.environ["SITE_URL"] = "http://127.0.0.1:8000"
os.environ["SITE_CURRENCY"] = "RUB"
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="panel-tests-")
os.environ["STAFF_NEED_SECOND_FACTOR"] = "false"


def own_redis_database(url: str, worker: str) -> str:
    """Return a Redis address with another database for each of xdist's processes, "gw0" and so on.

    A test that empties the cache empties the whole database: no other process may count there.
    """
    address, _, number = url.rpartition("/")
    return f"{address}/{(int(number) + 1 + int(worker.removeprefix('gw'))) % 16}"


if os.environ.get("REDIS_URL") and os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["REDIS_URL"] = own_redis_database(os.environ["REDIS_URL"], os.environ["PYTEST_XDIST_WORKER"])

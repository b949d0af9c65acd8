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

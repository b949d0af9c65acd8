"""The settings as a process reads them at its start, each in an environment of its own."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.panel.processes import SECRET_KEY, environment, run, run_in_site
from tests.upstream.scripted import unused_url

SAY = """
import json
from panel import settings
print(json.dumps({name: getattr(settings, name) for name in %r}, default=str))
"""


def read(env: dict[str, str], *names: str) -> dict[str, Any]:
    """Return these settings as a process in this environment has them."""
    done = run("-c", SAY % (names,), env=env)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


# --- The secret key ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"SECRET_KEY": ""}, {"DEBUG": "false"}, {"DEBUG": ""}])
def test_without_a_key_nothing_starts(tmp_path: Path, given: dict[str, str]) -> None:
    done = run("manage.py", "check", env=environment(tmp_path, **given))

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: SECRET_KEY is not set. Set it in")
    assert "DEBUG=true" in last
    assert not (tmp_path / "secret_key").exists()


def test_in_debug_a_random_key_is_made_and_kept(tmp_path: Path) -> None:
    env = environment(tmp_path / "one", DEBUG="true")
    first, second = (read(env, "SECRET_KEY")["SECRET_KEY"] for _ in range(2))
    other = read(environment(tmp_path / "other", DEBUG="true"), "SECRET_KEY")["SECRET_KEY"]

    file = tmp_path / "one" / "secret_key"
    assert first == second == file.read_text()
    assert other != first
    assert len(first) >= 50
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_given_key_is_the_key_in_debug_too(tmp_path: Path) -> None:
    env = environment(tmp_path, DEBUG="true", SECRET_KEY=SECRET_KEY)

    assert read(env, "SECRET_KEY") == {"SECRET_KEY": SECRET_KEY}
    assert not (tmp_path / "secret_key").exists()


def test_processes_that_start_together_read_one_key(tmp_path: Path) -> None:
    env = environment(tmp_path, DEBUG="true")
    with ThreadPoolExecutor(max_workers=4) as pool:
        said = list(pool.map(lambda _: run("-c", SAY % (("SECRET_KEY",),), env=env), range(4)))

    assert [done.stderr for done in said] == [""] * 4
    assert len({done.stdout for done in said}) == 1
    assert [file.name for file in tmp_path.glob("secret_key*")] == ["secret_key"]


# --- What DATABASE_URL and REDIS_URL choose ---------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"DATABASE_URL": "", "REDIS_URL": ""}])
def test_without_servers_everything_lies_under_var_dir(tmp_path: Path, given: dict[str, str]) -> None:
    var_dir = tmp_path / "var+a #b%20c"
    env = environment(var_dir, SECRET_KEY=SECRET_KEY, **given)

    broker = ("CELERY_BROKER_URL", "CELERY_BROKER_TRANSPORT", "CELERY_BROKER_TRANSPORT_OPTIONS")
    chosen = read(env, "DATABASES", "CACHES", *broker, "STORAGES")

    database = chosen["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(var_dir / "panel.sqlite3")
    assert chosen["CACHES"]["default"]["BACKEND"] == "django.core.cache.backends.locmem.LocMemCache"
    assert chosen["CELERY_BROKER_URL"].startswith("filesystem:")
    assert chosen["CELERY_BROKER_TRANSPORT"] == "panel.broker:Transport"
    options = chosen["CELERY_BROKER_TRANSPORT_OPTIONS"]
    for name in ("data_folder_in", "data_folder_out", "data_folder_aside", "control_folder"):
        assert Path(options[name]).is_relative_to(var_dir)
        assert Path(options[name]).is_dir()
    assert Path(chosen["STORAGES"]["default"]["OPTIONS"]["location"]).is_relative_to(var_dir)


def test_servers_are_used_where_they_are_named(tmp_path: Path) -> None:
    env = environment(
        tmp_path,
        SECRET_KEY=SECRET_KEY,
        DATABASE_URL="postgres://someone:p%40ss@db.example.com:5433/panel",
        REDIS_URL="redis://redis.example.com:6379/1",
    )

    chosen = read(env, "DATABASES", "CACHES", "CELERY_BROKER_URL", "CELERY_BROKER_TRANSPORT_OPTIONS")

    database = chosen["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert [database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "panel",
        "someone",
        "p@ss",
        "db.example.com",
        5433,
    ]
    assert "init_command" not in database.get("OPTIONS", {})
    assert chosen["CACHES"]["default"]["LOCATION"] == chosen["CELERY_BROKER_URL"] == env["REDIS_URL"]
    assert chosen["CELERY_BROKER_TRANSPORT_OPTIONS"]["max_retries"] == 0
    assert not (tmp_path / "broker").exists()


def test_a_redis_that_is_down_takes_no_page_down(tmp_path: Path) -> None:
    address = unused_url().removeprefix("http://").partition("/")[0]
    env = environment(tmp_path, SECRET_KEY=SECRET_KEY, REDIS_URL=f"redis://{address}/0")

    said = run_in_site(
        "from django.core.cache import cache\n"
        "print(cache.get('a'), cache.set('a', 1), cache.add('b', 1), cache.get('a', 2), cache.delete('a'))",
        env=env,
    )

    assert said.returncode == 0, said.stderr
    assert said.stdout.split()[0] == "None"


def test_sqlite_waits_and_keeps_its_promises(tmp_path: Path) -> None:
    said = run_in_site(
        """
import json
from django.db import connection, transaction
with connection.cursor() as cursor:
    names = "journal_mode", "busy_timeout", "foreign_keys", "recursive_triggers", "synchronous"
    found = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    statements = []
    connection.connection.set_trace_callback(statements.append)
    with transaction.atomic():
        cursor.execute("SELECT 1")
print(json.dumps(found | {"begin": statements[0]}))
""",
        env=environment(tmp_path, SECRET_KEY=SECRET_KEY),
    )

    assert json.loads(said.stdout) == {
        "journal_mode": "wal",
        "busy_timeout": 30_000,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "synchronous": 1,
        "begin": "BEGIN IMMEDIATE",
    }


# --- What SITE_URL decides --------------------------------------------------------------------------------

BY_HTTPS = (
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "LANGUAGE_COOKIE_SECURE",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_PRELOAD",
)


@pytest.mark.parametrize(
    ("site_url", "secure"), [("https://panel.example.org/", True), ("http://1.2.3.4", False)]
)
def test_cookies_are_secure_where_the_site_is(tmp_path: Path, site_url: str, secure: bool) -> None:
    env = environment(tmp_path, SECRET_KEY=SECRET_KEY, SITE_URL=site_url)

    chosen = read(env, "SITE_URL", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SECURE_HSTS_SECONDS", *BY_HTTPS)

    assert {chosen[name] for name in BY_HTTPS} == {secure}
    assert (chosen["SECURE_HSTS_SECONDS"] > 0) == secure
    assert chosen["CSRF_TRUSTED_ORIGINS"] == [site_url.rstrip("/")] == [chosen["SITE_URL"]]
    assert chosen["ALLOWED_HOSTS"][0] == ("panel.example.org" if secure else "1.2.3.4")
    assert "*" not in chosen["ALLOWED_HOSTS"]


def test_a_forwarded_scheme_is_believed_only_behind_a_proxy(tmp_path: Path) -> None:
    plain = environment(tmp_path, SECRET_KEY=SECRET_KEY)

    assert read(plain, "SECURE_PROXY_SSL_HEADER") == {"SECURE_PROXY_SSL_HEADER": None}
    assert read(plain | {"BEHIND_PROXY": "true"}, "SECURE_PROXY_SSL_HEADER") == {
        "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"]
    }


def test_a_deployed_site_passes_djangos_own_checks(tmp_path: Path) -> None:
    env = environment(tmp_path, SECRET_KEY=SECRET_KEY, SITE_URL="https://panel.example.com")

    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", env=env)

    assert done.returncode == 0, done.stderr
    assert "System check identified no issues (0 silenced)." in done.stdout


def test_a_deployed_site_without_https_is_warned(tmp_path: Path) -> None:
    env = environment(tmp_path, SECRET_KEY=SECRET_KEY, SITE_URL="http://panel.example.com")

    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", env=env)

    assert done.returncode == 1
    assert "panel.W001" in done.stderr


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"SITE_CURRENCY": "roubles"}, "panel.E001"),
        ({"DEFAULT_MARKUP_PERCENT": "-5"}, "panel.E002"),
        ({"FORWARD_LEASE_SECONDS": "30"}, "panel.E003"),
    ],
)
def test_settings_that_make_no_sense_stop_a_command(
    tmp_path: Path, variables: dict[str, str], found: str
) -> None:
    done = run(
        "manage.py", "migrate", "--plan", env=environment(tmp_path, SECRET_KEY=SECRET_KEY, **variables)
    )

    assert done.returncode == 1
    assert found in done.stderr


def test_what_env_file_says_gives_way_to_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(f"SECRET_KEY={SECRET_KEY}\nSITE_NAME=From the file\nSITE_CURRENCY=USD\n")
    env = environment(tmp_path, ENV_FILE=str(file), SITE_CURRENCY="EUR")

    assert read(env, "SECRET_KEY", "SITE_NAME", "SITE_CURRENCY") == {
        "SECRET_KEY": SECRET_KEY,
        "SITE_NAME": "From the file",
        "SITE_CURRENCY": "EUR",
    }

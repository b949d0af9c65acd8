"""`make run`: the whole site on one machine, a sandbox provider included, until Ctrl-C.

Runs before the settings are read, because it makes what they need: `.env` with a random secret key.
"""

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import environ
from honcho import manager as honcho_manager
from honcho.manager import Manager

BASE_DIR = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
SANDBOX_KEY = "sandbox-key"
START_SECONDS = 90.0
ENDING_SECONDS = 90.0


def main() -> int:
    """Set up, run and tear down; returns the exit code, 0 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make run", description="Run the whole site on this machine.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--sandbox-port", type=int, help="default: the site's port and 1000")
    options = parser.parse_args()
    port, sandbox_port = options.port, options.sandbox_port or options.port + 1000
    for wanted, purpose in ((port, "the site"), (sandbox_port, "the sandbox provider")):
        if not 0 < wanted < 2**16:
            print(f"There is no port {wanted}, wanted for {purpose}. Try make run PORT=8000", file=sys.stderr)
            return 1
        if _is_taken(wanted):
            print(
                f"Port {wanted} is taken, wanted for {purpose}. Try make run PORT={port + 1}", file=sys.stderr
            )
            return 1
    os.umask(0o077)  # what the site writes is for its owner: the database, the demo's passwords
    prepare_environment(site_url=f"http://{HOST}:{port}")
    subprocess.run(_manage("migrate", "--verbosity", "0"), check=True)
    return _run(port, sandbox_port)


def prepare_environment(*, site_url: str) -> None:
    """Read `.env` into the environment, after writing a random SECRET_KEY to it if there is none.

    What the environment or `.env` says is kept; orders are asked about sooner than a real site would, and the
    demo's operator, whose password is printed, needs no second factor.
    """
    file = Path(os.environ.setdefault("ENV_FILE", str(BASE_DIR / ".env")))
    environ.Env.read_env(str(file), overwrite=False)
    if not os.environ.get("SECRET_KEY"):
        with open(file, "a", opener=lambda path, flags: os.open(path, flags, 0o600)) as lines:
            lines.write(f"SECRET_KEY={secrets.token_urlsafe(50)}\n")
        environ.Env.read_env(str(file), overwrite=False)
    os.environ.setdefault("SITE_URL", site_url)
    os.environ.setdefault("POLL_FIRST_SECONDS", "5")
    os.environ.setdefault("STAFF_NEED_SECOND_FACTOR", "false")
    os.environ.setdefault("PYTHONUNBUFFERED", "1")


def _run(port: int, sandbox_port: int) -> int:
    # A worker that is asked to end waits for the calls under way: honcho would kill it after five seconds.
    honcho_manager.KILL_WAIT = ENDING_SECONDS
    manager = Manager()
    for name, command in _processes(port, sandbox_port).items():
        manager.add_process(name, command, cwd=str(BASE_DIR))
    threading.Thread(target=_greet, args=(manager, port, sandbox_port), daemon=True).start()
    manager.loop()
    interrupted = manager.returncode == 128 + signal.SIGINT
    return 0 if interrupted else int(manager.returncode or 0)


def _processes(port: int, sandbox_port: int) -> dict[str, str]:
    python = sys.executable
    journal = Path(os.environ.get("VAR_DIR", str(BASE_DIR / "var"))) / "sandbox.jsonl"
    return {
        "provider": f"{python} manage.py sandbox_provider --port {sandbox_port} --key {SANDBOX_KEY} "
        f"--services 300 --life 60 --partial 0.15 --canceled 0.1 --journal '{journal}'",
        "web": f"{python} -m gunicorn panel.wsgi --bind {HOST}:{port} --threads 8 --log-level warning",
        "worker": f"{python} -m celery -q -A panel worker --pool threads --concurrency 8",
        "beat": f"{python} -m celery -q -A panel beat",
    }


def _greet(manager: Manager, port: int, sandbox_port: int) -> None:
    """Load the demo data once everything answers, and say how to log in; stop everything if that fails."""
    url = f"http://{HOST}:{sandbox_port}/api/v2"
    demo = _manage("demo", "--url", url, "--key", SANDBOX_KEY, "--wait", "30")
    if not _answers(f"http://{HOST}:{port}/healthz"):
        print("The web server does not answer.", file=sys.stderr)
        manager.terminate()
        return
    said = subprocess.run(demo, capture_output=True, text=True, check=False)
    if said.returncode:
        print(said.stderr, file=sys.stderr)
        manager.terminate()
        return
    print(f"\nThe site is at {os.environ['SITE_URL']}\n{said.stdout}Ctrl-C ends it.\n", flush=True)


def _answers(url: str) -> bool:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 (our own address)
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _manage(*words: str) -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py"), *words]


if __name__ == "__main__":
    sys.exit(main())

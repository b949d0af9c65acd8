"""`make run`: everything by one command, without servers; Ctrl-C ends it, a second start goes on."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.site.customers import Customer, hidden_fields
from tests.site.processes import ROOT, unused_port, wait_for


@contextmanager
def running(folder: Path, *, port: int, sandbox_port: int) -> Iterator[Path]:
    """Run what `make run` runs, in a folder, until the block ends; yields the file it prints to."""
    log = folder / "run.log"
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "ENV_FILE": str(folder / ".env"),
        "VAR_DIR": str(folder / "var"),
        "STATIC_ROOT": str(folder / "static"),
    }
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    subprocess.run(collect, cwd=ROOT, env=env | {"SECRET_KEY": "to-collect"}, check=True)
    words = ["-m", "panel.running", "--port", str(port), "--sandbox-port", str(sandbox_port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(lambda: "Operator:" in log.read_text() or process.poll() is not None, "the logins")
        assert process.poll() is None, log.read_text()
        yield log
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)
    assert code == 0, log.read_text()


def logins(log: Path) -> dict[str, tuple[str, str]]:
    """Return the printed logins: who, e-mail address and password."""
    found = re.findall(r"^(Customer|Operator): (\S+)  password: (\S+)", log.read_text(), re.MULTILINE)
    return {who: (email, password) for who, email, password in found}


def logged_in(base: str, login: tuple[str, str]) -> Customer:
    """Return a session of somebody who logged in by the form."""
    person = Customer(base, login[0])
    answer = person.post("/login/", login=login[0], password=login[1])
    assert answer.ok
    assert "sessionid" in person.session.cookies, answer.text
    return person


def test_everything_runs_by_one_command_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    port, sandbox_port = unused_port(), unused_port()
    base = f"http://127.0.0.1:{port}"
    with running(tmp_path, port=port, sandbox_port=sandbox_port) as log:
        first = logins(log)
        customer = logged_in(base, first["Customer"])
        assert "/orders/3/" in customer.get("/orders/"), "the demo's orders are there"
        assert "/orders/new/" in customer.get("/services/")
        operator = logged_in(base, first["Operator"])
        assert "/admin/orders/order/3/change/" in operator.get("/admin/orders/order/")
        service = re.search(r"/orders/new/\?service=(\d+)", customer.get("/services/"))
        assert service
        page = f"/orders/new/?service={service[1]}"
        assert "request_id" in hidden_fields(customer.get(page))
    for closed in (port, sandbox_port):
        assert not _listens(closed), "Ctrl-C ends all of it"
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0, "the secret key is the owner's alone"
    with running(tmp_path, port=port, sandbox_port=sandbox_port) as log:
        assert logins(log) == first
        assert "/orders/4/" not in logged_in(base, first["Customer"]).get("/orders/"), (
            "the data stays as it was"
        )


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    port = unused_port()
    with socket.create_server(("127.0.0.1", port)):
        env = {"PATH": os.environ["PATH"], "ENV_FILE": str(tmp_path / ".env"), "VAR_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "panel.running", "--port", str(port)],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert not (tmp_path / ".env").exists()


def _listens(port: int) -> bool:
    try:
        requests.get(f"http://127.0.0.1:{port}/", timeout=1)
    except requests.ConnectionError:
        return False
    return True

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from operations.jobs import begin, end
from operations.models import JobRun

PAGE = "/admin/operations/jobrun/"
SEND = "orders.tasks.forward_every_provider"


@pytest.fixture(autouse=True)
def _in_english(client: Browser) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def shown(browser: Browser, page: str = PAGE) -> str:
    answer = browser.get(page)
    assert answer.status_code == 200
    return answer.content.decode()


def row(text: str, name: str) -> str:
    return text.partition(f'id="job-{name}"')[2].partition("</tr>")[0]


def test_every_job_of_the_schedule_is_there(operator: Browser, settings: Any) -> None:
    text = shown(operator)

    for name in settings.CELERY_BEAT_SCHEDULE:
        assert "never" in row(text, name), name


def test_a_run_is_shown_with_what_came_of_it(operator: Browser) -> None:
    began_at = timezone.now() - timedelta(minutes=10)
    with time_machine.travel(began_at, tick=False) as moment:
        begin(SEND, run_id="a", worker="w")
        moment.shift(timedelta(seconds=1.5))
        end(SEND, run_id="a", error=ValueError("<script>alert(1)</script>"))

    text = row(shown(operator), "forward-due-orders")

    assert "Send orders" in text
    assert "10\xa0minutes ago" in text
    assert "1.5 s" in text
    assert "Failed: ValueError: &lt;script&gt;alert(1)" in text
    assert "late" in text


def test_a_job_is_run_now(operator: Browser, commits: Any) -> None:
    with commits as sent:
        answer = operator.post(f"{PAGE}run/forward-due-orders/")

    assert answer.headers["Location"] == PAGE
    assert sent == [(SEND, ())]
    assert [SEND in str(message) for message in get_messages(answer.wsgi_request)] == [True]


def test_nothing_else_is_run(operator: Browser, commits: Any) -> None:
    with commits as sent:
        assert operator.post(f"{PAGE}run/orders.tasks.forward_provider/").status_code == 404
        assert operator.get(f"{PAGE}run/forward-due-orders/").status_code == 405

    assert sent == []


@pytest.mark.parametrize(("right", "status"), [("view_jobrun", 403), ("change_jobrun", 302)])
def test_who_may_run(client: Browser, sasha: User, commits: Any, right: str, status: int) -> None:
    rights = {"view_jobrun", right}
    sasha.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(sasha)

    assert ("Run now" in shown(client)) is (status == 302)
    with commits as sent:
        assert client.post(f"{PAGE}run/forward-due-orders/").status_code == status
    assert bool(sent) is (status == 302)


@pytest.mark.parametrize("page", ["add/", "{}/change/", "{}/delete/"])
def test_runs_are_not_written_by_hand(operator: Browser, page: str) -> None:
    begin(SEND, run_id="a", worker="w")
    run = JobRun.objects.get()

    assert operator.post(PAGE + page.format(run.pk), {"task": "x", "post": "yes"}).status_code == 403
    assert JobRun.objects.get().task == SEND


# --- The banner on every page of admin --------------------------------------------------------------------


@pytest.mark.parametrize("page", [PAGE, "/admin/", "/admin/catalog/provider/"])
def test_every_page_says_that_no_worker_runs(operator: Browser, page: str) -> None:
    assert "No worker has ever run: orders are not being sent" in shown(operator, page)

    begin(SEND, run_id="a", worker="w")
    assert "No worker has" not in shown(operator, page)

    JobRun.objects.update(started_at=timezone.now() - timedelta(minutes=3))
    assert "No worker has run since" in shown(operator, page)


def test_customers_are_told_nothing_of_workers(client: Browser, alice: User) -> None:
    client.force_login(alice)

    for page in ("/", "/admin/"):
        assert "No worker" not in client.get(page, follow=True).content.decode()

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from operations.alerting import raise_alert
from operations.models import Alert

ALERTS = "/admin/operations/alert/"


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def make_alert(cause: str = "order:1", text: str = "words") -> Alert:
    raise_alert(Alert.Kind.ORDER_HELD, cause=cause, text=text)
    return Alert.objects.get(cause=cause)


def close(browser: Browser, *alerts: Alert) -> list[str]:
    browser.cookies.pop("messages", None)  # what earlier actions said
    data = {"action": "close", "_selected_action": [alert.pk for alert in alerts]}
    return [str(message) for message in get_messages(browser.post(ALERTS, data).wsgi_request)]


def test_alerts_are_listed_and_found(operator: Browser) -> None:
    make_alert("order:1", "<b>held</b>")
    make_alert("provider:2", "halted")

    shown = operator.get(ALERTS, {"q": "held"}).content.decode()

    assert "&lt;b&gt;held&lt;/b&gt;" in shown
    assert "provider:2" not in shown


def test_an_alert_is_read_in_ones_language_and_leads_to_what_it_is_about(operator: Browser) -> None:
    text = "Order %(id)s is placed."  # which is translated
    raise_alert(Alert.Kind.ORDER_HELD, cause="order:7", text=text, id="<b>7</b>")
    make_alert("audit", "100% %(id)s")
    page = f"{ALERTS}{Alert.objects.get(cause='order:7').pk}/change/"

    for address in (ALERTS, page):
        shown = operator.get(address).content.decode()
        assert "Order &lt;b&gt;7&lt;/b&gt; is placed." in shown
        assert 'href="/admin/orders/order/7/change/"' in shown
        in_russian = operator.get(address, headers={"Accept-Language": "ru"}).content.decode()
        assert "Заказ &lt;b&gt;7&lt;/b&gt; оформлен." in in_russian
    shown = operator.get(ALERTS).content.decode()
    assert "100% %(id)s" in shown
    assert "%(id)s is placed" not in shown


def test_open_and_closed_are_told_apart(operator: Browser) -> None:
    make_alert("order:1")
    Alert.objects.update(closed_at=timezone.now())
    make_alert("order:2")

    shown = operator.get(ALERTS, {"closed_at__isempty": "1"}).content.decode()

    assert "order:2" in shown
    assert "order:1" not in shown


def test_closing(operator: Browser) -> None:
    first, second, third = make_alert("order:1"), make_alert("order:2"), make_alert("order:3")

    assert close(operator, first) == ["1 alert closed."]
    closed_at = Alert.objects.get(pk=first.pk).closed_at
    assert close(operator, first, second) == ["1 alert closed."]

    assert Alert.objects.get(pk=first.pk).closed_at == closed_at
    assert list(Alert.objects.filter(closed_at=None)) == [third]


@pytest.mark.parametrize(("right", "open_after"), [("view_alert", 1), ("change_alert", 0)])
def test_who_may_close(client: Browser, sasha: User, right: str, open_after: int) -> None:
    alert = make_alert()
    sasha.user_permissions.set(Permission.objects.filter(codename=right))
    client.force_login(sasha)

    close(client, alert)

    assert Alert.objects.filter(closed_at=None).count() == open_after


@pytest.mark.parametrize("page", ["add/", "{}/change/", "{}/delete/"])
def test_an_alert_is_not_written_by_hand(operator: Browser, page: str) -> None:
    alert = make_alert()
    data = {"kind": alert.kind, "cause": "x", "text": "x", "times": 1, "post": "yes"}

    assert operator.post(ALERTS + page.format(alert.pk), data).status_code == 403
    assert list(Alert.objects.values_list("cause", "text")) == [("order:1", "words")]

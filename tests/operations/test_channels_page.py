from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from operations.alerting import raise_alert
from operations.channels import save_channel
from operations.models import Alert, AlertChannel, AlertDelivery

PAGE = "/admin/operations/alertchannel/"
ADDRESS = "json://1.1.1.1/t0ken"


def make_channel() -> AlertChannel:
    channel = AlertChannel(name="Hook")
    save_channel(channel, address=ADDRESS)
    return channel


def form(**fields: Any) -> dict[str, Any]:
    return {"name": "Hook", "is_on": "on", "new_address": ADDRESS, **fields}


def errors(answer: Any) -> dict[str, Any]:
    return dict(answer.context["adminform"].form.errors)


def test_a_channel_is_added_with_the_kinds_chosen(operator: Browser) -> None:
    operator.post(f"{PAGE}add/", form(kinds=["order_held", "low_balance"]))

    channel = AlertChannel.objects.get()
    assert (channel.name, channel.is_on, channel.address) == ("Hook", True, ADDRESS)
    assert channel.kinds == ["order_held", "low_balance"]


@pytest.mark.parametrize("address", ["", "syslog://", "nonsense", "json://"])
def test_an_address_is_needed_and_one_that_can_be_sent_to(operator: Browser, address: str) -> None:
    answer = operator.post(f"{PAGE}add/", form(new_address=address))

    assert list(errors(answer)) == ["new_address"]
    assert not AlertChannel.objects.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "[::1]"])
def test_an_address_inside_is_refused_with_what_to_do(operator: Browser, host: str) -> None:
    answer = operator.post(f"{PAGE}add/", form(new_address=f"json://{host}/t0ken"))

    assert "ALERTS_TO_INNER_ADDRESSES" in str(errors(answer)["new_address"])
    assert "t0ken" not in answer.content.decode()
    assert not AlertChannel.objects.exists()


def test_an_address_inside_is_taken_where_the_site_lets_it(operator: Browser, settings: Any) -> None:
    settings.ALERTS_TO_INNER_ADDRESSES = True

    operator.post(f"{PAGE}add/", form(new_address="json://127.0.0.1/t0ken"))

    assert AlertChannel.objects.get().address == "json://127.0.0.1/t0ken"


def test_the_address_is_never_shown_again(operator: Browser) -> None:
    channel = make_channel()

    for page in (PAGE, f"{PAGE}{channel.pk}/change/"):
        assert "t0ken" not in operator.get(page).content.decode()
    answer = operator.post(f"{PAGE}{channel.pk}/change/", form(name="", new_address="json://h/other-t0ken"))
    assert list(errors(answer)) == ["name"]
    assert "t0ken" not in answer.content.decode()


def test_an_address_left_blank_stays(operator: Browser) -> None:
    channel = make_channel()

    operator.post(f"{PAGE}{channel.pk}/change/", form(name="Another", new_address="", is_on=""))
    channel = AlertChannel.objects.get()
    assert (channel.name, channel.is_on, channel.address) == ("Another", False, ADDRESS)

    operator.post(f"{PAGE}{channel.pk}/change/", form(new_address="json://1.1.1.1/other"))
    assert AlertChannel.objects.get().address == "json://1.1.1.1/other"


def test_one_whose_address_cannot_be_read_breaks_no_page(operator: Browser) -> None:
    channel = make_channel()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE operations_alertchannel SET address = 'x'")

    for page in (PAGE, f"{PAGE}{channel.pk}/change/"):
        assert operator.get(page).status_code == 200


def test_one_is_deleted_with_what_is_known_of_its_messages(operator: Browser) -> None:
    channel = make_channel()
    raise_alert(Alert.Kind.ORDER_HELD, cause="order:1", text="…")
    AlertDelivery.objects.create(alert=Alert.objects.get(), channel=channel, sent_at=timezone.now())

    operator.post(f"{PAGE}{channel.pk}/delete/", {"post": "yes"})

    assert not AlertChannel.objects.exists()
    assert Alert.objects.exists()


def test_a_test_is_sent_by_a_worker(operator: Browser, commits: Any) -> None:
    channel = make_channel()

    with commits as sent:
        operator.post(PAGE, {"action": "send_test", "_selected_action": [channel.pk]})

    assert sent == [("operations.tasks.test_channel", (channel.pk,))]


def test_who_may_only_look_sends_none(client: Browser, sasha: User, commits: Any) -> None:
    channel = make_channel()
    sasha.user_permissions.set(Permission.objects.filter(codename="view_alertchannel"))
    client.force_login(sasha)

    with commits as sent:
        client.post(PAGE, {"action": "send_test", "_selected_action": [channel.pk]})

    assert sent == []
    assert client.post(f"{PAGE}{channel.pk}/change/", form(name="x")).status_code == 403


def test_every_kind_can_be_chosen(operator: Browser) -> None:
    text = operator.get(f"{PAGE}add/").content.decode()

    for kind in Alert.Kind:
        assert f'value="{kind.value}"' in text

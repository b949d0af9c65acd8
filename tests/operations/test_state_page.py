import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from accounts.models import User
from operations.maintenance import closed_because
from operations.models import SiteState

PAGE = "/admin/operations/sitestate/"


def test_orders_are_stopped_and_taken_again(operator: Browser) -> None:
    assert operator.get(PAGE).status_code == 200
    assert closed_because() is None

    operator.post(PAGE, {"reason_ru": "Переезд", "reason_en": "We are moving"})
    assert closed_because() in ("Переезд", "We are moving")

    operator.post(PAGE, {"takes_orders": "on", "reason_ru": "Переезд", "reason_en": "We are moving"})
    assert closed_because() is None
    assert SiteState.objects.count() == 1


@pytest.mark.parametrize(("right", "status"), [("view_sitestate", 403), ("change_sitestate", 302)])
def test_who_may_stop_them(client: Browser, sasha: User, right: str, status: int) -> None:
    sasha.user_permissions.set(Permission.objects.filter(codename=right))
    client.force_login(sasha)

    assert client.post(PAGE, {"reason_ru": "", "reason_en": ""}).status_code == status
    assert (closed_because() is None) is (status == 403)

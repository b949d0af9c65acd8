from itertools import product
from typing import Any

from catalog.models import ON_SALE, Category, Provider, Service
from catalog.selling import let_go_on, why_not_sold
from operations.alerting import raise_alert
from operations.models import Alert
from tests.factories import make_provider, make_service


def test_the_reason_agrees_with_the_rule(db: None) -> None:
    active, idle = make_provider(), make_provider(is_active=False)
    shown, hidden = Category.objects.create(name="a"), Category.objects.create(name="b", is_hidden=True)
    choices: dict[str, list[Any]] = {
        "provider": [active, idle],
        "category": [shown, hidden],
        "is_listed": [True, False],
        "is_hidden": [False, True],
        "held_text": ["", "odd"],
        "type": ["Default", "Package", "Poll"],
        "price": [1, None],
    }
    for values in product(*choices.values()):
        make_service(**dict(zip(choices, values, strict=True)))

    sold = set(Service.objects.filter(ON_SALE).values_list("pk", flat=True))

    assert len(sold) == 2
    for service in Service.objects.select_related("provider", "category"):
        assert (why_not_sold(service) == "") == (service.pk in sold)


def test_a_held_service_goes_on(provider: Provider) -> None:
    service = make_service(provider, held_text="odd")
    raise_alert(Alert.Kind.SERVICE_STOPPED, cause=f"service:{service.pk}", text="odd")

    assert let_go_on(service)
    assert not let_go_on(service)

    assert Service.objects.get().held_text == ""
    assert not Alert.objects.filter(closed_at=None).exists()

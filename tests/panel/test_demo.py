"""The demo data, against a sandbox provider on a socket."""

import pytest

from accounts.models import User
from catalog.models import Provider
from orders.models import Order
from panel.demo import CUSTOMER, OPERATOR, load_demo
from upstream.sandbox import SandboxServer, Settings
from wallet.statement import balance_of


@pytest.mark.django_db
def test_a_second_load_changes_nothing() -> None:
    with SandboxServer(Settings(services=200)) as sandbox:
        first = load_demo(url=sandbox.url, key=sandbox.key)
        customer, operator = User.objects.get(email=CUSTOMER), User.objects.get(email=OPERATOR)
        held, placed = balance_of(customer), Order.objects.count()
        again = load_demo()

    assert (again.customer, again.operator) == (first.customer, first.operator)
    assert customer.check_password(first.customer.password)
    assert (customer.is_staff, operator.is_superuser) == (False, True)
    assert placed == 3
    assert (balance_of(customer), Order.objects.count()) == (held, placed)
    assert [(one.url, one.key) for one in Provider.objects.all()] == [(sandbox.url, sandbox.key)]

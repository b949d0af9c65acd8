"""Admin's lists of tables that grow without end: no count of all rows, and few statements."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts.admin_lists import NewestPaginator
from orders.models import Order
from tests.factories import fill_table
from tests.panel.test_admin_site import address, fill

LONG = (
    *("orders.Order", "orders.Attempt", "orders.OrderEvent", "orders.LostAnswer", "orders.Candidate"),
    *("orders.DayTotals", "wallet.Transfer", "wallet.Entry", "wallet.LedgerAccount"),
    *("catalog.Service", "accounts.User", "account.EmailAddress", "operations.Alert", "operations.JobRun"),
)
MOST_STATEMENTS = 15


@pytest.mark.parametrize("name", LONG)
def test_no_list_counts_its_whole_table(operator: Browser, name: str) -> None:
    fill(3)
    model = apps.get_model(name)
    assert issubclass(admin.site.get_model_admin(model).paginator, NewestPaginator)

    with CaptureQueriesContext(connection) as asked:
        assert operator.get(address(model, "changelist")).status_code == 200

    counts = [one["sql"] for one in asked if "COUNT(" in one["sql"].upper()]
    table = model._meta.db_table
    assert not [sql for sql in counts if table in sql and not re.search(r"LIMIT \d+\)", sql)], counts
    assert len(asked) <= MOST_STATEMENTS


@pytest.mark.tampers
def test_a_list_of_more_than_it_counts(operator: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NewestPaginator, "most", 100)
    fill(1)
    fill_table([{"provider_order_id": None}] * 150, like=Order.objects.get())

    page = operator.get("/admin/orders/order/?p=2")

    assert page.status_code == 200
    assert page.context["cl"].result_count == 100
    assert operator.get("/admin/orders/order/?p=3").status_code in (200, 302)

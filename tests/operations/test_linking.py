import pytest

from operations.linking import page_of
from operations.models import Alert


@pytest.mark.parametrize(
    ("cause", "page"),
    [
        ("order:7", "/admin/orders/order/7/change/"),
        ("order:7:placed_late", "/admin/orders/order/7/change/"),
        ("provider:3", "/admin/catalog/provider/3/change/"),
        ("provider:3:currency", "/admin/catalog/provider/3/change/"),
        ("service:12", "/admin/catalog/service/12/change/"),
        ("user:5", "/admin/accounts/user/5/change/"),
        ("job:orders.tasks.expire_attempts", "/admin/operations/jobrun/"),
        ("rate:USD", "/admin/catalog/exchangerate/"),
    ],
)
def test_a_cause_leads_to_its_page(cause: str, page: str) -> None:
    assert page_of(Alert(cause=cause)) == page


@pytest.mark.parametrize("cause", ["audit", "", "order", "order:", "order:x", "order:-1", "x:1", "order:1x"])
def test_another_cause_leads_nowhere(cause: str) -> None:
    assert page_of(Alert(cause=cause)) == ""

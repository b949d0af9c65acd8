"""Orders as a sheet."""

from accounts.sheet_columns import Moment, Number, Sheet, column
from orders.models import Order


class OrderSheet(Sheet):
    """Orders; `provider_charge` is in `provider_currency`, all other amounts are in the site's."""

    id = column("id")
    created_at = column("created_at", widget=Moment())
    status = column("status")
    customer = column("customer", "customer__email")
    service = column("service", "service_id")
    service_name = column("service_name", "service__name")
    provider = column("provider", "provider__name")
    provider_order_id = column("provider_order_id")
    link = column("link")
    quantity = column("quantity")
    remains = column("remains")
    price = column("price", widget=Number())
    charge = column("charge", widget=Number())
    refunded = column("refunded", widget=Number())
    cost_here = column("cost_here", widget=Number())
    provider_charge = column("provider_charge", widget=Number())
    provider_currency = column("provider_currency", "provider__currency")
    sent_at = column("sent_at", widget=Moment())
    ended_at = column("ended_at", widget=Moment())

    class Meta:
        model = Order

"""What a running site's database holds, read by a command of the site itself."""

import json
from typing import Any

from tests.site.processes import RunningSite

READ = """
import json
from catalog.models import ON_SALE, Service
from orders.models import Order
from wallet.models import LedgerAccount
services = Service.objects.filter(ON_SALE).order_by("-price")
print(json.dumps({
    "services": [[s.pk, s.provider_service_id, s.min_quantity, str(s.price), str(s.cost)] for s in services],
    "orders": [
        [o.pk, o.customer.email, o.status, o.provider_order_id, o.quantity, str(o.charge), str(o.refunded),
         o.link]
        for o in Order.objects.select_related("customer").order_by("pk")
    ],
    "balances": {a.owner.email: str(a.balance) for a in LedgerAccount.objects.exclude(owner=None)},
}))
"""


def books(site: RunningSite) -> dict[str, Any]:
    """Return what the site's database holds."""
    read: dict[str, Any] = json.loads(site.manage("shell", "-v", "0", "-c", READ).splitlines()[-1])
    return read

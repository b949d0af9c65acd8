"""An index for whether a link has an open order of a service."""

from django.db import migrations, models

import orders.links


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_lost_answers")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                models.F("service"),
                orders.links.LinkStart("link"),
                condition=models.Q(("ended_at__isnull", True)),
                name="orders_order_open_link",
            ),
        ),
    ]

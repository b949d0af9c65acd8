"""An index for staff's search for a link."""

from django.db import migrations, models

import orders.links


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        # Serves `orders/admin.py`: WHERE SUBSTR(link, 1, 200) = … AND SUBSTR(link, 201) = …. The start alone is held,
        # for PostgreSQL's trees take no row above 2,704 bytes and a link may have 2,048 characters.
        migrations.AddIndex(
            model_name="order",
            index=models.Index(orders.links.LinkStart("link"), name="orders_order_link_start"),
        ),
    ]

"""The provider's balance around an attempt, and which attempts began after its end."""

from django.db import migrations, models

import money.fields


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_find_orders_by_link")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="balance_after",
            field=money.fields.MoneyField(blank=True, null=True, verbose_name="balance after"),
        ),
        migrations.AddField(
            model_name="attempt",
            name="balance_after_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="balance after asked at"),
        ),
        migrations.AddField(
            model_name="attempt",
            name="balance_after_text",
            field=models.CharField(blank=True, max_length=100, verbose_name="balance after, as answered"),
        ),
        migrations.AddField(
            model_name="attempt",
            name="balance_before",
            field=money.fields.MoneyField(blank=True, null=True, verbose_name="balance before"),
        ),
        migrations.AddField(
            model_name="attempt",
            name="balance_before_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="balance before asked at"),
        ),
        migrations.AddField(
            model_name="attempt",
            name="balance_before_text",
            field=models.CharField(blank=True, max_length=100, verbose_name="balance before, as answered"),
        ),
        migrations.AddField(
            model_name="attempt",
            name="last_seen",
            field=models.BigIntegerField(
                blank=True,
                help_text="Later ones began after this one had ended, whatever the machines' clocks say.",
                null=True,
                verbose_name="newest attempt at its end",
            ),
        ),
    ]

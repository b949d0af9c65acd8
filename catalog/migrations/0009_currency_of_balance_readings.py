"""A reading keeps the currency that it was read in: those before are taken for what their provider has now."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_currencies(apps, schema_editor):
    alias = schema_editor.connection.alias
    providers = apps.get_model("catalog", "Provider").objects.using(alias)
    readings = apps.get_model("catalog", "BalanceReading").objects.using(alias)
    now = providers.filter(pk=OuterRef("provider")).values("currency")
    readings.order_by().update(currency=Subquery(now))


class Migration(migrations.Migration):
    dependencies = [("catalog", "0008_default_banned_words")]

    operations = [
        migrations.AddField(
            model_name="balancereading",
            name="currency",
            field=models.CharField(default="", max_length=3, verbose_name="currency"),
            preserve_default=False,
        ),
        migrations.RunPython(name_currencies, migrations.RunPython.noop),
    ]

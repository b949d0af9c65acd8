"""A rule speaks of everything, a provider, a category or a service, and of everybody, a group or a customer."""

import django.db.models.deletion
from django.db import migrations, models


def name_targets(apps, schema_editor):
    rules = apps.get_model("catalog", "PriceRule").objects.using(schema_editor.connection.alias)
    for rule in rules.all():
        rule.target = f"{rule.scope}:{rule.service_id or ''} group:"
        rule.save(update_fields=["target"])


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_taught_texts")]

    operations = [
        migrations.RemoveConstraint(model_name="pricerule", name="catalog_pricerule_one_for_everything"),
        migrations.RemoveConstraint(model_name="pricerule", name="catalog_pricerule_scope_fits"),
        migrations.RemoveConstraint(model_name="pricerule", name="catalog_pricerule_never_below_cost"),
        migrations.RenameField(model_name="pricerule", old_name="markup_percent", new_name="percent"),
        migrations.AlterField(
            model_name="pricerule",
            name="service",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="price_rules",
                to="catalog.service",
                verbose_name="service",
            ),
        ),
        migrations.AddField(
            model_name="pricerule",
            name="target",
            field=models.CharField(default="", editable=False, max_length=80),
            preserve_default=False,
        ),
        migrations.RunPython(name_targets, migrations.RunPython.noop),
    ]

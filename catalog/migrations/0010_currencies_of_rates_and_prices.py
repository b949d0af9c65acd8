"""A rate says which currency of the site it is in, and the policy in which one prices were last set.

Rates from before are taken for rates in the site's currency as it is now.
"""

import django.core.validators
from django.conf import settings
from django.db import migrations, models

import catalog.models.pricing


def drop_others(apps, schema_editor):
    """Leave one rate of a currency: there was room for no more."""
    alias = schema_editor.connection.alias
    rates = apps.get_model("catalog", "ExchangeRate").objects.using(alias)
    rates.exclude(site_currency=settings.SITE_CURRENCY).delete()


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_currency_of_balance_readings")]

    operations = [
        migrations.AddField(
            model_name="exchangerate",
            name="site_currency",
            field=models.CharField(
                default=catalog.models.pricing.site_currency,
                editable=False,
                max_length=3,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Z]{3}$", "Three capital letters, for example RUB."
                    )
                ],
                verbose_name="site's currency",
            ),
        ),
        migrations.AlterField(
            model_name="exchangerate",
            name="currency",
            field=models.CharField(
                max_length=3,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Z]{3}$", "Three capital letters, for example RUB."
                    )
                ],
                verbose_name="currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.UniqueConstraint(
                fields=("currency", "site_currency"), name="catalog_exchangerate_one_of_a_pair"
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_others),
        migrations.AddField(
            model_name="cataloguepolicy",
            name="priced_in",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                max_length=3,
                verbose_name="prices were set in",
            ),
            preserve_default=False,
        ),
    ]

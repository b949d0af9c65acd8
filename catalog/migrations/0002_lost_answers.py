"""What becomes of lost answers at a provider."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="account_since",
            field=models.DateTimeField(
                default=django.utils.timezone.now,
                editable=False,
                help_text="When its address or key was changed last: ids from before are another account's.",
                verbose_name="this account since",
            ),
        ),
        migrations.AddField(
            model_name="provider",
            name="answers_for_many",
            field=models.BooleanField(
                editable=False,
                help_text="Empty: not tried yet.",
                null=True,
                verbose_name="answers about many orders in one call",
            ),
        ),
        migrations.AddField(
            model_name="provider",
            name="lost_answers",
            field=models.CharField(
                choices=[
                    ("ask", "Show what was found to the person who settles"),
                    ("adopt", "Take an order that fits one lost answer only"),
                ],
                default="ask",
                help_text="Taking by itself is for an account that nobody but this panel uses.",
                max_length=5,
                verbose_name="lost answers",
            ),
        ),
    ]

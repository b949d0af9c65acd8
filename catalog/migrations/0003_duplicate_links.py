"""What happens to a second order for a link, by service."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_lost_answers")]

    operations = [
        migrations.AddField(
            model_name="service",
            name="duplicate_links",
            field=models.CharField(
                blank=True,
                choices=[("off", "Take it"), ("warn", "Ask the customer once more"), ("refuse", "Refuse it")],
                help_text="While the first one is open. Empty: as for the whole site.",
                max_length=6,
                verbose_name="second order for a link",
            ),
        ),
    ]

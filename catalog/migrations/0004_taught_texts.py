"""What operators said that providers' texts mean."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_duplicate_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TaughtText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "text",
                    models.CharField(
                        help_text="Part of what the provider says, in lower case, without links.",
                        max_length=300,
                        verbose_name="text",
                    ),
                ),
                (
                    "meaning",
                    models.CharField(
                        choices=[
                            ("refused", "Refused: not placed; the order ends and is refunded"),
                            ("later", "Later: not placed; the same order is sent again after a while"),
                            (
                                "halt",
                                "Halt: not placed; nothing is sent to the provider until it is let go on",
                            ),
                            ("uncertain", "Uncertain: it may have been placed; a person settles each order"),
                        ],
                        max_length=10,
                        verbose_name="means",
                    ),
                ),
                (
                    "taught_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="taught at"),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="taught_texts",
                        to="catalog.provider",
                        verbose_name="provider",
                    ),
                ),
                (
                    "taught_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="taught by",
                    ),
                ),
            ],
            options={
                "verbose_name": "taught text",
                "verbose_name_plural": "taught texts",
                "ordering": ("provider", "text"),
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "text"), name="catalog_taughttext_once"),
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True),
                        name="catalog_taughttext_says_something",
                    ),
                ],
            },
        ),
    ]

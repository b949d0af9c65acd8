"""The search for orders whose answer was lost, and what it finds."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import money.fields


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_lost_answers"),
        ("orders", "0003_attempt_evidence"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Candidate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BigIntegerField(verbose_name="provider's order id")),
                ("status_text", models.CharField(blank=True, max_length=100, verbose_name="status")),
                (
                    "charge",
                    money.fields.MoneyField(
                        blank=True, help_text="In the provider's currency.", null=True, verbose_name="charge"
                    ),
                ),
                ("remains", models.BigIntegerField(blank=True, null=True, verbose_name="remains")),
                ("start_count", models.BigIntegerField(blank=True, null=True, verbose_name="start count")),
                (
                    "is_foreign",
                    models.BooleanField(
                        default=False,
                        help_text="Charged in a currency other than the provider's.",
                        verbose_name="another currency",
                    ),
                ),
                ("seen_at", models.DateTimeField(verbose_name="seen at")),
            ],
            options={
                "verbose_name": "candidate",
                "verbose_name_plural": "candidates",
                "ordering": ("provider", "number"),
            },
        ),
        migrations.CreateModel(
            name="LostAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waits for a later order's id"),
                            ("searching", "Under way"),
                            ("whole", "All ids asked about"),
                            ("stopped", "Stopped: too many ids"),
                            ("impossible", "Not possible"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("no_id_before", "no id from before is known"),
                            ("another_account", "the provider's account was changed since"),
                            ("no_numbers", "the provider's ids are no numbers"),
                            ("no_growth", "the provider's ids do not grow"),
                            ("no_id_after", "no later id is known yet: more may follow"),
                            ("calls_made", "as many calls were made as are allowed by itself"),
                        ],
                        max_length=20,
                        verbose_name="why",
                    ),
                ),
                ("id_before", models.BigIntegerField(blank=True, null=True, verbose_name="known id before")),
                ("id_after", models.BigIntegerField(blank=True, null=True, verbose_name="known id after")),
                (
                    "asked_to",
                    models.BigIntegerField(
                        blank=True,
                        help_text="The search goes on after this id.",
                        null=True,
                        verbose_name="asked up to",
                    ),
                ),
                ("calls", models.PositiveIntegerField(default=0, verbose_name="calls made")),
                ("calls_allowed", models.PositiveIntegerField(default=0, verbose_name="calls allowed")),
                ("due_at", models.DateTimeField(blank=True, null=True, verbose_name="due at")),
                ("searched_at", models.DateTimeField(blank=True, null=True, verbose_name="searched at")),
            ],
            options={
                "verbose_name": "lost answer",
                "verbose_name_plural": "lost answers",
                "ordering": ("-id",),
            },
        ),
        migrations.AlterField(
            model_name="orderevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("placed", "Placed"),
                    ("sending", "Sending"),
                    ("accepted", "Accepted by the provider"),
                    ("waits", "Waits to be sent again"),
                    ("uncertain", "No clear answer"),
                    ("held", "Held for an operator"),
                    ("refused", "Refused by the provider"),
                    ("status", "Status changed"),
                    ("refunded", "Refunded"),
                    ("cancel_wanted", "Cancel asked for"),
                    ("cancel_taken", "Cancel taken by the provider"),
                    ("cancel_refused", "Cancel refused by the provider"),
                    ("cancel_unanswered", "Cancel without a clear answer"),
                    ("canceled_here", "Canceled before it was sent"),
                    ("settled", "Settled by an operator"),
                    ("found", "Found at the provider"),
                ],
                max_length=20,
                verbose_name="what",
            ),
        ),
        migrations.AddField(
            model_name="candidate",
            name="provider",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.provider",
                verbose_name="provider",
            ),
        ),
        migrations.AddField(
            model_name="lostanswer",
            name="attempt",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lost_answer",
                to="orders.attempt",
                verbose_name="attempt",
            ),
        ),
        migrations.AddField(
            model_name="lostanswer",
            name="provider",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.provider",
                verbose_name="provider",
            ),
        ),
        migrations.AddConstraint(
            model_name="candidate",
            constraint=models.UniqueConstraint(fields=("provider", "number"), name="orders_candidate_once"),
        ),
        migrations.AddIndex(
            model_name="lostanswer",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["provider", "due_at"],
                name="orders_lostanswer_due",
            ),
        ),
        migrations.AddIndex(
            model_name="lostanswer",
            index=models.Index(fields=["provider", "id_after"], name="orders_lostanswer_window"),
        ),
    ]

from typing import Any

from django.db import migrations, models

from accounts import roles


def make_roles(apps: Any, schema_editor: Any) -> None:
    roles.make(apps)


class Migration(migrations.Migration):
    """The four roles, the rights of our own that they need, and signing out everywhere."""

    dependencies = [
        ("accounts", "0002_customer_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("block_customer", "Can block customers and sign them out"),
                    ("hijack_customer", "Can look at the site as a customer"),
                    ("export_user", "Can export user"),
                ],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
        migrations.AddField(
            model_name="user",
            name="sign_outs",
            field=models.PositiveIntegerField(
                default=0,
                editable=False,
                help_text="Part of what a session is signed with: the next number ends them all.",
                verbose_name="times signed out everywhere",
            ),
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]

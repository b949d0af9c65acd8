"""What held a service before holds had kinds was the provider's refusals, or a wrong sum."""

from django.db import migrations


def note_holds(apps, schema_editor):
    alias = schema_editor.connection.alias
    held = apps.get_model("catalog", "Service").objects.using(alias).exclude(held_text="")
    holds = apps.get_model("catalog", "ServiceHold")
    holds.objects.using(alias).bulk_create(
        [
            holds(service_id=service_id, kind="provider", text=text)
            for service_id, text in held.values_list("pk", "held_text")
        ],
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_holds_history_policy")]

    operations = [migrations.RunPython(note_holds, migrations.RunPython.noop)]

"""Words that operators often do not sell, switched off: a start for those who want them."""

from django.db import migrations

WORDS = (
    ("casino*", "gambling"),
    ("казино", "gambling"),
    ("betting", "gambling"),
    ("ставки на спорт", "gambling"),
    ("porn*", "adult"),
    ("порно*", "adult"),
    ("onlyfans", "adult"),
    ("report*", "harm to others: mass reports"),
    ("жалоб*", "harm to others: mass reports"),
    ("ddos*", "harm to others"),
    ("dislike*", "harm to others"),
    ("дизлайк*", "harm to others"),
    ("hack*", "fraud"),
    ("взлом*", "fraud"),
    ("vote*", "votes and petitions"),
    ("petition*", "votes and petitions"),
)


def add_words(apps, schema_editor):
    banned = apps.get_model("catalog", "BannedWords").objects.using(schema_editor.connection.alias)
    banned.bulk_create(
        [banned.model(pattern=pattern, is_on=False, note=note) for pattern, note in WORDS],
        ignore_conflicts=True,
    )


def drop_words(apps, schema_editor):
    banned = apps.get_model("catalog", "BannedWords").objects.using(schema_editor.connection.alias)
    banned.filter(is_on=False, pattern__in=[pattern for pattern, _ in WORDS]).delete()


class Migration(migrations.Migration):
    dependencies = [("catalog", "0007_holds_of_held_services")]

    operations = [migrations.RunPython(add_words, drop_words)]

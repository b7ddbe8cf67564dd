"""The rule that needs no setting up: an opening is told at once, a recovery after it has held for a minute."""

from django.db import migrations


def make_opened(apps, schema_editor):
    apps.get_model("alerts", "Rule").objects.get_or_create(
        name="opened", defaults={"severity": "critical", "for_s": 0, "keep_s": 60}
    )


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_rows")]

    operations = [migrations.RunPython(make_opened, migrations.RunPython.noop)]

"""Live alerts say until when they are silenced; the week is told of."""

from django.db import migrations

import breakers.models.fields


def make_rule(apps, schema_editor):
    apps.get_model("alerts", "Rule").objects.get_or_create(
        name="weekly digest",
        defaults={"kind": "weekly digest", "builtin": True, "severity": "info", "for_s": 0, "keep_s": 0},
    )


class Migration(migrations.Migration):
    dependencies = [("alerts", "0004_rules_incidents_silences")]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="silenced_until",
            field=breakers.models.fields.MomentField(null=True),
        ),
        migrations.RunPython(make_rule, migrations.RunPython.noop),
    ]

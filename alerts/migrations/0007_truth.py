"""When the condition of an alert ended by the event; what was told of it too late, and what was taken back."""

from django.db import migrations, models

import breakers.models.fields

HELD = "command did not hold"


def make_rule(apps, schema_editor):
    """A command that was applied and did not hold has a rule of its own; what was set at the old one stays set."""
    rules = apps.get_model("alerts", "Rule").objects
    old = rules.filter(kind="command not applied", builtin=True).first()
    defaults = {"kind": HELD, "builtin": True, "severity": "warning", "for_s": 0, "keep_s": 0}
    if old is not None:
        defaults |= {"severity": old.severity, "enabled": old.enabled, "parameters": old.parameters}
    rules.get_or_create(name=HELD, defaults=defaults)


class Migration(migrations.Migration):
    dependencies = [("alerts", "0006_rotas_fallbacks")]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="ended_at",
            field=breakers.models.fields.MomentField(null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="untold",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="alert",
            name="withdrawn_at",
            field=breakers.models.fields.MomentField(null=True),
        ),
        migrations.RunPython(make_rule, migrations.RunPython.noop),
    ]

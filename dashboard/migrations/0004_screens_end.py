"""Links of screens end. Those that there are have 90 days from now: no television goes dark with the upgrade."""

from datetime import UTC, datetime, timedelta

from django.db import migrations

import breakers.models.fields


def from_now(apps, schema_editor):
    ends = datetime.now(UTC) + timedelta(days=90)
    apps.get_model("dashboard", "ScreenLink").objects.update(expires_at=ends)


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0003_hashed_sessions")]

    operations = [
        migrations.AddField(
            model_name="screenlink",
            name="expires_at",
            field=breakers.models.fields.MomentField(default=datetime(1970, 1, 1, tzinfo=UTC)),
            preserve_default=False,
        ),
        migrations.RunPython(from_now, migrations.RunPython.noop),
    ]

"""What else opened at the time of an incident is asked for by time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0007_truth"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["started_at"], name="alerts_by_start"),
        ),
    ]

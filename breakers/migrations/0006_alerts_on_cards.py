"""What the alerts say on a card: the incident that a breaker is in, and until when it is silenced."""

from django.db import migrations, models

import breakers.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("breakers", "0005_marks_and_settings"),
    ]

    operations = [
        migrations.AddField(
            model_name="breaker",
            name="incident",
            field=models.CharField(max_length=40, null=True),
        ),
        migrations.AddField(
            model_name="breaker",
            name="silenced_until",
            field=breakers.models.fields.MomentField(null=True),
        ),
    ]

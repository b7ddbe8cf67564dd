"""Which numbers of a source's runs are missing: one that comes late is told from one of a new run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("breakers", "0009_formats"),
    ]

    operations = [
        migrations.AddField(
            model_name="source",
            name="numbers",
            field=models.TextField(default=""),
        ),
    ]

"""Marks on the timelines, and the history of what breakers are set to."""

import django.db.models.deletion
from django.db import migrations, models

import breakers.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("breakers", "0004_sources"),
    ]

    operations = [
        migrations.CreateModel(
            name="Annotation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=12)),
                ("title", models.CharField(max_length=200)),
                ("at", breakers.models.fields.MomentField()),
                ("until", breakers.models.fields.MomentField(null=True)),
                ("service", models.CharField(default="", max_length=200)),
                ("breaker", models.CharField(default="", max_length=200)),
                ("dependency", models.CharField(default="", max_length=200)),
                ("url", models.CharField(default="", max_length=2000)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", breakers.models.fields.MomentField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["at", "id"], name="annotations_by_time"),
                    models.Index(
                        condition=models.Q(("until__isnull", False)), fields=["until"], name="annotations_of_stretches"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SettingsChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("instance_name", models.CharField(max_length=200)),
                ("at", breakers.models.fields.MomentField()),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                (
                    "breaker",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="settings_changes",
                        to="breakers.breaker",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["breaker", "at"], name="settings_of_a_breaker")],
            },
        ),
    ]

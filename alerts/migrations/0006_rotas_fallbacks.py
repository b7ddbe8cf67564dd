"""Rotas, overrides and how people are reached; a fallback for each destination, and the notifications that stand in."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import breakers.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0005_silenced_alerts_weekly_digest"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("begins_at", breakers.models.fields.MomentField()),
                ("ends_at", breakers.models.fields.MomentField()),
                ("comment", models.CharField(default="", max_length=500)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", breakers.models.fields.MomentField()),
            ],
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="on_call",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("destinations", models.JSONField(default=list)),
                ("names", models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name="Rota",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200, unique=True)),
                ("timezone", models.CharField(max_length=60)),
                ("layers", models.JSONField(default=list)),
                ("fallback", models.JSONField(default=list)),
                ("created_at", breakers.models.fields.MomentField()),
                ("calendar", models.TextField(default="")),
                ("calendar_url", models.TextField(default="")),
                ("calendar_shown", models.CharField(default="", max_length=300)),
                ("shifts", models.JSONField(default=list)),
                ("read_at", breakers.models.fields.MomentField(null=True)),
                ("read_until", breakers.models.fields.MomentField(null=True)),
                ("read_due_at", breakers.models.fields.MomentField(null=True)),
                ("read_failures", models.IntegerField(default=0)),
                ("read_error", models.CharField(default="", max_length=500)),
            ],
        ),
        migrations.AddField(
            model_name="destination",
            name="fallback",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="alerts.destination"
            ),
        ),
        migrations.AddField(
            model_name="destination",
            name="per_minute",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="notification",
            name="because",
            field=models.CharField(db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="notification",
            name="stands_in_for",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="stand_in",
                to="alerts.notification",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="summary",
            field=models.CharField(db_default="", default="", max_length=500),
        ),
        migrations.AlterField(
            model_name="notification",
            name="webhook_id",
            field=models.CharField(max_length=40),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(fields=("webhook_id", "destination"), name="one_notification_an_id"),
        ),
        migrations.AddField(
            model_name="override",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="rota",
            index=models.Index(
                condition=models.Q(("read_due_at__isnull", False)), fields=["read_due_at"], name="calendars_due"
            ),
        ),
        migrations.AddField(
            model_name="override",
            name="rota",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="overrides", to="alerts.rota"
            ),
        ),
        migrations.AddIndex(
            model_name="override",
            index=models.Index(fields=["rota", "ends_at"], name="overrides_by_end"),
        ),
    ]

"""Rules of every kind, watches, incidents and silences; the alerts that are there keep their subjects."""

import django.db.models.deletion
from django.db import migrations, models

import breakers.models.fields

# What exists at the first start, as it was then: (name and kind, severity, seconds for which it must hold, seconds until it resolves).
BUILT_IN = (
    ("opened", "critical", 0, 60),
    ("partly open", "warning", 60, 60),
    ("stuck open, probes fail", "critical", 0, 0),
    ("stuck open, no traffic", "info", 0, 0),
    ("flapping", "warning", 0, 0),
    ("failure rate", "warning", 120, 120),
    ("slow rate", "warning", 120, 120),
    ("rejected share", "warning", 300, 120),
    ("fallback share", "info", 300, 120),
    ("retry storm", "warning", 60, 120),
    ("silent", "warning", 0, 0),
    ("forced too long", "warning", 0, 0),
    ("command not applied", "warning", 0, 0),
    ("not as wanted", "warning", 60, 30),
    ("nothing from anyone", "critical", 30, 0),
    ("delivery failing", "critical", 120, 120),
    ("we are late", "critical", 30, 60),
    ("limit reached", "warning", 0, 300),
)


def name_subjects(apps, schema_editor):
    alert = apps.get_model("alerts", "Alert")
    text = models.functions.Cast("breaker_id", models.CharField(max_length=40))
    alert.objects.filter(breaker__isnull=False).update(subject_id=text)
    gone = models.functions.Cast("pk", models.CharField(max_length=40))
    alert.objects.filter(breaker=None).update(subject_id=models.functions.Concat(models.Value("gone-"), gone))


def make_rules(apps, schema_editor):
    rule = apps.get_model("alerts", "Rule")
    rule.objects.filter(name="opened").update(kind="opened", builtin=True)
    for name, severity, for_s, keep_s in BUILT_IN:
        rule.objects.get_or_create(
            name=name,
            defaults={"kind": name, "builtin": True, "severity": severity, "for_s": for_s, "keep_s": keep_s},
        )


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0003_delivery"),
        ("breakers", "0006_alerts_on_cards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.BigIntegerField(db_index=True, default=0)),
                ("started_at", breakers.models.fields.MomentField()),
                ("resolved_at", breakers.models.fields.MomentField(null=True)),
                ("cause", models.CharField(max_length=200)),
                ("refuted", models.JSONField(default=list)),
                ("by_hand", models.BooleanField(default=False)),
                ("confidence", models.CharField(default="low", max_length=8)),
                ("reasons", models.JSONField(default=list)),
                ("joined_at", breakers.models.fields.MomentField()),
                ("told", models.JSONField(default=dict)),
                ("update_due_at", breakers.models.fields.MomentField(null=True)),
                ("updated_at", breakers.models.fields.MomentField(null=True)),
                ("acknowledged_by", models.CharField(max_length=200, null=True)),
                ("acknowledged_at", breakers.models.fields.MomentField(null=True)),
                ("acknowledged_comment", models.TextField(default="")),
                ("acknowledged_members", models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="IncidentLog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", breakers.models.fields.MomentField()),
                ("who", models.CharField(max_length=200)),
                ("what", models.CharField(max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="Silence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("matchers", models.JSONField(default=dict)),
                ("comment", models.TextField()),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", breakers.models.fields.MomentField()),
                ("starts_at", breakers.models.fields.MomentField()),
                ("ends_at", breakers.models.fields.MomentField()),
                ("every_days", models.IntegerField(null=True)),
                ("repeats_until", breakers.models.fields.MomentField(null=True)),
                ("until_recovery", models.BooleanField(default=False)),
                ("seen_wrong", models.BooleanField(default=False)),
                ("ended_at", breakers.models.fields.MomentField(null=True)),
                ("ended_by", models.CharField(max_length=200, null=True)),
                ("settled_at", breakers.models.fields.MomentField(null=True)),
                ("reminded_at", breakers.models.fields.MomentField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                ("subject_kind", models.CharField(max_length=12)),
                ("subject_id", models.CharField(max_length=40)),
                ("next_check_at", breakers.models.fields.MomentField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="alert",
            name="one_live_alert_a_subject",
        ),
        migrations.AddField(
            model_name="alert",
            name="acknowledged_partly",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="alert",
            name="placed_by_hand",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="alert",
            name="subject_id",
            field=models.CharField(default="", max_length=40),
        ),
        migrations.AddField(
            model_name="alert",
            name="subject_kind",
            field=models.CharField(default="breaker", max_length=12),
        ),
        migrations.AddField(
            model_name="rule",
            name="builtin",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="rule",
            name="kind",
            field=models.CharField(default="opened", max_length=40),
        ),
        migrations.AddField(
            model_name="rule",
            name="matchers",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="rule",
            name="parameters",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="rule",
            name="version",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="rule",
            name="removed_at",
            field=breakers.models.fields.MomentField(null=True),
        ),
        migrations.AlterField(
            model_name="rule",
            name="name",
            field=models.CharField(max_length=80),
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)), fields=("name",), name="one_rule_a_name"
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="merged_into",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="merged", to="alerts.incident"
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="incident",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="members", to="alerts.incident"
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("resolved_at", None)), fields=["rule", "subject_id"], name="alerts_live"
            ),
        ),
        migrations.RunPython(name_subjects, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("resolved_at", None)),
                fields=("rule", "subject_kind", "subject_id"),
                name="one_live_alert_a_subject",
            ),
        ),
        migrations.AddField(
            model_name="incidentlog",
            name="incident",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="log", to="alerts.incident"
            ),
        ),
        migrations.AddIndex(
            model_name="silence",
            index=models.Index(fields=["ends_at"], name="silences_by_end"),
        ),
        migrations.AddIndex(
            model_name="watch",
            index=models.Index(fields=["kind", "next_check_at"], name="watches_due"),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.UniqueConstraint(
                fields=("kind", "subject_kind", "subject_id"), name="one_watch_a_subject"
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(condition=models.Q(("resolved_at", None)), fields=["cause"], name="incidents_open"),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("update_due_at__isnull", False)), fields=["update_due_at"], name="incidents_to_tell"
            ),
        ),
        migrations.AddIndex(
            model_name="incidentlog",
            index=models.Index(fields=["incident", "id"], name="log_of_an_incident"),
        ),
        migrations.RunPython(make_rules, migrations.RunPython.noop),
    ]

"""The audit trail: hashes with the id of their key; and neither a replaced line nor an emptied table gets past the database."""

from django.db import migrations, models

import breakers.models.fields


def guard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE TRIGGER breakers_audit_no_truncate BEFORE TRUNCATE ON breakers_audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION breakers_audit_only_grows()"
        )
        return
    # INSERT OR REPLACE takes the old line away without a DELETE that a trigger would see.
    schema_editor.execute(
        "CREATE TRIGGER breakers_audit_no_replace BEFORE INSERT ON breakers_audit "
        "WHEN EXISTS (SELECT 1 FROM breakers_audit WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END"
    )


def unguard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER breakers_audit_no_truncate ON breakers_audit")
        return
    schema_editor.execute("DROP TRIGGER breakers_audit_no_replace")


def widen(apps, schema_editor):
    # SQLite holds no text to its length; to make the table anew would drop the triggers that guard it.
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE breakers_audit ALTER COLUMN hash TYPE varchar(90)")


class Migration(migrations.Migration):
    dependencies = [("breakers", "0010_sources")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(widen, migrations.RunPython.noop)],
            state_operations=[
                migrations.AlterField(model_name="audit", name="hash", field=models.CharField(max_length=90))
            ],
        ),
        migrations.RunPython(guard, unguard),
        migrations.CreateModel(
            name="AuditKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.CharField(default="", max_length=16)),
                ("sealed", models.TextField(default="")),
                ("created_at", breakers.models.fields.MomentField()),
            ],
        ),
    ]

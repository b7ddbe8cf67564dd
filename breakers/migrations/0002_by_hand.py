"""What Django's migrations can't say: rollups without a row id, an audit trail that only grows, the board's one row."""

from django.core.management import call_command
from django.db import migrations

from breakers.models.rollup import COUNTERS

KEYS = {"breakers_rollup_10s": ("at", "breaker_id"), "breakers_rollup": ("breaker_id", "width", "at")}


def make_rollups(apps, schema_editor):
    postgresql = schema_editor.connection.vendor == "postgresql"
    for table, keys in KEYS.items():
        columns = [f"{key} bigint NOT NULL" for key in keys]
        for name in COUNTERS:
            kind = "double precision" if name.startswith("duration") else "bigint"
            columns.append(f"{name} {kind} NOT NULL DEFAULT 0")
        tail = "" if postgresql else " WITHOUT ROWID"
        schema_editor.execute(f"CREATE TABLE {table} ({', '.join(columns)}, PRIMARY KEY ({', '.join(keys)})){tail}")


def drop_rollups(apps, schema_editor):
    for table in KEYS:
        schema_editor.execute(f"DROP TABLE {table}")


def only_grow(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE FUNCTION breakers_audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit trail only grows'; END $$"
        )
        schema_editor.execute(
            "CREATE TRIGGER breakers_audit_only_grows BEFORE UPDATE OR DELETE ON breakers_audit "
            "FOR EACH ROW EXECUTE FUNCTION breakers_audit_only_grows()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        schema_editor.execute(
            f"CREATE TRIGGER breakers_audit_no_{verb.lower()} BEFORE {verb} ON breakers_audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END"
        )


def may_shrink(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER breakers_audit_only_grows ON breakers_audit")
        schema_editor.execute("DROP FUNCTION breakers_audit_only_grows()")
        return
    for verb in ("update", "delete"):
        schema_editor.execute(f"DROP TRIGGER breakers_audit_no_{verb}")


def make_board(apps, schema_editor):
    apps.get_model("breakers", "Board").objects.create(id=1)


def make_cache_table(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("breakers", "0001_rows")]

    operations = [
        migrations.RunPython(make_rollups, drop_rollups),
        migrations.RunPython(only_grow, may_shrink),
        migrations.RunPython(make_board, migrations.RunPython.noop),
        migrations.RunPython(make_cache_table, migrations.RunPython.noop),
    ]

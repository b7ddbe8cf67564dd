"""Sessions are kept under a hash of their key: who is signed in stays so, and the keys themselves leave the database."""

import hashlib

from django.db import migrations


def hash_keys(apps, schema_editor):
    Session = apps.get_model("sessions", "Session")
    # Listed first: a row under its new key must not be met again.
    for key in list(Session.objects.values_list("session_key", flat=True)):
        kept = hashlib.sha256(key.encode()).hexdigest()[:40]
        Session.objects.filter(pk=key).update(session_key=kept)


def end_all(apps, schema_editor):
    # A hash can't be undone: everyone signs in again.
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0002_walls"), ("sessions", "0001_initial")]

    operations = [migrations.RunPython(hash_keys, end_all)]

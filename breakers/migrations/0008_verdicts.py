"""What a watched instance counts is added up as its posts come in, by our clock."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q, Sum


def count_so_far(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Watches under way keep what they have seen."""
    events = apps.get_model("breakers", "Event").objects
    for row in (
        apps.get_model("breakers", "Delivery").objects.filter(active=True, verdict=None).exclude(confirmed_at=None)
    ):
        mine = events.filter(instance_id=row.instance_id or 0, at__gte=row.confirmed_at)
        counted = mine.filter(type__in=("success", "failure", "timeout")).aggregate(
            calls=Sum("count"), failures=Sum("count", filter=Q(type__in=("failure", "timeout")))
        )
        row.calls, row.failures = counted["calls"] or 0, counted["failures"] or 0
        row.save(update_fields=["calls", "failures"])


class Migration(migrations.Migration):
    dependencies = [
        ("breakers", "0007_outages_heard"),
    ]

    operations = [
        migrations.AddField("delivery", "calls", models.BigIntegerField(default=0)),
        migrations.AddField("delivery", "failures", models.BigIntegerField(default=0)),
        migrations.RunPython(count_so_far, migrations.RunPython.noop),
    ]

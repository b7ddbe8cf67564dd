"""A change of the tables may take longer than a statement of the board."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import pre_migrate

from breakers.patience import USUAL, patience

pytestmark = [pytest.mark.storage, pytest.mark.django_db]
DAY = 86_400


def limits() -> tuple[str, float]:
    """The server's limit on a statement, and ours on its answer."""
    if connection.vendor != "postgresql":
        return "0", patience()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return cursor.fetchone()[0], patience()


def test_no_time_limit_ends_a_migration_half_way_and_they_stand_again_after_it() -> None:
    usual = "15s" if connection.vendor == "postgresql" else "0"
    seen = []
    assert limits() == (usual, USUAL)

    def look(**_: object) -> None:
        seen.append(limits())

    pre_migrate.connect(look, sender=apps.get_app_config("dashboard"))
    try:
        call_command("migrate", verbosity=0)
    finally:
        pre_migrate.disconnect(look, sender=apps.get_app_config("dashboard"))
    assert [(server, ours > DAY) for server, ours in seen] == [("0", True)]
    assert limits() == (usual, USUAL)

"""`manage.py secrets rotate [--json]`: what is sealed with an earlier key is sealed with the present one. Safe to repeat, while the board runs."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import models
from django.utils import timezone

from alerts.models import Destination, Rota
from breakers import auditing, bulk
from breakers.errors import Unreadable
from breakers.management.people import system_actor
from breakers.management.tables import need_tables
from breakers.models import AuditKey, Service
from breakers.sealing import is_current, place_of, seal, unseal

SEALED: tuple[tuple[type[models.Model], str], ...] = (
    (Service, "signing_secret"),
    (Service, "earlier_secret"),
    (Destination, "sealed"),
    (Rota, "calendar_url"),
    (AuditKey, "sealed"),
)


class Command(BaseCommand):
    help = "Seal secrets anew, after ENCRYPTION_KEYS or SECRET_KEY changed; then the old key can go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        rotate = verbs.add_parser("rotate", help="seal with the first key what an earlier one sealed")
        rotate.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say which can't be read."""
        need_tables()
        done, unreadable = 0, []
        for model, column in SEALED:
            for pk in model._default_manager.exclude(**{column: ""}).values_list("pk", flat=True).order_by("pk"):
                try:
                    done += _seal_anew(model, column, pk)
                except Unreadable as error:
                    unreadable.append(str(error))
        if done:
            told = {"sealed_anew": done, "unreadable": len(unreadable)}
            auditing.write(
                system_actor(), "secrets.rotate", "board", "secrets", "secrets", after=told, at=timezone.now()
            )
        if options["json"]:
            self.stdout.write(json.dumps({"sealed_anew": done, "unreadable": unreadable}))
            return
        for sentence in unreadable:
            self.stderr.write(f"Can't be read: {sentence}")
        self.stdout.write(f"{done} secrets were sealed anew.")


def _seal_anew(model: type[models.Model], column: str, pk: object) -> bool:
    """Each in a transaction of its own: what the board writes meanwhile is not undone. Errors: Unreadable."""
    with bulk.writing():
        row = model._default_manager.filter(pk=pk).first()
        sealed = getattr(row, column) if row is not None else None
        if row is None or not sealed or is_current(sealed):
            return False
        place = place_of(row, column)
        setattr(row, column, seal(unseal(sealed, place), place))
        row.save(update_fields=[column])
        return True

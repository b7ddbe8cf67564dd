"""`manage.py service add NAME [--new-key] [--json]`: a service and its ingest key, safe to repeat."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from breakers import keys
from breakers.access import BOARD
from breakers.errors import BreakersError


class Command(BaseCommand):
    help = "Set up a service that posts events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make a service with its first key; repeated, nothing changes")
        add.add_argument("name")
        add.add_argument("--new-key", action="store_true", help="make one more key, beside those it has")
        add.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, name: str, new_key: bool, **options: Any) -> None:
        """Add it, and show the key this once."""
        try:
            added = keys.add_service(BOARD, name, at=timezone.now(), new_key=new_key)
        except BreakersError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"service": added.service.name, "key": added.key}))
        elif added.key:
            self.stdout.write(f"The ingest key of {added.service.name}, shown this once:\n{added.key}")
        else:
            self.stdout.write(f"Service {added.service.name} is there already; --new-key makes one more key.")

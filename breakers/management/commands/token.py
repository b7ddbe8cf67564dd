"""`manage.py token add NAME --role … [--replace] [--json]`: a token of the operators' API, safe to repeat."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from breakers import keys
from breakers.access import Role
from breakers.errors import BreakersError
from breakers.management.people import system_actor
from breakers.management.tables import need_tables


class Command(BaseCommand):
    help = "Set up a token for scripts that use the API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make a token; repeated, nothing changes")
        add.add_argument("name")
        add.add_argument("--role", required=True, choices=["viewer", "operator", "admin"])
        add.add_argument("--replace", action="store_true", help="make a new one in its place; the old one ends")
        add.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, name: str, role: str, replace: bool, **options: Any) -> None:
        """Add it, and show the token this once."""
        need_tables()
        try:
            added = keys.add_token(system_actor(), name, Role.named(role), at=timezone.now(), replace=replace)
        except BreakersError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"name": added.row.name, "role": added.row.role, "token": added.token}))
        elif added.token:
            self.stdout.write(f"The token {added.row.name} ({added.row.role}), shown this once:\n{added.token}")
        else:
            self.stdout.write(f"Token {added.row.name} is there already; --replace makes a new one in its place.")

"""`manage.py user add NAME --role … [--new-link] [--json]`: a person, and the link by which they sign in first. `user unlock NAME`: after too many failed tries."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from breakers.access import Role
from breakers.errors import BreakersError
from breakers.management.people import system_actor
from breakers.management.tables import need_tables
from dashboard import inviting


class Command(BaseCommand):
    help = "Set up a person who uses the pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make a person with a sign-in link; repeated, nothing changes")
        add.add_argument("name")
        add.add_argument("--role", required=True, choices=["viewer", "operator", "admin"])
        add.add_argument("--new-link", action="store_true", help="make one more link, which sets a new password")
        add.add_argument("--json", action="store_true", help="print one line of JSON")

        unlock = verbs.add_parser("unlock", help="let a person try again at once, after too many failed sign-ins")
        unlock.add_argument("name")

    def handle(self, *args: Any, verb: str, name: str, **options: Any) -> None:
        """Do what the word says."""
        need_tables()
        if verb == "unlock":
            self._unlock(name)
        else:
            self._add(name, **options)

    def _unlock(self, name: str) -> None:
        if not inviting.unlock(system_actor(), name, at=timezone.now()):
            raise CommandError(f"there is no person '{name}'")
        self.stdout.write(f"{name} can sign in again.")

    def _add(self, name: str, role: str, new_link: bool, **options: Any) -> None:
        """Add them, and show the link this once."""
        try:
            invited = inviting.add_user(system_actor(), name, Role.named(role), at=timezone.now(), new_link=new_link)
        except BreakersError as error:
            raise CommandError(str(error)) from error
        username = invited.user.get_username()
        if options["json"]:
            self.stdout.write(json.dumps({"user": username, "role": role, "link": invited.link}))
        elif invited.link:
            self.stdout.write(f"The first sign-in of {username}, shown this once, valid for 24 hours:\n{invited.link}")
        else:
            self.stdout.write(f"{username} is there already; --new-link makes a link that sets a new password.")

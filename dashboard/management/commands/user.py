"""`manage.py user add NAME --role … [--new-link] [--json]`: a person, and the link by which they sign in first."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from breakers.access import BOARD, Role
from breakers.errors import BreakersError
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

    def handle(self, *args: Any, name: str, role: str, new_link: bool, **options: Any) -> None:
        """Add them, and show the link this once."""
        need_tables()
        try:
            invited = inviting.add_user(BOARD, name, Role.named(role), at=timezone.now(), new_link=new_link)
        except BreakersError as error:
            raise CommandError(str(error)) from error
        username = invited.user.get_username()
        if options["json"]:
            self.stdout.write(json.dumps({"user": username, "role": role, "link": invited.link}))
        elif invited.link:
            self.stdout.write(f"The first sign-in of {username}, shown this once, valid for 24 hours:\n{invited.link}")
        else:
            self.stdout.write(f"{username} is there already; --new-link makes a link that sets a new password.")

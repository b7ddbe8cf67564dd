"""`manage.py service add|set NAME … [--json]`: a service, its ingest key, and what holds for it; safe to repeat."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from breakers import keys
from breakers.configuring import configure
from breakers.errors import BreakersError
from breakers.management.people import system_actor
from breakers.management.tables import need_tables
from breakers.signing import MODES, OFF


class Command(BaseCommand):
    help = "Set up a service that posts events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make a service with its first key; repeated, nothing changes")
        add.add_argument("--new-key", action="store_true", help="make one more key, beside those it has")
        add.add_argument(
            "--signatures", choices=MODES, default=OFF, help="whether its posts are signed, where it is made now"
        )
        change = verbs.add_parser("set", help="change what holds for a service; what is not named stays")
        change.add_argument("--signatures", choices=MODES, help="whether its posts are signed")
        change.add_argument(
            "--rotate-secret", action="store_true", help="a new signing secret; the old one is taken for 24 h"
        )
        change.add_argument(
            "--limit", action="append", default=[], metavar="NAME=NUMBER", help="events_per_s=500; empty: the default"
        )
        paused = change.add_mutually_exclusive_group()
        paused.add_argument("--pause", action="store_true", help="refuse what it posts")
        paused.add_argument("--resume", action="store_true", help="take it again")
        for verb in (add, change):
            verb.add_argument("name")
            verb.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        """Do it, and show each secret this once."""
        need_tables()
        try:
            self._add(**options) if verb == "add" else self._set(**options)
        except BreakersError as error:
            raise CommandError(str(error)) from error

    def _add(self, *, name: str, new_key: bool, signatures: str, **options: Any) -> None:
        added = keys.add_service(system_actor(), name, at=timezone.now(), new_key=new_key, signatures=signatures)
        if options["json"]:
            told = {"service": added.service.name, "key": added.key}
            self.stdout.write(
                json.dumps(told if signatures == OFF else {**told, "signing_secret": added.signing_secret})
            )
            return
        if added.signing_secret:
            self._show_secret(added.service.name, added.signing_secret)
        if added.key:
            self.stdout.write(f"The ingest key of {added.service.name}, shown this once:\n{added.key}")
        else:
            self.stdout.write(f"Service {added.service.name} is there already; --new-key makes one more key.")

    def _set(
        self,
        *,
        name: str,
        signatures: str | None,
        rotate_secret: bool,
        limit: list[str],
        pause: bool,
        resume: bool,
        **options: Any,
    ) -> None:
        wanted: dict[str, Any] = {"paused": pause} if pause or resume else {}
        if signatures is not None:
            wanted["signatures"] = signatures
        if rotate_secret:
            wanted["rotate_secret"] = True
        if limit:
            wanted["limits"] = dict(map(_limit, limit))
        done = configure(system_actor(), name, wanted, at=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps({"service": name, "signing_secret": done.signing_secret}))
        elif done.signing_secret:
            self._show_secret(name, done.signing_secret)
        else:
            self.stdout.write(f"Service {name} is set so.")

    def _show_secret(self, name: str, secret: str) -> None:
        self.stdout.write(f"The signing secret of {name}, shown this once:\n{secret}")


def _limit(text: str) -> tuple[str, int | None]:
    name, _, number = text.partition("=")
    if number and not (number.isascii() and number.isdigit()):
        raise CommandError(f"--limit {text}: '{number}' is no whole number")
    return name, int(number) if number else None

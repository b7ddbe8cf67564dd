"""`manage.py audit verify [--json]`: whether the audit trail is whole; ends with 1 where it is not."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from breakers import audit_proof
from breakers.management.tables import need_tables

SHOWN = 20


class Command(BaseCommand):
    help = "Check the audit trail: that no line was changed, put in, taken out or cut off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser("verify", help="go through the whole trail, and compare it with the heads kept apart")
        verify.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, and say what is wrong."""
        need_tables()
        proof = audit_proof.verify()
        if options["json"]:
            self.stdout.write(json.dumps({"lines": proof.lines, "heads": proof.heads, "broken": proof.broken}))
        else:
            for sentence in proof.broken[:SHOWN]:
                self.stdout.write(sentence)
            if len(proof.broken) > SHOWN:
                self.stdout.write(f"… and {len(proof.broken) - SHOWN} more")
        if proof.broken:
            raise CommandError("The audit trail is not whole.")
        if not options["json"]:
            kept = f"{proof.heads} kept in {audit_proof.heads_file()}" if proof.heads else "none kept yet"
            self.stdout.write(f"The audit trail is whole. Lines: {proof.lines}. Heads compared: {kept}.")

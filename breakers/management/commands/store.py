"""`manage.py store show|prune`: how large the store is by kind, how long each is kept, and what is too old."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from breakers import measuring, pruning
from breakers.errors import BreakersError
from breakers.management.tables import need_tables
from breakers.retaining import retention
from breakers.times import rfc3339


class Command(BaseCommand):
    help = "Look at the store, and take away what is older than it is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        show = verbs.add_parser("show", help="rows, bytes and the oldest of each kind, and how long it is kept")
        prune = verbs.add_parser("prune", help="what is too old; with --yes it is taken away, in small slices")
        prune.add_argument("--yes", action="store_true", help="do it; the board may run meanwhile")
        for verb in (show, prune):
            verb.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        """Do what was asked."""
        need_tables()
        try:
            if verb == "show":
                self._show(options["json"])
            elif options["yes"]:
                self._prune(options["json"])
            else:
                self._dry_run(options["json"])
        except BreakersError as error:
            raise CommandError(str(error)) from error

    def _show(self, as_json: bool) -> None:
        sizes = measuring.measure(timezone.now())
        disk = measuring.disk()
        days = retention().days
        if as_json:
            kinds = {
                size.kind: {
                    "rows": size.rows,
                    "bytes": size.bytes,
                    "oldest_at": rfc3339(size.oldest_at),
                    "kept_days": days.get(size.kind) or None,
                }
                for size in sizes
            }
            self.stdout.write(json.dumps({"kinds": kinds, "disk": disk._asdict()}))
            return
        self.stdout.write(f"{'kind':<12} {'rows':>14} {'MB':>10}  {'oldest':<16}  kept")
        for size in sizes:
            megabytes = "–" if size.bytes is None else f"{size.bytes / 1e6:,.1f}"
            oldest = f"{size.oldest_at:%Y-%m-%d %H:%M}" if size.oldest_at else "–"
            kept = f"{days[size.kind]} days" if days.get(size.kind) else "for good"
            self.stdout.write(f"{size.kind:<12} {size.rows:>14,} {megabytes:>10}  {oldest:<16}  {kept}")
        free = "" if disk.free is None else f", {disk.free / 1e9:,.1f} GB free on the disk"
        self.stdout.write(f"{(disk.database + disk.log) / 1e6:,.1f} MB in all, {disk.reusable / 1e6:,.1f} of it free for new rows{free}")  # fmt: skip

    def _dry_run(self, as_json: bool) -> None:
        counts = pruning.count_too_old(timezone.now())
        if as_json:
            self.stdout.write(json.dumps({"pruned": False, "rows": counts}))
            return
        for name, count in counts.items():
            self.stdout.write(f"{name:<12} {count:>14,}")
        self.stdout.write("Nothing was taken away: --yes does it.")

    def _prune(self, as_json: bool) -> None:
        at = timezone.now()
        pruning.fold(at)
        gone = pruning.prune(at, progress=lambda name, count: self.stderr.write(f"{name}: {count:,}"))
        if as_json:
            self.stdout.write(json.dumps({"pruned": True, "rows": gone}))
            return
        for name, count in gone.items():
            self.stdout.write(f"{name:<12} {count:>14,}")
        self.stdout.write("SQLite keeps the room for new rows; PostgreSQL's autovacuum gives it back to its tables.")

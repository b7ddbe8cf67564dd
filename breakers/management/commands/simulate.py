"""`manage.py simulate`: an invented fleet posts to a board over HTTP: for demos, pictures and benchmarks.

manage.py simulate --breakers 500 --rate 200                    beside the board: makes its keys, and revokes them at the end
BREAKERBOARD_KEY=bbk_… manage.py simulate --url https://board.example.com    anywhere, as one service
"""

import asyncio
import json
import math
import os
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from breakers import keys, simulating
from breakers.domain.traffic import Fleet, Shape
from breakers.errors import BreakersError
from breakers.management.people import system_actor
from breakers.management.tables import need_tables
from breakers.simulating import Plan, Refused, Simulation, Tally

LABEL = "manage.py simulate"
# Without a terminal, a line this often (in lines of the simulation: one a second).
QUIETLY = 10


class Command(BaseCommand):
    help = "Post the traffic of an invented fleet to a board, with failure waves, at a rate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--url", default=settings.SITE_URL, help="the board (%(default)s)")
        add(
            "--key",
            default=os.environ.get("BREAKERBOARD_KEY", ""),
            help="post as this one service; else $BREAKERBOARD_KEY, else keys are made here",
        )
        add(
            "--service",
            action="append",
            metavar="NAME",
            help="post as this service, made here if missing; may be repeated",
        )
        add(
            "--services",
            type=_at_least(1),
            help="how many services, by names of their own (a few for so many breakers)",
        )
        add("--breakers", type=_at_least(1), default=60, help="how many, in all (%(default)s)")
        add("--instances", type=_at_least(1), default=3, help="of each service (%(default)s)")
        add("--dependencies", type=_at_least(1), help="that they share (a fifth of the breakers, at least 4)")
        add("--rate", type=_above_zero, default=50.0, help="events a second (%(default)g)")
        add("--duration", type=_above_zero, metavar="S", help="end after so many seconds (until Ctrl-C)")
        add("--seed", type=int, default=1, help="the same seed tells the same story (%(default)s)")
        add(
            "--wave-every",
            type=_seconds,
            default=40.0,
            metavar="S",
            help="a dependency fails about so often; 0: never (%(default)g)",
        )
        add("--wave-lasts", type=_above_zero, default=45.0, metavar="S", help="and for about so long (%(default)g)")
        add("--batch", type=_at_least(1, 1_000), default=200, help="events a request, at most (%(default)s)")
        add("--connections", type=_at_least(1, 64), default=4, help="(%(default)s)")
        add("--repeated", type=_percent, default=0.0, metavar="PERCENT", help="of the requests are posted twice")
        add(
            "--spoilt",
            type=_percent,
            default=0.0,
            metavar="PERCENT",
            help="of the copies' words are events that the board refuses",
        )
        add("--leave", action="store_true", help="at the end every instance says that it stops on purpose")
        add("--json", action="store_true", help="the summary as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Post, tell how it goes, and sum it up."""
        named = options["service"] or []
        if options["key"] and named:
            raise CommandError("--key posts as the key's own service; leave out --service")
        services = 1 if options["key"] else len(named) or options["services"] or _suiting(options["breakers"])
        at = timezone.now()
        shape = Shape(
            services=services,
            breakers=options["breakers"],
            instances=options["instances"],
            dependencies=options["dependencies"] or max(4, options["breakers"] // 5),
            rate=options["rate"],
            wave_every_s=options["wave_every"],
            wave_lasts_s=options["wave_lasts"],
            spoilt=options["spoilt"],
            seed=options["seed"],
        )
        fleet = Fleet(shape, simulating.run_name(at, shape.seed))
        fleet.services[: len(named)] = named
        with self._keys(options["key"], fleet.services) as made:
            plan = Plan(
                options["url"].rstrip("/"),
                made,
                options["duration"],
                options["batch"],
                options["connections"],
                options["repeated"],
                options["leave"],
            )
            self._say(
                f"{len(fleet):,} copies of {shape.breakers:,} breakers in {services:,} services post {shape.rate:g} events/s"
                f" to {plan.url}; seed {shape.seed}, Ctrl-C ends it"
            )
            tally = self._run(plan, fleet)
        summary = tally.summary()
        if options["json"]:
            self.stdout.write(json.dumps(summary))
        else:
            for name, value in summary.items():
                self.stdout.write(f"{name:>14}  {value if value not in (None, {}) else '–'}")

    def _run(self, plan: Plan, fleet: Fleet) -> Tally:
        async def run() -> Tally:
            simulation = Simulation(plan, fleet)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, simulation.stop)
            return await simulation.run(self._progress())

        try:
            return asyncio.run(run())
        except Refused as refused:
            raise CommandError(str(refused)) from None

    def _progress(self) -> Callable[[str], None]:
        """A line that is written over on a terminal; elsewhere a line each 10 s."""
        told = 0

        def tell(line: str) -> None:
            nonlocal told
            told += 1
            if sys.stderr.isatty():
                self.stderr.write(f"\r\x1b[K{line}", ending="")
            elif told % QUIETLY == 0:
                self._say(line)

        return tell

    def _say(self, line: str) -> None:
        self.stderr.write(line)

    @contextmanager
    def _keys(self, given: str, services: list[str]) -> Iterator[tuple[str, ...]]:
        """The key that was given, or one made for each service, which ends with the run."""
        if given:
            yield (given,)
            return
        need_tables()
        made: dict[str, str] = {}
        try:
            for name in services:
                added = keys.add_service(system_actor(), name, at=timezone.now(), new_key=True, label=LABEL)
                made[name] = added.key or ""
            yield tuple(made.values())
        except BreakersError as error:
            raise CommandError(str(error)) from error
        finally:
            for name, key in made.items():
                keys.revoke_key(system_actor(), name, key.split("_")[1], at=timezone.now())


def _suiting(breakers: int) -> int:
    """How many services a fleet of so many breakers has: 6 for 60, 17 for 500, 54 for 5,000."""
    return max(1, round(math.sqrt(breakers) / 1.3))


def _at_least(least: int, most: int = 1_000_000) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ArgumentTypeError(f"'{text}' is no whole number from {least} to {most:,}")
        return int(text)

    return whole


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1e9:
        raise ArgumentTypeError(f"'{text}' is no number of 0 or more")
    return number


def _above_zero(text: str) -> float:
    number = _seconds(text)
    if not number:
        raise ArgumentTypeError("it must be more than 0")
    return number


def _percent(text: str) -> float:
    number = _seconds(text)
    if number > 100:
        raise ArgumentTypeError(f"'{text}' is no percentage from 0 to 100")
    return number / 100

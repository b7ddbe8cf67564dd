"""`manage.py up`: the whole board in one foreground process tree, in one process group.

Embedded Valkey (where REDIS_URL is unset), web, two workers, beat; one log on standard output. SIGTERM or Ctrl-C, to this
process or to the group, ends all of it within 10 s. Killed without a word, it takes its children with it.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from dashboard import inviting, logs, parts, starting, supervising, valkey
from dashboard.parents import gone_or_interrupted
from dashboard.printing import Printer
from dashboard.quieting import Quieting
from dashboard.supervising import CannotStart, Child, Part
from dashboard.watching import Watch

READY_WITHIN = 30.0  # s, then the log says what is missing
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Command(BaseCommand):
    help = "Start everything: web, workers, beat, and Valkey where REDIS_URL is unset."
    requires_system_checks = ()  # handle() asks them: a sentence, where Django prints a report

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--also",
            action="append",
            default=[],
            metavar="NAME=COMMAND",
            help="one more process of the tree, started when the board is ready",
        )

    def handle(self, *args: Any, also: list[str], **options: Any) -> None:
        """Prepare, then run until told to stop."""
        if wrong := [check.msg for check in checks.run_checks() if check.is_serious()]:
            raise CommandError(f"Breakerboard can't start: {'; '.join(wrong)}")
        if settings.ENV.port == 0:
            # The address is part of the settings: begin again with one. Same process, same group.
            os.environ["PORT"] = str(starting.free_port(settings.ENV.host))
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 (the same command again)
        try:
            lock = starting.take_data_dir()
            starting.check_port(settings.ENV.host, settings.ENV.port)
            starting.prepare_database()
            starting.prepare_static_files()
            # Not asyncio.run: it waits for every thread at its end, and a database that hangs would hold one for ever.
            asyncio.Runner().run(Tree(lock, also).run())
            os._exit(0)
        except (starting.CannotRun, CannotStart) as error:
            raise CommandError(f"Breakerboard can't start: {error}") from error
        except KeyboardInterrupt:
            sys.exit(130)


class Tree:
    """The running board."""

    def __init__(self, lock: int, also: list[str]) -> None:
        self._printer = Printer()
        self._quieting = Quieting()
        self._stop = asyncio.Event()
        self._host, self._port = settings.ENV.host, settings.ENV.port
        self._valkey: valkey.Embedded | None = None
        self._runs: list[asyncio.Task[None]] = []
        self._also = [parts.other_part(text, lock) for text in also]
        self.children: dict[str, Child] = {}
        self._parts = [*parts.web_parts(self._host, self._port, lock), *parts.worker_parts(lock), parts.beat_part(lock)]
        if settings.ENV.valkey_socket is not None:
            files = Path(settings.DATA_DIR) / "valkey"
            self._valkey = valkey.Embedded(settings.ENV.valkey_socket, files)
            self._parts.insert(0, parts.valkey_part(self._valkey, settings.ENV.valkey_socket, files, lock))

    async def run(self) -> None:
        """Start all, watch them, stop them.

        Errors: CannotStart where a part does not come up.
        """
        self._speak_through_the_printer()
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._told_to_stop, number)
        duties = [asyncio.create_task(self._watch_parent())]
        try:
            for part in self._parts:
                self._start(part)
                if part.name == "valkey":
                    await self._valkey_answers()
            watch = Watch(self.children, self._host, self._port, self._valkey)
            duties += [asyncio.create_task(watch.run()), asyncio.create_task(self._announce(watch))]
            await self._until_the_end(duties)
        finally:
            for duty in duties:
                duty.cancel()
            await supervising.stop_all(list(reversed(self.children.values())))
            for run in self._runs:
                run.cancel()
            await asyncio.gather(*self._runs, *duties, return_exceptions=True)
            self._log("stopped")
            self._printer.drain(0.5)

    def _start(self, part: Part) -> None:
        child = self.children[part.name] = Child(part, self._say, _event)
        self._runs.append(asyncio.create_task(child.run()))

    async def _valkey_answers(self) -> None:
        """The others begin with a broker; they could wait for it, in longer steps."""
        end = asyncio.get_running_loop().time() + 5
        while self._valkey is not None and not await self._valkey.answers():
            if asyncio.get_running_loop().time() > end or self._stop.is_set():
                return
            await asyncio.sleep(0.02)

    async def _until_the_end(self, duties: list[asyncio.Task[None]]) -> None:
        """Wait for the word to stop, or for a part that can't start."""
        stop = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                waited = {stop, *self._runs, *(duty for duty in duties if not duty.done())}
                done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED, timeout=1)
                for task in done - {stop}:
                    task.result()
        finally:
            stop.cancel()

    async def _announce(self, watch: Watch) -> None:
        """Say once where the board is, when it is ready; else what is missing."""
        told: dict[str, Any] | None = None
        loop = asyncio.get_running_loop()
        end = loop.time() + READY_WITHIN
        while not told or told["http"] != 200:
            await asyncio.sleep(0.1)
            told = await watch.readiness()
            if loop.time() > end:
                ill = {name: part for name, part in (told or {}).items() if isinstance(part, dict) and not part["ok"]}
                self._log("not ready yet", level="warning", **(ill or {"web": {"ok": False}}))
                end = loop.time() + READY_WITHIN
        self._print_address(await asyncio.to_thread(_first_link))
        for part in self._also:
            self._start(part)

    def _print_address(self, link: str | None) -> None:
        if settings.ENV.log_format == "json":
            # These lines go where logs are kept: whoever reads them there must not become the first admin.
            told = {"event": "ready", "address": settings.SITE_URL, "first_sign_in_file": _kept_link(link)}
            self._printer.print(json.dumps(told))
            return
        self._printer.print(f"\nBreakerboard is ready: {settings.SITE_URL}")
        if link:
            self._printer.print(f"Your first sign-in (works once, for 24 hours): {link}")
        self._printer.print("")

    async def _watch_parent(self) -> None:
        while not gone_or_interrupted():  # noqa: ASYNC110 (another process, not an event of ours)
            await asyncio.sleep(0.5)
        self._log("make was told to stop")
        self._stop.set()

    def _told_to_stop(self, number: signal.Signals) -> None:
        if self._stop.is_set() and number == signal.SIGINT:
            for child in self.children.values():
                child.kill()
        if not self._stop.is_set():  # the group may hear it, and make tell it again
            self._log(f"stopping: {signal.Signals(number).name}")
        self._stop.set()

    def _log(self, event: str, level: str = "info", **fields: Any) -> None:
        self._say({"level": level, "event": event, **fields})

    def _say(self, event: dict[str, Any]) -> None:
        if event.get("level") == "debug":
            return
        event = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "part": "up", **event}
        for told in self._quieting.passed(event):
            for line in logs.render({"at": event["at"], **told}, settings.ENV.log_format).splitlines():
                self._printer.print(line)

    def _speak_through_the_printer(self) -> None:
        """Our own log lines too must not wait for a reader."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(self._printer)


def _event(line: str, part: Part) -> dict[str, Any]:
    """A line of a part as an event: its own JSON, or what the part makes of it."""
    if line.startswith("{"):
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict):
                return {**told, "part": part.name}
    return {**part.told(line), "part": part.name}


def _kept_link(link: str | None) -> str | None:
    """The file that holds the first sign-in, readable by its owner alone; None, and no file, where there is an admin."""
    path = settings.DATA_DIR / "first-sign-in"
    path.unlink(missing_ok=True)
    if link is None:
        return None
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(link + "\n")
    return str(path)


def _first_link() -> str | None:
    try:
        return inviting.first_link(timezone.now())
    finally:
        connection.close()

"""The reporter: what a service holds in its hand.

It is idle until a breaker is attached. From then on daemon threads do the talking; the
guarded calls only add to a buffer. Without an address it does nothing at all, so that the
same code runs on a laptop.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Callable

from breakerboard import process
from breakerboard.adapters import adapter_for
from breakerboard.adapters.base import Adapter
from breakerboard.aggregate import MOST_COUNT
from breakerboard.board import Board
from breakerboard.buffer import Buffer
from breakerboard.crew import Crew
from breakerboard.events import Subject, name_problem
from breakerboard.settings import Settings

log = logging.getLogger("breakerboard")

MOST_LABELS = 32


class Reporter:
    """Reports breakers to the board at `url`, with the service's ingest `key`.

    Not given, they come from BREAKERBOARD_URL and BREAKERBOARD_KEY. `instance` names this copy of the
    service (HOSTNAME:pid otherwise); `redact` is passed every error message before it is sent.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        instance: str | None = None,
        redact: Callable[[str], str] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._redact = redact
        self._given = instance
        self._adapters: dict[str, Adapter] = {}
        self._attaching = threading.RLock()
        self._hook_errors = 0
        if problem := name_problem("The instance's name", instance or process.instance_name()):
            raise ValueError(problem)
        self._buffer = Buffer(self._settings, instance or process.instance_name(), self._woken)
        address = url or os.environ.get("BREAKERBOARD_URL")
        if address:
            self._board: Board | None = Board(address, key or os.environ.get("BREAKERBOARD_KEY", ""), self._settings)
        else:
            self._board = None
            log.info("BREAKERBOARD_URL is not set: no circuit breaker is reported.")
        self._crew = self._hire()
        process.move_in(self)

    @property
    def instance(self) -> str:
        return self._buffer.instance

    def attach(
        self,
        breaker: object,
        name: str | None = None,
        dependency: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Report this breaker from now on, beginning with a heartbeat that tells its state."""
        name = name or getattr(breaker, "name", None)
        if problem := name_problem("A breaker's name (attach(breaker, name=…), or its own)", name):
            raise ValueError(f"{problem} It must stay the same over restarts.")
        assert name is not None
        dependency = dependency or name
        if problem := name_problem("A dependency's name", dependency):
            raise ValueError(problem)
        if len(labels or {}) > MOST_LABELS:
            raise ValueError(f"A breaker has at most {MOST_LABELS} labels, {name!r} was given {len(labels or {})}.")
        about = {str(key): str(value) for key, value in (labels or {}).items()}
        for text in (*about, *filter(None, about.values())):
            if problem := name_problem("A label, and its value,", text):
                raise ValueError(problem)
        make = adapter_for(breaker)
        if self._crew is None:
            return
        with self._attaching:
            if name in self._adapters:
                raise ValueError(f"A breaker {name!r} is attached already; detach({name!r}) it first.")
            adapter = make(breaker, Subject(name, dependency), about, self._buffer, self._settings)
            self._adapters[name] = adapter
            try:
                adapter.attach()
            except BaseException:
                del self._adapters[name]
                raise

    def detach(self, name: str) -> None:
        """Report this breaker no more, and leave it as it was. Waits for a guarded call under way."""
        with self._attaching:
            adapter = self._adapters.pop(name, None)
        if adapter is None:
            raise ValueError(f"No breaker {name!r} is attached; attached are: {', '.join(sorted(self._adapters))}.")
        adapter.stopped()
        self._hook_errors += adapter.hook_errors
        adapter.remove()

    def retry(self, name: str, count: int = 1) -> None:
        """The service tried a call again, by its own means."""
        self._remark("retry", name, count)

    def fallback(self, name: str, count: int = 1) -> None:
        """The service served a fallback in place of the call's result."""
        self._remark("fallback", name, count)

    def flush(self, timeout: float = 5.0) -> bool:
        """Send all that was seen by now; whether the board has it before `timeout` seconds are over."""
        return True if self._crew is None else self._crew.flush(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Tell the board that each breaker here stops on purpose, flush, and let go of them."""
        until = time.monotonic() + timeout
        process.move_out(self)
        with self._attaching:
            adapters, crew, self._crew = dict(self._adapters), self._crew, None
        if crew is None:
            return
        crew.leave()
        for adapter in adapters.values():
            adapter.stopped()
        crew.flush(max(0.0, until - time.monotonic()))
        self._adapters.clear()
        crew.stop()
        for name, adapter in adapters.items():
            adapter.active = False
            with suppress(RuntimeError):  # taking a listener off waits for a guarded call: not here
                crew.applier.submit(name, adapter.remove)

    def stats(self) -> dict[str, Any]:
        """What went out, what waits, what was lost. `trouble` says why the board does not take events now."""
        poster = None if self._crew is None else self._crew.poster
        return {
            "buffered": len(self._buffer),
            "dropped": self._buffer.dropped,
            "hook_errors": self._hook_errors + sum(adapter.hook_errors for adapter in list(self._adapters.values())),
            "trouble": None if poster is None else poster.trouble,
            **({} if poster is None else poster.counts),
        }

    def after_fork(self) -> None:
        """In a forked child: another instance, with a buffer and threads of its own."""
        given = self._given and f"{self._given}:{os.getpid()}"
        self._attaching = threading.RLock()
        self._buffer.reset(given or process.instance_name())
        if self._crew is not None:
            self._crew.abandon()
            self._crew = self._hire()
        for adapter in self._adapters.values():
            adapter.after_fork()
        if self._crew is not None:
            self._crew.poster.next_beat = 0.0  # each breaker is told anew, with the first event

    def leave(self, timeout_s: float, on_purpose: bool) -> None:
        """At the end of the process: one try to send the rest."""
        if self._crew is None or not self._adapters:
            return
        self._crew.leave()
        if on_purpose:
            for adapter in list(self._adapters.values()):
                adapter.stopped()
        self._crew.flush(timeout_s, once=True)
        process.move_out(self)  # a child of multiprocessing may come here twice

    def _remark(self, kind: str, name: str, count: int) -> None:
        adapter = self._adapters.get(name)
        if adapter is None or not 0 < count <= MOST_COUNT:
            return
        try:
            self._buffer.outcome(adapter.subject, kind, count=count)
        except Exception:
            adapter.guard_failed()

    def _woken(self) -> None:
        if self._crew is not None:
            self._crew.wake()

    def _hire(self) -> Crew | None:
        return None if self._board is None else Crew(self._board, self._buffer, self._adapters, self._redact)

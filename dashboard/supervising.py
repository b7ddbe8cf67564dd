"""Supervising: starts the parts of the board as processes in one group, passes on what they say, starts again what dies.

No part outlives the process that supervises it, however that one ends.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # s before a dead part is started again
HEALTHY_AFTER = 60.0  # s: then it begins with the first pause again
# A part that ends this soon after its start this often, and never lived longer, can't start.
TOO_SOON, MOST_FAILURES = 10.0, 5
STOP_WITHIN = 7.0  # s from the signal to SIGKILL
STOP_GUESTS_WITHIN = 3.0  # s, of the time for all
STOP_DEAF_WITHIN = 1.0  # s more, for what ends last
PR_SET_PDEATHSIG = 1
LONGEST_LINE = 65_536
NO_PROCESS = 127  # the shell's status for what could not be run

Say = Callable[[dict[str, Any]], None]
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class CannotStart(Exception):
    """A part does not come up; the message says which and what it said last."""


@dataclass(frozen=True)
class Part:
    """A process of the tree.

    stop: asks it to end; None: SIGTERM. deaf: signals to the whole group don't reach it, it ends after the others.
    guest: it speaks to the board, and ends before it, so that its last words are heard.
    told: makes an event of a line that is no JSON. signs: where the part's signs of life can be read.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    told: Callable[[str], dict[str, Any]] = lambda line: {"level": "info", "event": line}
    stop: Callable[[], Awaitable[None]] | None = None
    deaf: bool = False
    guest: bool = False
    before: Callable[[], None] = lambda: None
    kept_open: Sequence[int] = field(default=())
    signs: int | None = None


class Child:
    """One part while it lives, dies and lives again."""

    def __init__(self, part: Part, say: Say, read: Callable[[str, Part], dict[str, Any]]) -> None:
        self.part = part
        self.restarts = 0
        self._say = say
        self._read = read
        self._process: asyncio.subprocess.Process | None = None
        self._started_at = 0.0
        self._stop = asyncio.Event()
        self._asked_to_restart = False
        self._last_lines: deque[str] = deque(maxlen=5)

    @property
    def name(self) -> str:
        """The part's name."""
        return self.part.name

    @property
    def pid(self) -> int | None:
        """The running process, None between two lives."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def age(self) -> float:
        """Seconds since it was started last; 0 while it does not run."""
        return time.monotonic() - self._started_at if self.pid else 0.0

    async def run(self) -> None:
        """Live, again and again, until told to stop.

        Errors: CannotStart.
        """
        pause, failures, lived = FIRST_PAUSE, 0, False
        while not self._stop.is_set():
            status = await self._live()
            if self._stop.is_set():
                return
            age = time.monotonic() - self._started_at
            self.restarts += 1
            if self._asked_to_restart:
                self._asked_to_restart = False
                continue
            lived = lived or age >= TOO_SOON
            failures = 0 if age >= TOO_SOON else failures + 1
            if failures >= MOST_FAILURES and not lived:
                said = "; ".join(self._last_lines) or "nothing"
                raise CannotStart(
                    f"{self.name} ended {failures} times in a row right after its start ({ended(status)}). It said: {said}"
                )
            pause = FIRST_PAUSE if age >= HEALTHY_AFTER else pause
            self._say({"level": "warning", "event": f"{self.name} {ended(status)}", "again_in_s": pause})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def restart(self, reason: str) -> None:
        """End it and let it live again at once."""
        if self.pid is None or self._asked_to_restart:
            return
        self._say({"level": "warning", "event": f"{self.name} is started again: {reason}"})
        self._asked_to_restart = True
        await self._end(STOP_WITHIN)

    async def stop(self, deadline: float) -> None:
        """End it for good; kill it when the monotonic clock passes `deadline`."""
        self._stop.set()
        await self._end(max(0.0, deadline - time.monotonic()))

    def kill(self) -> None:
        """End it now."""
        if self.pid is not None and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _live(self) -> int:
        self._last_lines.clear()
        self._started_at = time.monotonic()
        try:
            process = self._process = await self._spawn()
        except OSError as error:
            self._last_lines.append(str(error))
            return NO_PROCESS
        assert process.stdout is not None
        async for line in _lines(process.stdout):
            event = self._read(line, self.part)
            self._last_lines.append(str(event.get("event", "")))
            self._say(event)
        return await process.wait()

    async def _spawn(self) -> asyncio.subprocess.Process:
        self.part.before()
        return await asyncio.create_subprocess_exec(
            *self.part.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self.part.environ),
            pass_fds=self.part.kept_open,
            preexec_fn=tie_to_parent(os.getpid(), deaf=self.part.deaf),
        )

    async def _end(self, seconds: float) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._ask_to_end(process)
                await process.wait()
        except TimeoutError:
            self._say({"level": "warning", "event": f"{self.name} did not end within {seconds:.1f} s and is killed"})
            self.kill()
            await process.wait()

    async def _ask_to_end(self, process: asyncio.subprocess.Process) -> None:
        if self.part.stop is not None:
            await self.part.stop()
        else:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()


async def stop_all(children: Sequence[Child]) -> None:
    """Ask all to stop, in this order, and wait for them; guests end before, those that are deaf to signals after the others."""
    deadline = time.monotonic() + STOP_WITHIN
    guests_deadline = time.monotonic() + STOP_GUESTS_WITHIN
    await asyncio.gather(*(child.stop(guests_deadline) for child in children if child.part.guest))
    await asyncio.gather(*(child.stop(deadline) for child in children if not (child.part.guest or child.part.deaf)))
    deadline = max(deadline, time.monotonic() + STOP_DEAF_WITHIN)
    await asyncio.gather(*(child.stop(deadline) for child in children if child.part.deaf))


def ended(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def tie_to_parent(parent: int, *, deaf: bool) -> Callable[[], None]:
    """What runs in the new process before the program: it is killed when its parent is gone (Linux)."""

    def tie() -> None:
        if deaf:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            # It may be gone already: then no signal comes.
            if os.getppid() != parent:
                os._exit(1)

    return tie


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """The stream's lines; one that does not end is cut."""
    rest = b""
    while chunk := await stream.read(LONGEST_LINE):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            whole, rest = [*whole, rest], b""
        for line in whole:
            if line.strip():
                yield line.decode(errors="replace").rstrip()
    if rest.strip():
        yield rest.decode(errors="replace").rstrip()

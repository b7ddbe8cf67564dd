"""Starting: what must be right before anything runs. Each thing that is not ends the start with a sentence that says where."""

import errno
import fcntl
import hashlib
import io
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import OperationalError, connection

from alerts import rewinding
from breakers.models import Pulse

LOCK_WITHIN = 5.0  # s: a board that was killed is gone by then


class CannotRun(Exception):
    """The board can't start; the message says why, and where."""


def take_data_dir() -> int:
    """Make DATA_DIR ours, and return the open lock. It ends with the last process that has it open: it can't be stale.

    Errors: CannotRun.
    """
    path = Path(settings.DATA_DIR) / "up.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotRun(f"DATA_DIR {path.parent} can't be written: {error.strerror}") from error
    end = time.monotonic() + LOCK_WITHIN
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if time.monotonic() > end:
                holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
                raise CannotRun(f"another Breakerboard (process {holder}) runs in DATA_DIR {path.parent}") from error
            time.sleep(0.05)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def check_port(host: str, port: int) -> None:
    """Someone else's port is found before anything starts.

    Errors: CannotRun.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        why = (
            "is taken by another program; set PORT to a free one"
            if error.errno == errno.EADDRINUSE
            else f"can't be used: {error.strerror}"
        )
        raise CannotRun(f"port {port} on {host} {why}") from error


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket that several processes can take connections from.

    Errors: CannotRun.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise CannotRun(f"port {port} on {host} can't be used: {error.strerror}") from error
    return listening


def free_port(host: str) -> int:
    """A port that is free now."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.bind(address)
        return int(probe.getsockname()[1])


def prepare_database() -> None:
    """Bring the tables up to date. Pulses of an earlier run say nothing of this one, but for the time it was then.

    Errors: CannotRun.
    """
    database = settings.DATABASES["default"]
    place = (
        database["NAME"]
        if connection.vendor == "sqlite"
        else f"{database['HOST'] or 'localhost'}:{database['PORT'] or 5432}"
    )
    try:
        call_command("migrate", interactive=False, verbosity=0)
        Pulse.objects.exclude(part=rewinding.PART).delete()
    except OperationalError as error:
        raise CannotRun(f"the database at {place} can't be used: {str(error).strip().splitlines()[0]}") from error
    finally:
        connection.close()


def prepare_static_files() -> bool:
    """Collect and compress the files for browsers, where they changed; whether they had.

    Errors: CannotRun.
    """
    mark = _mark_of_static_files()
    stamp = Path(settings.STATIC_ROOT) / ".mark"
    if stamp.is_file() and stamp.read_text() == mark:
        return False
    try:
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0, clear=True, stdout=io.StringIO())
        stamp.write_text(mark)
    except OSError as error:
        raise CannotRun(f"{settings.STATIC_ROOT} can't be written: {error.strerror}") from error
    return True


def _mark_of_static_files() -> str:
    return hashlib.sha256("\n".join(sorted(_static_files())).encode()).hexdigest()


def _static_files() -> Iterator[str]:
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            found = os.stat(storage.path(name))
            yield f"{name} {found.st_size} {found.st_mtime_ns}"

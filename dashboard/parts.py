"""Parts: what the board consists of, as command lines."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from dashboard import living, starting, valkey
from dashboard.celery import QUEUES
from dashboard.serving import UVICORN
from dashboard.supervising import Part

# Two hands for each destination that hangs, and some left over: which ones hang is known only after ten seconds.
THREADS = {"evaluate": 2, "deliver": 16}
# No neighbours to wait for, and no messages to them: twenty times faster after the broker was away.
ALONE = ("--without-mingle", "--without-gossip", "--without-heartbeat")


def valkey_part(server: valkey.Embedded, socket: Path, files: Path, lock: int) -> Part:
    """The embedded server. Signals to the whole group do not end it: the workers still need it."""
    return Part(
        "valkey",
        valkey.command(socket, files),
        _environ(),
        told=valkey.told,
        stop=server.stop,
        deaf=True,
        before=server.before,
        kept_open=(lock,),
    )


def web_parts(host: str, port: int, lock: int) -> list[Part]:
    """Pages, API, sockets, and the edge that takes events: one process, or several that take from one listening socket.

    The socket is ours: while one of them is started again, the others take what comes.
    """
    if settings.WEB_PROCESSES == 1:
        return [Part("web", _uvicorn("--host", host, "--port", str(port)), _environ(), kept_open=(lock,))]
    listening = starting.listening_socket(host, port).detach()
    return [_one_of_several(f"web-{number}", listening, lock) for number in range(1, settings.WEB_PROCESSES + 1)]


def _one_of_several(name: str, listening: int, lock: int) -> Part:
    # An answer at the common address says nothing of this one: each says itself that it lives.
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return Part(
        name,
        _uvicorn("--fd", str(listening)),
        {**_environ(), living.VARIABLE: str(write)},
        kept_open=(lock, listening, write),
        signs=read,
    )


def _uvicorn(*where: str) -> Sequence[str]:
    command = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", *where]
    # Without a word from the site nobody's X-Forwarded-For is believed: uvicorn alone would take that of any local program.
    proxies = (
        ["--forwarded-allow-ips", settings.TRUSTED_PROXIES] if settings.TRUSTED_PROXIES else ["--no-proxy-headers"]
    )
    return [*command, *UVICORN.split(), *proxies]


def worker_parts(lock: int) -> list[Part]:
    """A worker a queue: what waits for others' servers never holds up what computes."""
    return [
        Part(
            queue,
            _celery("worker", "-Q", queue, "-P", "threads", "-c", str(THREADS[queue]), "-n", f"{queue}@%h", *ALONE),
            _environ(),
            kept_open=(lock,),
        )
        for queue in QUEUES
    ]


def beat_part(lock: int) -> Part:
    """The clock."""
    return Part("beat", _celery("beat"), _environ(), kept_open=(lock,))


def other_part(text: str, lock: int) -> Part:
    """A `NAME=COMMAND` of the command line."""
    name, _, command = text.partition("=")
    return Part(name, shlex.split(command), _environ(), guest=True, kept_open=(lock,))


def _celery(*words: str) -> Sequence[str]:
    # No pid and no schedule file: nothing that a killed board could leave behind.
    return [sys.executable, "-m", "celery", "--quiet", "-A", "dashboard.celery", *words, "--loglevel", "INFO"]


def _environ() -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "dashboard.settings"),
        # They were asked before the first part was started: a third of a worker's start.
        "CELERY_SKIP_CHECKS": "1",
        "LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")])),
    }

"""Servers for tests: real ones, thrown away after use."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import redis

from dashboard import valkey

T = TypeVar("T")


@dataclass
class Server:
    """A server that runs, by its process and its URL."""

    process: subprocess.Popen[bytes]
    url: str

    def freeze(self) -> None:
        """Stop it where it stands: it keeps its connections and says nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def valkey_server(directory: Path) -> Iterator[Server]:
    """A Valkey server of the embedded kind, its files and its socket in `directory`."""
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) > 100:
        raise ValueError(f"{path} is too long for a socket")
    valkey.prepare(path, directory / "valkey")
    process = subprocess.Popen(valkey.command(path, directory / "valkey"), stdout=subprocess.DEVNULL)
    server = Server(process, f"unix://{path}")
    try:
        wait_for(lambda: _answers(server.url), 10, "Valkey to answer")
        yield server
    finally:
        server.thaw()
        server.kill()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(look: Callable[[], T], seconds: float, what: str, every: float = 0.02) -> T:
    """What `look()` returns once it is true.

    Errors: TimeoutError that names what was waited for.
    """
    end = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(every)


def _answers(url: str) -> bool:
    with contextlib.suppress(redis.RedisError):
        client = redis.Redis.from_url(url, socket_timeout=1)
        try:
            return bool(client.ping())
        finally:
            client.close()
    return False

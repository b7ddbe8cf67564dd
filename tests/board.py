"""A whole board to test against: `manage.py up` on a free port, with a directory and an environment of its own.

    with Board() as board:
        key = board.service("orders")
        httpx.post(f"{board.url}/api/v1/events", headers={"Authorization": f"Bearer {key}"}, json=…)

It is ready when `with` is entered. What it printed is `board.output()`.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from dashboard.supervising import tie_to_parent
from tests.managing import ROOT, Manager
from tests.servers import free_port, wait_for

# Compressing the files for browsers takes seconds, once a checkout.
STATIC_CACHE = (
    Path(tempfile.gettempdir()) / f"breakerboard-tests-static-{os.getuid()}-{sha256(bytes(ROOT)).hexdigest()[:8]}"
)
# The same of empty tables, once a set of migrations. On PostgreSQL, and where `make run` starts a board, they are made anew.
TABLES_CACHE = STATIC_CACHE.with_name(STATIC_CACHE.name.replace("-static-", "-tables-"))
MAKE_TABLES = """
import django
django.setup()
from dashboard import starting
starting.prepare_database()
"""
DATABASE = "breakerboard.sqlite3"
APPS = ("breakers", "alerts", "dashboard")
LINK = re.compile(r"https?://\S+/welcome/\S+/")


class Board:
    """A running tree. `environ` adds to, or with None takes from, the environment."""

    command: Sequence[str] = (sys.executable, "manage.py", "up")
    # It begins with tables that were made before; else it makes its own.
    given_tables = True

    def __init__(
        self, *, port: int | None = None, data_dir: Path | None = None, ready_within: float = 150, **environ: str | None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._own_dir = data_dir is None
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
        self._ready_within = ready_within
        kept = {k: v for k, v in os.environ.items() if k not in {"REDIS_URL", "DATABASE_URL", "SITE_URL", "MAKELEVEL"}}
        given = {
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            **environ,
        }
        self.environ = {k: v for k, v in {**kept, **given}.items() if v is not None}
        self._log = self.data_dir.with_name(self.data_dir.name + ".log")
        self._started_from = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._manager: Manager | None = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close_manager()
        self.kill9()
        if error is not None:
            print(self.output()[-8_000:])
        if self._own_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)
        self._log.unlink(missing_ok=True)

    def start(self, *, ready: bool = True) -> Self:
        """Start the tree in a process group of its own, and wait until it is ready."""
        prepare(self.data_dir, tables=self.given_tables and "DATABASE_URL" not in self.environ)
        self._started_from = len(self.output())
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                # Tests that are killed clean up nothing; what of it still ran would wait for no one.
                preexec_fn=tie_to_parent(os.getpid(), deaf=False),
            )
        if ready:
            self.wait_ready()
            self._keep_static_files()
        return self

    def wait_ready(self) -> None:
        """Until `/readyz` answers 200 and the tree has said so."""
        wait_for(self._is_ready, self._ready_within, f"{self.url}/readyz to answer 200", every=0.1)
        wait_for(
            lambda: "Breakerboard is ready" in self.output()[self._started_from :], 10, "the address to be printed"
        )

    def readyz(self) -> dict[str, Any]:
        """What `/readyz` tells; empty where nothing answers."""
        with contextlib.suppress(httpx.HTTPError, ValueError):
            told: dict[str, Any] = httpx.get(f"{self.url}/readyz", timeout=5).json()
            return told
        return {}

    def service(self, name: str) -> str:
        """A new ingest key for the service of that name, made where missing."""
        return str(self.manage("service", "add", name, "--new-key", "--json")["key"])

    def token(self, role: str = "admin", name: str | None = None) -> str:
        """A token of the operators' API."""
        name = name or f"{role}-{time.monotonic_ns()}"
        return str(self.manage("token", "add", name, "--role", role, "--replace", "--json")["token"])

    def person(self, name: str, role: str) -> str:
        """The first sign-in link of a person."""
        return str(self.manage("user", "add", name, "--role", role, "--new-link", "--json")["link"])

    def first_link(self) -> str:
        """The link for the first admin that was printed last."""
        return LINK.findall(self.output())[-1]

    def manage(self, *words: str) -> Any:
        """Run a command of `manage.py` beside the board; the JSON of its last line."""
        if self._manager is None or self._manager.environ != self.environ:
            self._close_manager()
            self._manager = Manager(self.environ)
        return json.loads(self._manager.run(*words).splitlines()[-1])

    def output(self) -> str:
        """All that the tree has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def processes(self) -> list[psutil.Process]:
        """The tree: `up` first, then its children."""
        if self.process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        return []

    def part(self, name: str) -> psutil.Process:
        """The running process of a part: web, evaluate, deliver, beat or valkey."""
        marks = {
            "web": "uvicorn",
            "evaluate": "evaluate@",
            "deliver": "deliver@",
            "beat": "beat",
            "valkey": "valkey-server",
        }
        return wait_for(lambda: self._part(marks[name]), 40, f"{name} to run")

    def stop(self, number: int = signal.SIGTERM, *, group: bool = False) -> int:
        """Tell it to stop, alone or the whole group; its exit status."""
        assert self.process is not None
        (os.killpg if group else os.kill)(self.process.pid, number)
        return self.process.wait(15)

    def kill9(self) -> None:
        """End the whole group without a word. What was frozen goes too."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(15)

    def restart(self) -> Self:
        """Kill it without a word, and start it again on the same directory."""
        self.kill9()
        return self.start()

    def _close_manager(self) -> None:
        if self._manager is not None:
            self._manager.close()
            self._manager = None

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"the board ended with {self.process.returncode}: {self.output()[-4_000:]}")
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def _part(self, mark: str) -> psutil.Process | None:
        for process in self.processes()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(word.startswith(mark) or word.endswith(f"/{mark}") for word in process.cmdline()):
                    return process
        return None

    def _keep_static_files(self) -> None:
        made, kept = self.data_dir / "static", STATIC_CACHE
        with alone_with(kept):
            if (kept / ".mark").is_file() and (kept / ".mark").read_text() == (made / ".mark").read_text():
                return
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(made, kept)


def prepare(data_dir: Path, *, tables: bool) -> None:
    """What takes a first start its time, from those that were there before: files for browsers, and tables in SQLite."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with alone_with(STATIC_CACHE):
        if STATIC_CACHE.is_dir() and not (data_dir / "static").exists():
            shutil.copytree(STATIC_CACHE, data_dir / "static")
    if tables and not (data_dir / DATABASE).exists():
        shutil.copyfile(made_tables(), data_dir / DATABASE)
        (data_dir / DATABASE).chmod(0o600)


@cache
def made_tables() -> Path:
    """A file of SQLite with all tables and what migrations write, and nothing else."""
    migrations = sorted(path for app in APPS for path in (ROOT / app / "migrations").glob("*.py"))
    known = sha256(b"".join(bytes(path) + path.read_bytes() for path in migrations)).hexdigest()[:16]
    made = TABLES_CACHE / f"{known}.sqlite3"
    with alone_with(TABLES_CACHE):
        if not made.exists():
            shutil.rmtree(TABLES_CACHE, ignore_errors=True)
            TABLES_CACHE.mkdir()
            kept = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}
            with tempfile.TemporaryDirectory() as directory:
                environ = {**kept, "DATA_DIR": directory, "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
                subprocess.run([sys.executable, "-c", MAKE_TABLES], cwd=ROOT, env=environ, check=True)
                with contextlib.closing(sqlite3.connect(Path(directory) / DATABASE)) as tables:
                    tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                shutil.copyfile(Path(directory) / DATABASE, made.with_suffix(".new"))
            made.with_suffix(".new").rename(made)
    return made


@contextlib.contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """No other process of ours has this directory in hand meanwhile."""
    with path.with_name(f"{path.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

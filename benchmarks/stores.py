"""Stores: the same measurement once on SQLite and once on PostgreSQL, each in a process and a store of its own."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable

from tests.board import Board
from tests.postgres import postgres_server

INSIDE = "BENCHMARK_STORE"


def on_each(module: str, store: str, measure: Callable[[], None]) -> None:
    """Run `measure` in children of this module's own command line, one a store; in such a child, run it here."""
    if os.environ.get(INSIDE):
        prepare()
        measure()
        return
    if store in ("sqlite", "both"):
        _child(module, "SQLite")
    if store in ("postgresql", "both"):
        with postgres_server() as server:
            _child(module, "PostgreSQL", DATABASE_URL=server.url)


def unhindered(board: Board) -> str:
    """The key of a service that may post as fast as the board takes it."""
    key = board.service("bench")
    limits = ("requests_per_s", "requests_burst", "events_per_s", "events_burst")
    told = [word for limit in limits for word in ("--limit", f"{limit}=1000000")]
    board.manage("service", "set", "bench", *told, "--json")
    return key


def choose(parser: argparse.ArgumentParser) -> None:
    """Which stores."""
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="both")


def heading(*columns: str) -> None:
    """The head of the table, once for all stores."""
    if not os.environ.get(INSIDE):
        print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)


def name() -> str:
    """The store of this child."""
    return os.environ[INSIDE]


def prepare() -> None:
    """An empty board in this process's store."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _child(module: str, name: str, **environ: str) -> None:
    directory = tempfile.mkdtemp(prefix="bb-bench-", dir="/tmp")
    kept = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    told = {**kept, "DATA_DIR": directory, "DJANGO_SETTINGS_MODULE": "dashboard.settings", INSIDE: name, **environ}
    try:
        subprocess.run([sys.executable, "-m", module, *sys.argv[1:]], env=told, check=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)

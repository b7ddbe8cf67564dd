"""The process tree: starts, heals, stops, and starts again whatever was done to it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.board import ROOT, Board, prepare
from tests.servers import free_port, wait_for

pytestmark = pytest.mark.timeout(180)
PARTS = {"web", "evaluate", "deliver", "beat", "valkey"}


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


def up(**environ: str) -> subprocess.CompletedProcess[str]:
    """`manage.py up` that is expected to end by itself."""
    kept = {k: v for k, v in os.environ.items() if k not in {"REDIS_URL", "DATABASE_URL"}}
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**kept, "DJANGO_SETTINGS_MODULE": "dashboard.settings", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def test_all_parts_run_in_one_process_group(board: Board) -> None:
    tree = board.processes()
    assert {os.getpgid(process.pid) for process in tree} == {board.process.pid}
    assert {os.getsid(process.pid) for process in tree} == {os.getsid(0)}
    assert len({board.part(name).pid for name in PARTS}) == 5


def test_readyz_names_every_part(board: Board) -> None:
    told = board.readyz()
    assert {name: told[name]["ok"] for name in ("database", "redis", "worker", "beat")} == {
        "database": True,
        "redis": True,
        "worker": True,
        "beat": True,
    }
    assert httpx.get(f"{board.url}/livez").json() == {"status": "ok"}


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_part_that_dies_is_started_again_and_named(board: Board, name: str) -> None:
    before = board.part(name)
    before.send_signal(signal.SIGKILL)
    wait_for(lambda: gone([before]), 5, f"{name} to die")
    assert board.part(name).pid != before.pid
    wait_for(lambda: board.readyz().get("status") == "ok", 30, "the board to be ready again", every=0.1)
    assert re.search(rf"{name} was ended by SIGKILL", board.output())


def test_two_boards_do_not_share_a_directory(board: Board) -> None:
    done = up(DATA_DIR=str(board.data_dir), PORT=str(free_port()))
    assert done.returncode == 1
    assert f"another Breakerboard (process {board.process.pid}) runs in DATA_DIR {board.data_dir}" in done.stderr
    assert board.readyz()["status"] == "ok"


def test_two_boards_run_side_by_side(board: Board) -> None:
    with Board() as other:
        key = other.service("orders")
        assert (
            httpx.post(f"{board.url}/api/v1/events", headers={"Authorization": f"Bearer {key}"}, json=[]).status_code
            == 401
        )
        assert (
            httpx.post(f"{other.url}/api/v1/events", headers={"Authorization": f"Bearer {key}"}, json=[]).status_code
            == 202
        )


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up(DATA_DIR=str(tmp_path), PORT=str(port))
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken by another program" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for environ in ({}, {"SECRET_KEY": "given"}):
        done = up(DATA_DIR=str(tmp_path / "file" / "var"), PORT=str(free_port()), **environ)
        assert done.returncode == 1
        assert f"DATA_DIR {tmp_path / 'file' / 'var'} can't be written: Not a directory" in done.stderr
        assert "Traceback" not in done.stderr + done.stdout


def test_a_database_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    port = free_port()
    done = up(
        DATA_DIR=str(tmp_path), PORT=str(free_port()), DATABASE_URL=f"postgresql://ada:hush@127.0.0.1:{port}/board"
    )
    assert done.returncode == 1
    assert f"the database at 127.0.0.1:{port} can't be used" in done.stderr
    assert "hush" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PORT": "http"}, "PORT is 'http'; expected a whole number from 0 to 65535"),
        (
            {"REDIS_URL": "http://cache"},
            "REDIS_URL begins with 'http://'; expected one of redis://, rediss://, unix://",
        ),
        ({"ALERT_WEBHOOK_SECRET": "whsec_x"}, "ALERT_WEBHOOK_SECRET can't be read; expected whsec_ and base64"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_that_makes_no_sense_ends_the_start_with_one_sentence(
    environ: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    done = up(**{"DATA_DIR": str(tmp_path), "PORT": str(free_port()), **environ})
    assert done.returncode == 1
    assert done.stderr.removeprefix("CommandError: ") == f"Breakerboard can't start: {sentence}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("group", [False, True], ids=["up alone", "the group"])
def test_it_stops_cleanly_within_ten_seconds(number: signal.Signals, group: bool) -> None:
    with Board() as board:
        tree = board.processes()
        started = time.monotonic()
        assert board.stop(number, group=group) == 0
        assert time.monotonic() - started < 10
        assert gone(tree)
        assert "Traceback" not in board.output()
        assert "is killed" not in board.output()
        assert not (board.data_dir / "valkey.sock").exists()


def test_a_frozen_part_does_not_hold_up_the_end() -> None:
    with Board() as board:
        tree = board.processes()
        board.part("deliver").suspend()
        board.part("valkey").suspend()
        started = time.monotonic()
        assert board.stop() == 0
        assert time.monotonic() - started < 10
        assert gone(tree)


def test_after_kill_9_of_the_group_it_starts_again_at_once() -> None:
    with Board() as board:
        key = board.service("orders")
        for _ in range(2):
            tree = board.processes()
            board.kill9()
            started = time.monotonic()
            board.start()
            assert time.monotonic() - started < 30
            wait_for(lambda tree=tree: gone(tree), 1, "the old tree to be gone")
        answer = httpx.post(f"{board.url}/api/v1/events", headers={"Authorization": f"Bearer {key}"}, json=[])
        assert answer.status_code == 202


def test_children_do_not_outlive_their_parent() -> None:
    with Board() as board:
        tree = board.processes()
        assert len(tree) == 6
        os.kill(board.process.pid, signal.SIGKILL)
        board.process.wait(5)
        wait_for(lambda: gone(tree), 5, "the children to be killed")
        board.start()


def test_a_directory_with_a_long_name_works(tmp_path: Path) -> None:
    directory = tmp_path / ("long-" * 30)
    with Board(data_dir=directory) as board:
        assert board.readyz()["redis"]["ok"]
        (place,) = {word for word in board.part("valkey").cmdline() if word.endswith("valkey.sock")}
        assert Path(place).parent.stat().st_mode & 0o077 == 0


def test_files_that_valkey_cannot_read_are_put_aside() -> None:
    with Board() as board:
        board.kill9()
        for file in (board.data_dir / "valkey" / "appendonlydir").iterdir():
            file.write_bytes(b"not what it was" * 10)
        board.start()
        assert board.readyz()["redis"]["ok"]
        assert (board.data_dir / "valkey-unreadable").is_dir()


def test_a_reader_that_stops_reading_does_not_freeze_the_board(tmp_path: Path) -> None:
    port = free_port()
    prepare(tmp_path, tables=True)
    environ = {"DATA_DIR": str(tmp_path), "PORT": str(port), "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    full, held = os.pipe()
    os.set_blocking(held, False)
    try:
        while True:
            os.write(held, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(held, True)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env={**os.environ, **environ}, stdout=held, stderr=held
    )
    try:

        def ready() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
            except httpx.HTTPError:
                return False

        wait_for(ready, 60, "the board to be ready with nobody reading", every=0.1)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(full)
        os.close(held)


def test_a_log_for_machines_holds_no_way_in() -> None:
    board = Board(LOG_FORMAT="json")
    with contextlib.ExitStack() as ends:
        ends.callback(board.__exit__, None, None, None)
        board.start(ready=False)
        wait_for(lambda: '"event": "ready"' in board.output(), 150, "the line that says ready")
        kept = board.data_dir / "first-sign-in"
        assert f'"first_sign_in_file": "{kept}"' in board.output()
        assert "/welcome/" not in board.output()
        assert kept.stat().st_mode & 0o777 == 0o600
        link = kept.read_text().strip()
        assert httpx.get(link).status_code == 200
        for line in board.output().splitlines():
            json.loads(line)

"""`manage.py simulate` beside a running board: its fleet is on the wall, and it leaves no key behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.board import ROOT, Board
from tests.faults.store import rows
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    """A board of its own."""
    with Board() as board:
        yield board


def start(board: Board, *words: str) -> subprocess.Popen[str]:
    """The simulation, beside the board."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "simulate", "--url", board.url, "--json", *words],
        cwd=ROOT,
        env=board.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def test_what_it_says_it_sent_is_on_the_board(board: Board) -> None:
    token = board.token("viewer")
    simulation = start(board, "--breakers", "24", "--rate", "200", "--duration", "4", "--wave-every", "1", "--repeated", "20", "--spoilt", "5")  # fmt: skip
    said, progress = simulation.communicate(timeout=60)
    assert simulation.returncode == 0, progress
    told = json.loads(said)
    assert told["sent"] == told["accepted"] + told["duplicates"] + told["rejected"] > 500
    assert min(told["duplicates"], told["rejected"], told["p50_ms"]) > 0
    assert (told["given_up"], told["retries"], told["refused"]) == (0, 0, {})
    assert rows(board, "SELECT count(*) FROM breakers_event") == [(told["accepted"],)]
    api = httpx.get(f"{board.url}/api/v1/breakers?limit=200", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert len(api.json()["items"]) == 24
    assert rows(board, "SELECT count(*) FROM breakers_ingestkey WHERE revoked_at IS NULL") == [(0,)]


def test_ctrl_c_ends_it_with_its_summary(board: Board) -> None:
    simulation = start(board, "--service", "by-hand", "--breakers", "5", "--leave")
    wait_for(lambda: rows(board, "SELECT 1 FROM breakers_breaker b JOIN breakers_service s ON s.id = b.service_id WHERE s.name = 'by-hand'"), 30, "its breakers")  # fmt: skip
    os.killpg(simulation.pid, signal.SIGINT)
    said, progress = simulation.communicate(timeout=15)
    assert (simulation.returncode, "Traceback" in progress) == (0, False)
    told = json.loads(said)
    assert (told["accepted"], told["given_up"]) == (told["sent"], 0)
    stopped = rows(board, "SELECT count(*) FROM breakers_instance i JOIN breakers_breaker b ON b.id = i.breaker_id JOIN breakers_service s ON s.id = b.service_id WHERE s.name = 'by-hand' AND i.stopped = 1")  # fmt: skip
    assert stopped == [(15,)]


def test_a_key_that_is_not_good_is_one_sentence(board: Board) -> None:
    simulation = start(board, "--key", "bbk_nonsense")
    _, progress = simulation.communicate(timeout=30)
    assert simulation.returncode == 1
    assert progress.splitlines()[-1] == "CommandError: the board answers 401: the ingest key is unknown or revoked"

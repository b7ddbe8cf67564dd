"""Secrets: those of the environment, of keys, of people. They stand in no log line, no page, no answer, no readable file."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.alerts.receiver import Receiver, answers, receiver
from tests.board import ROOT, Board
from tests.security.people import PASSWORD, Browser, Service, come_in, script
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CANARY = "CaNaRy"
SIGNING = "whsec_Q2FOYVJ5U2VjcmV0Q2FOYVJ5U2VjcmV0Q2FOYVJ5U2VjcmV0"


@dataclass
class Told:
    """A board whose destinations hold canaries and fail, and all that it said of itself."""

    board: Board
    hook: Receiver
    elsewhere: Receiver
    ada: httpx.Client
    key: str


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with receiver() as elsewhere, receiver() as hook:
        hook.then = answers(302, b"see there", f"Location: {elsewhere.url}\r\n")
        urls = (
            f"http://{CANARY}user:{CANARY}pw@127.0.0.1:{hook.port}/{CANARY}path?token={CANARY}query",
            f"http://127.0.0.1:1/{CANARY}refused",
            f"http://{CANARY}.invalid.example/{CANARY}unknown",
            f"slack://{CANARY}AAAA/{CANARY}BBBBB/{CANARY}CCCCCCCCCCCCCCCCCCCC",
        )
        with Board(ALERT_URLS=" ".join(urls), ALERT_WEBHOOK_SECRET=SIGNING, SECRET_KEY=f"{CANARY}{'k' * 50}",
                   ready_within=120) as board:  # fmt: skip
            orders = Service(board, "orders")
            orders.post({"type": "state_change", "breaker": "tracking", "to_state": "open", "instance": "pod"})
            hook.wait_for(1, 60)
            ada = script(board)
            wait_for(lambda: tries(ada) >= 4, 60, "every destination to be tried", every=0.5)
            yield Told(board, hook, elsewhere, ada, orders.key)


def tries(ada: httpx.Client) -> int:
    """Destinations of the newest alert that were tried."""
    alert = ada.get("/api/v1/alerts").json()["items"][0]
    notes = ada.get(f"/api/v1/alerts/{alert['id']}").json()["notifications"]
    return sum(bool(note["attempts"]) for note in notes)


def test_a_redirect_is_an_answer_not_an_order(told: Told) -> None:
    assert told.hook.requests
    assert told.elsewhere.connections == 0
    alert = told.ada.get("/api/v1/alerts").json()["items"][0]
    notes = told.ada.get(f"/api/v1/alerts/{alert['id']}").json()["notifications"]
    assert 302 in [each["status_code"] for note in notes for each in note["attempts"]]


def test_the_canary_sings_nowhere(told: Told) -> None:
    board = told.board
    ada = come_in(board, "ada", "admin")
    alert = told.ada.get("/api/v1/alerts").json()["items"][0]["id"]
    breaker = told.ada.get("/api/v1/breakers").json()["items"][0]["id"]
    said = {path: ada.get(path).text for path in (
        "/", "/alerts/", f"/alerts/{alert}/", "/audit/", f"/breakers/{breaker}/", "/nope", "/api/v1/docs",
        "/api/v1/openapi.json", "/api/v1/alerts", f"/api/v1/alerts/{alert}", "/api/v1/audit", "/api/v1/services",
        "/metrics", "/readyz", "/livez",
    )}  # fmt: skip
    said["log"] = board.output()
    singing = [place for place, text in said.items() if CANARY.lower() in text.lower() or SIGNING[6:] in text]
    # A host is part of a destination's name; its password, path and query are not.
    allowed = f"{CANARY}.invalid.example".lower()
    assert [place for place in singing if CANARY.lower() in said[place].lower().replace(allowed, "")] == []
    assert told.key.rpartition("_")[2] not in "".join(said.values())


def test_passwords_keys_and_tokens_stand_in_no_log_or_audit(told: Told) -> None:
    board = told.board
    Browser(board).sign_in("nobody", f"{PASSWORD}-{CANARY}-tried")
    wrong = {"Authorization": f"Bearer {told.key[:-1]}"}
    httpx.post(f"{board.url}/api/v1/events", headers=wrong, content=b"{", timeout=10)
    httpx.get(f"{board.url}/api/v1/breakers", headers=wrong, timeout=10)
    everything = board.output() + told.ada.get("/api/v1/audit?limit=200").text + told.ada.get("/api/v1/services").text
    token = told.ada.headers["authorization"].rpartition("_")[2]
    for secret in (PASSWORD, "-tried", told.key.rpartition("_")[2][:-1], token, "sha256", "digest"):
        assert secret not in everything, secret


def test_what_is_kept_is_kept_for_its_owner(told: Told) -> None:
    open_to_others = [
        str(path.relative_to(told.board.data_dir))
        for path in told.board.data_dir.rglob("*")
        if stat.S_IMODE(path.lstat().st_mode) & 0o077 and "static" not in path.parts
    ]
    assert open_to_others == []
    assert (told.board.data_dir / "breakerboard.sqlite3").is_file()


def test_a_directory_that_others_can_enter_holds_nothing_for_them(tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    wide.mkdir()
    wide.chmod(0o755)
    words = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    environ = Board(data_dir=wide).environ
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in wide.iterdir()}
    assert {"secret_key", "breakerboard.sqlite3"} <= set(modes)
    assert set(modes.values()) == {0}


def test_the_embedded_server_listens_on_its_socket_alone(told: Told) -> None:
    server = told.board.part("valkey")
    assert [each for each in server.net_connections(kind="inet") if each.status == psutil.CONN_LISTEN] == []
    path = told.board.data_dir / "valkey.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_uid == os.getuid()
    listening = {
        each.laddr.port
        for process in told.board.processes()
        for each in process.net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN
    }
    assert listening == {told.board.port}

"""How the shop comes by its keys, from a real board."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo import joining
from demo.joining import CannotJoin
from tests.board import Board
from tests.servers import free_port


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    with Board() as running:
        yield running


@pytest.fixture
def beside(board: Board, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo starts in the board's environment; the file in which it keeps its keys."""
    for name, value in board.environ.items():
        monkeypatch.setenv(name, value)
    return board.data_dir / "demo-keys.json"


@pytest.mark.slow
def test_keys_are_made_once_kept_for_their_owner_and_made_anew_when_refused(board: Board, beside: Path) -> None:
    assert joining.board_url() == board.url
    first = joining.keys(board.url, ["orders", "dispatch"])
    taken = httpx.post(
        f"{board.url}/api/v1/events",
        headers={"Authorization": f"Bearer {first['dispatch']}"},
        json={"type": "heartbeat", "breaker": "route-plan", "state": "closed"},
    )
    assert (taken.status_code, taken.json()["accepted"]) == (202, 1)
    assert beside.stat().st_mode & 0o777 == 0o600
    assert joining.keys(board.url, ["orders", "dispatch"]) == first

    beside.write_text(json.dumps(first | {"orders": "bbk_of_another_board"}))
    again = joining.keys(board.url, ["orders", "dispatch"])
    assert again["dispatch"] == first["dispatch"]
    assert again["orders"] not in {first["orders"], "bbk_of_another_board"}


def test_a_board_that_is_not_there_is_named(beside: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    beside.write_text(json.dumps({"orders": "a-key"}))
    with pytest.raises(CannotJoin, match=f"{nowhere} does not answer"):
        joining.keys(nowhere, ["orders"])


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"BREAKERBOARD_URL": "https://board.example.com/"}, "https://board.example.com"),
        ({"HOST": "0.0.0.0", "PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"HOST": "::"}, "http://[::1]:8000"),
        ({}, "http://127.0.0.1:8000"),
    ],
)
def test_the_board_is_where_it_listens(environ: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BREAKERBOARD_URL", "HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert joining.board_url() == url

"""The board is away, in each of the ways in which boards are away: afterwards it tells what real breakers did meanwhile."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.board import Board
from tests.journeys.outages import Fleet, Telling, differences, lane_of, play
from tests.servers import wait_for

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    """One board for all of them: each has a service of its own."""
    with Board() as board:
        yield board


@pytest.mark.parametrize(("way", "seconds"), [("kill", 10), ("freeze", 12), ("cut", 18), ("deaf", 12)])
def test_all_is_told_as_it_was(board: Board, way: str, seconds: float) -> None:
    assert play(board, way, seconds) == []


def test_a_service_that_is_killed_after_an_outage_began_anew_once(board: Board) -> None:
    found = play(board, "cut", 6, seed=2, restart=True)
    # What it saw in the second before its end died with it: counts can't be whole, its numbers and lanes are.
    assert [line for line in found if " × " not in line] == []


def test_a_lease_that_ends_while_the_board_is_away_is_no_opening(board: Board) -> None:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bb-truth-")))
        begun = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=10)
        fleet = Fleet(board, "leased", 1, 3, directory)
        stack.callback(fleet.close)
        telling = stack.enter_context(closing(Telling(board, fleet.name)))
        wait_for(lambda: telling.heard_since(begun, fleet.instances), 40, "it to be heard", every=0.2)
        fleet.quiet()
        until = datetime.now(UTC) + timedelta(seconds=6)
        telling.order("stock", "force_open", reason="a drill", until=until.isoformat())
        fleet.proxy.change("cut")
        time.sleep(14)
        back = datetime.now(UTC)
        fleet.proxy.change("open")
        wait_for(lambda: telling.heard_since(back, fleet.instances), 10, "it to be heard again", every=0.2)
        # What was under way when the board went comes first, in a post of its own.
        time.sleep(2)
        assert differences(telling, fleet, begun, Counter(), forced="stock") == []
        id = telling.breakers()["stock"]
        told = telling.get(f"/breakers/{id}/timeline", **{"from": begun, "to": datetime.now(UTC), "instances": 1})
        [lane] = told["lanes"]
        assert [state for state, _ in lane_of(lane["spans"])][-2:] == ["forced_open", "half_open"]
        alerts = telling.get("/alerts", service=fleet.name)["items"]
        assert [alert["rule"] for alert in alerts if alert["breaker"] and alert["breaker"]["name"] == "stock"] == []

"""What a receiver was told by a running board, and what the board notes of it."""

import json

from tests.alerts.receiver import Receiver, Request
from tests.board import Board
from tests.faults.store import change, rows
from tests.servers import wait_for

# From one sweep to the next.
SWEEP = 5.0  # s


def names(told: Receiver) -> list[str]:
    """The breakers that it was told of, in that order."""
    return [_name(request) for request in told.requests]


def about(told: Receiver, name: str) -> list[Request]:
    """What it was told of this breaker."""
    return [request for request in told.requests if _name(request) == name]


def kinds(told: Receiver, name: str) -> list[str]:
    """The words about this breaker, in that order: `opened`, `resolved`."""
    return [str(json.loads(request.body)["kind"]) for request in about(told, name)]


def hears_of(told: Receiver, name: str, seconds: float, times: int = 1) -> list[Request]:
    """What it was told of this breaker, once it was told so often."""

    def look() -> list[Request] | None:
        found = about(told, name)
        return found if len(found) >= times else None

    return wait_for(look, seconds, f"{name} to be told {times} times", every=0.05)


def outcomes(board: Board, sent: Request) -> list[str]:
    """How each try of this notification ended."""
    sql = (
        "SELECT a.outcome FROM alerts_attempt a JOIN alerts_notification n ON n.id = a.notification_id"
        f" WHERE n.webhook_id = '{sent.headers['webhook-id']}' ORDER BY a.number"
    )
    return [row[0] for row in rows(board, sql)]


def sweeps_pass(board: Board, number: int = 2) -> None:
    """So many more sweeps are over: what they could send again was sent by now."""
    sql = "SELECT at FROM breakers_pulse WHERE part = 'alerts:sweep'"
    for _ in range(number):
        before = rows(board, sql)
        wait_for(lambda before=before: rows(board, sql) != before, 6 * SWEEP, "the sweep to come by", every=0.05)
    wait_for(lambda: not rows(board, f"{UNDER_WAY} AND claimed_until IS NOT NULL"), 30, "what is under way to end")


UNDER_WAY = "SELECT id FROM alerts_notification WHERE state = 'due'"


def leases_end(board: Board) -> None:
    """The minute of the one lease there is passes."""
    assert change(board, "UPDATE alerts_notification SET claimed_until = 1 WHERE claimed_until IS NOT NULL") == 1


def healthy(board: Board) -> None:
    """All parts are well again."""
    wait_for(lambda: board.readyz().get("status") == "ok", 60, "the board to be ready again", every=0.1)


def _name(request: Request) -> str:
    return str(json.loads(request.body)["alert"]["breaker"]["name"])

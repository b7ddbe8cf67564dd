"""The storm on a whole board: routes, people, an escalation and digests are set up, breakers open over HTTP, and people look meanwhile.

Part of `benchmarks.storm`.
"""

import contextlib
import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.alerts.receiver import Receiver, receiver
from tests.board import Board
from tests.faults.store import rows
from tests.security.people import Browser, come_in
from tests.servers import wait_for

CAUSES = 20
SERVICES = 100
SPREAD_S = 10.0
POSTS = 100  # in which the breakers open
LIMIT_S = 30.0
STEP_S = 60
BEFORE_S, AFTER_S = 10.0, 75.0


class Reader(threading.Thread):
    """One person who looks at one page again and again, half a second after the last time."""

    def __init__(self, browser: Browser, path: str) -> None:
        super().__init__()
        self.seen: list[tuple[float, float, int]] = []
        self._browser, self._path = browser, path
        self._ends = threading.Event()

    def run(self) -> None:
        while not self._ends.wait(0.5):
            begun = time.monotonic()
            status = self._browser.get(self._path).status_code
            self.seen.append((begun, 1e3 * (time.monotonic() - begun), status))

    def end(self) -> None:
        self._ends.set()
        self.join(60)

    def took(self, begin: float, end: float) -> list[float]:
        """Milliseconds of what was asked for in between."""
        return [ms for at, ms, _ in self.seen if begin <= at < end]


def measure(breakers: int) -> bool:
    """Print its rows; whether it kept its promises."""
    with receiver() as ops, receiver() as phone, receiver() as second:
        urls = f"{ops.url} json://127.0.0.1:{phone.port}/ {second.url}"
        with Board(ALERT_URLS=urls) as board:
            return _measure(board, breakers, {"webhook": ops, "people": phone, "second line": second})


def _measure(board: Board, breakers: int, told: dict[str, Receiver]) -> bool:
    ada = httpx.Client(
        base_url=board.url, headers={"Authorization": f"Bearer {board.token('admin')}"}, timeout=60, trust_env=False
    )
    _set_up_routes(board, ada, told)
    keys = [
        ada.post("/api/v1/services", json={"name": f"service-{n:03}"}).raise_for_status().json()["key"]
        for n in range(SERVICES)
    ]
    names = [f"breaker-{n:04}" for n in range(breakers)]
    _post(board, keys, names, "closed", lambda: None)
    wait_for(lambda: not _waits(board), 60, "the calm")
    breaker = ada.get("/api/v1/breakers", params={"limit": 1}).json()["items"][0]["id"]
    browser = come_in(board, "ada", "operator")
    paths = {"the wall": "/", "a breaker": f"/breakers/{breaker}/", "alerts": "/alerts/", "incidents": "/incidents/"}
    with _reading(browser, paths) as readers:
        calm = time.monotonic()
        time.sleep(BEFORE_S)
        begun = time.monotonic()
        pauses = iter([begun + SPREAD_S * n / POSTS for n in range(POSTS + 1)])
        _post(board, keys, names, "open", lambda: time.sleep(max(0.0, next(pauses) - time.monotonic())))
        posted = time.monotonic()
        wait_for(lambda: not _waits(board), 120, "all of it to be evaluated", every=0.1)
        evaluated = time.monotonic()
        time.sleep(AFTER_S)
        ended = time.monotonic()
    kept = _tell_of_messages(board, len(names) + 1, evaluated - posted, told)
    return _tell_of_pages(readers, calm, begun, ended) and kept


def _set_up_routes(board: Board, ada: httpx.Client, told: dict[str, Receiver]) -> None:
    """Machines and people hear at once, others when nobody has it in hand after a minute, and all are reminded."""
    found = ada.get("/api/v1/destinations").raise_for_status().json()["items"]
    ids = {
        name: next(each["id"] for each in found if each["kind"] == "webhook" and str(one.port) in json.dumps(each))
        for name, one in told.items()
        if name != "people"
    }
    [ids["people"]] = [each["id"] for each in found if each["kind"] == "apprise"]
    steps = [{"after_s": STEP_S, "destinations": [ids["second line"]]}]
    route = {"matchers": {}, "destinations": [ids["webhook"], ids["people"]], "steps": steps, "repeat_s": [900, 3600]}
    ada.post("/api/v1/routes", json={"name": "everything", **route}).raise_for_status()
    other = {"matchers": {"labels": {"team": "payments"}}, "destinations": [ids["people"]]}
    ada.post("/api/v1/routes", json={"name": "payments", **other}).raise_for_status()


def _post(board: Board, keys: list[str], names: list[str], state: str, wait: Callable[[], None]) -> None:
    """Each breaker goes into this state, and one apart from them; by a service a post, in turns."""
    posts = [list(some) for some in batched_evenly(len(names), POSTS)]
    with httpx.Client(base_url=board.url, timeout=60, trust_env=False) as client:
        for turn, some in enumerate(posts):
            wait()
            events = [_event(names[n], f"dependency-{n % CAUSES}", state) for n in some]
            if turn == POSTS // 2:
                events.append(_event("apart", "elsewhere", state))
            headers = {"Authorization": f"Bearer {keys[turn % len(keys)]}"}
            client.post("/api/v1/events", json=events, headers=headers).raise_for_status()


def batched_evenly(count: int, parts: int) -> Iterator[range]:
    """`range(count)` in so many parts."""
    for part in range(parts):
        yield range(count * part // parts, count * (part + 1) // parts)


def _event(name: str, dependency: str, state: str) -> dict[str, Any]:
    labels = {"team": "payments" if name.endswith("0") else "logistics"}
    return {"type": "state_change", "breaker": name, "dependency": dependency, "to_state": state, "labels": labels}


def _waits(board: Board) -> bool:
    return bool(
        rows(board, "SELECT 1 FROM breakers_transition WHERE evaluated_at IS NULL AND instance_name IS NULL LIMIT 1")
    )


@contextlib.contextmanager
def _reading(browser: Browser, paths: dict[str, str]) -> Iterator[dict[str, Reader]]:
    readers = {name: Reader(browser, path) for name, path in paths.items()}
    for reader in readers.values():
        reader.start()
    try:
        yield readers
    finally:
        for reader in readers.values():
            reader.end()


def _tell_of_messages(board: Board, openings: int, took: float, told: dict[str, Receiver]) -> bool:
    [(alerts, incidents)] = rows(
        board,
        "SELECT count(*), count(DISTINCT a.incident_id) FROM alerts_alert a JOIN alerts_rule r ON r.id = a.rule_id"
        " WHERE r.kind = 'opened'",
    )
    sent = rows(
        board,
        "SELECT n.destination_id, a.incident_id, n.kind, count(*) FROM alerts_notification n"
        " JOIN alerts_alert a ON a.id = n.alert_id JOIN alerts_rule r ON r.id = a.rule_id"
        " WHERE r.kind = 'opened' AND (n.state <> 'dropped' OR n.digest_id IS NOT NULL) AND n.kind <> 'digest'"
        " GROUP BY n.destination_id, a.incident_id, n.kind",
    )
    most: Counter[str] = Counter()
    for _, _, kind, count in sent:
        most[kind] = max(most[kind], count)
    got = ", ".join(f"{name} {len(one.requests)}" for name, one in told.items())
    print(
        "| openings | alerts | incidents | of one incident to one destination, at most | evaluated after | requests |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(most.items()))
    print(f"| {openings:,} | {alerts:,} | {incidents} | {kinds} | {took:.1f} s | {got} |")
    return (
        (alerts, incidents) == (openings, CAUSES + 1)
        and most["opened"] == 1
        and most["update"] <= 2
        and most["escalation"] == 1
        and took < LIMIT_S
    )


def _tell_of_pages(readers: dict[str, Reader], calm: float, begun: float, ended: float) -> bool:
    print("\n| page | before: p50, max | from the first opening on: p50, max | looked at |")
    print("| --- | --- | --- | --- |")
    for name, reader in readers.items():
        before, during = reader.took(calm, begun), reader.took(begun, ended)
        shown = [f"{statistics.median(times):,.0f} ms, {max(times):,.0f} ms" for times in (before, during)]
        print(f"| {name} | {shown[0]} | {shown[1]} | {len(during)} × |")
    return {status for reader in readers.values() for _, _, status in reader.seen} == {200}

"""The wall in a real Chromium: 5,000 breakers, 500 of them changed ten times a second; and 200 that change each second.

    python -m benchmarks.browser [--breakers 5000] [--changed 500] [--seconds 5] [--rounds 3] [--peer URL]

A whole board draws the page and answers its socket; the deltas are put between the two, in the frames that the hub would
send (at most 200 changes each), so that what is measured is the browser and not how fast two cores can store events.
The floor is the same page and the same frames, for a topic that nobody on it listens to: what bringing them costs.
`--peer` opens another dashboard beside it (Uptime Kuma's, with as many monitors) and says what its first load costs.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, WebSocketRoute, sync_playwright

from tests.board import Board
from tests.browser.conftest import FLAGS, PASSWORD, chromium_path

SERVICES = 10
A_SECOND = 10  # deltas
CHURN = 200  # breakers that change each second, in one delta, all of them in their state
A_FRAME = 200  # changes
TROUBLED = 40  # open from the start
WATCH = """
window.watched = { frames: 0, long: 0, longest: 0 }
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) {
    watched.long += 1
    watched.longest = Math.max(watched.longest, duration)
  }
}).observe({ entryTypes: ["longtask"] })
const tick = () => { watched.frames += 1; requestAnimationFrame(tick) }
requestAnimationFrame(tick)
"""


@dataclass
class Measured:
    """One run. Times in ms."""

    deltas: int
    seconds: float
    task: float
    script: float
    style: float
    layout: float
    frames: float
    long_tasks: int
    longest: float
    heap: float  # bytes, after a collection


def main() -> None:
    """Start a board, fill it, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--breakers", type=int, default=5_000)
    parser.add_argument("--changed", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="a page to load beside ours")
    asked = parser.parse_args()
    with Board() as board, sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            sys.exit("no Chromium: set CHROMIUM to its path, or install one")
        flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        fill(board, asked.breakers)
        page, line, known = look(browser, board)
        print_load(page)
        floor, busy = [], []
        for _ in range(asked.rounds):
            floor.append(measure(page, line, known, asked.changed, asked.seconds, heard=False))
            busy.append(measure(page, line, known, asked.changed, asked.seconds, heard=True))
        print_table(floor, busy, asked.changed)
        measure(page, line, known, CHURN, 2, heard=True, a_second=1, moved=1)
        churn = [
            measure(page, line, known, CHURN, asked.seconds, heard=True, a_second=1, moved=1)
            for _ in range(asked.rounds)
        ]
        print_churn(floor, churn)
        print_peers(browser, asked.peer)
        browser.close()


def fill(board: Board, breakers: int) -> None:
    """Post the breakers as services do."""
    for service in range(SERVICES):
        key = board.service(f"service-{service}")
        events = [
            {
                "type": "heartbeat",
                "breaker": f"delivery-tracking-{number}",
                "dependency": f"dependency-{number % 17}",
                "state": "open" if number < TROUBLED else "closed",
                "instance": "pod-1",
                "interval_s": 3600,
            }
            for number in range(service, breakers, SERVICES)
        ]
        for start in range(0, len(events), 500):
            answer = httpx.post(
                f"{board.url}/api/v1/events",
                headers={"Authorization": f"Bearer {key}"},
                json={"events": events[start : start + 500]},
                timeout=60,
            )
            answer.raise_for_status()


def look(browser: Browser, board: Board) -> tuple[Page, WebSocketRoute, dict[str, dict[str, Any]]]:
    """The wall as someone sees it; the way to speak to it; and the cards by id."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(board.person("ada", "viewer"))
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    page.click("main button")
    page.wait_for_selector("#wall")
    lines: list[WebSocketRoute] = []

    def between(line: WebSocketRoute) -> None:
        lines.append(line)
        line.connect_to_server()

    page.route_web_socket("**/ws/live/", between)
    page.add_init_script(WATCH)
    page.goto(board.url)
    page.wait_for_selector('data-age[data-live="live"]')
    page.wait_for_load_state("networkidle")
    cards: dict[str, dict[str, Any]] = {}
    cursor: str | None = ""
    headers = {"Authorization": f"Bearer {board.token('viewer', 'bench')}"}
    with httpx.Client(base_url=board.url, headers=headers, timeout=30) as api:
        while cursor is not None:
            told = api.get("/api/v1/breakers", params={"limit": 200, "cursor": cursor}).raise_for_status().json()
            cards |= {card["id"]: card for card in told["items"]}
            cursor = told["next"]
    return page, lines[-1], cards


def measure(
    page: Page,
    line: WebSocketRoute,
    cards: dict[str, dict[str, Any]],
    changed: int,
    seconds: float,
    *,
    heard: bool,
    a_second: float = A_SECOND,
    moved: int = 10,
) -> Measured:
    """Say so many changes so often, one of `moved` in another state, and see what that costs the page."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.evaluate("Object.assign(watched, { frames: 0, long: 0, longest: 0 })")
    before, began = metrics(devtools), time.perf_counter()
    deltas = 0
    while time.perf_counter() - began < seconds:
        say_changes(line, cards, changed, heard=heard, moved=moved)
        deltas += 1
        page.wait_for_timeout(max(1.0, (deltas / a_second - (time.perf_counter() - began)) * 1e3))
    after, took = metrics(devtools), time.perf_counter() - began
    watched = page.evaluate("watched")
    devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")["usedSize"]
    devtools.detach()
    spent = {name: (after[name] - before[name]) * 1e3 for name in after}
    return Measured(
        deltas,
        took,
        spent["TaskDuration"],
        spent["ScriptDuration"],
        spent["RecalcStyleDuration"],
        spent["LayoutDuration"],
        watched["frames"] / took,
        watched["long"],
        watched["longest"],
        heap,
    )


def metrics(devtools: Any) -> dict[str, float]:
    """What the browser has spent so far, in seconds."""
    told = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
    return {name: told[name] for name in ("TaskDuration", "ScriptDuration", "RecalcStyleDuration", "LayoutDuration")}


_versions = count(10_000_000)
_turn = count()


def say_changes(
    line: WebSocketRoute, cards: dict[str, dict[str, Any]], changed: int, *, heard: bool, moved: int
) -> None:
    """One tick of the hub: the cells, and the list of the troubled. One in `moved` is in another state."""
    version, turn = next(_versions), next(_turn)
    ids = list(cards)
    chosen = [ids[(turn * changed + place) % len(ids)] for place in range(changed)]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for place, id in enumerate(chosen):
        card = cards[id]
        state = card["state"]
        if place % moved == 0:
            state = "closed" if state != "closed" else ("open", "half_open", "stale")[turn % 3]
        since = {"since": now} if state != card["state"] else {}
        cards[id] = card | since | {"version": version, "state": state, "calls_1m": card["calls_1m"] + 7}
    counts: dict[str, int] = {}
    for card in cards.values():
        counts[card["state"]] = counts.get(card["state"], 0) + 1
    troubled = {state: number for state, number in counts.items() if state != "closed"}
    cells = [{"id": id, "version": version, "state": cards[id]["state"]} for id in chosen]
    rows = [
        {"id": id, "version": version, "removed": True} if cards[id]["state"] == "closed" else cards[id]
        for id in chosen
    ]
    for topic, changes, told in (("cells", cells, counts), ("wall", rows, troubled)):
        for start in range(0, len(changes), A_FRAME):
            data = changes[start : start + A_FRAME]
            frame = {"op": "delta", "topic": topic if heard else "nobody", "cursor": f"0.{version}", "data": data}
            line.send(json.dumps(frame | {"counts": told}))


def print_load(page: Page) -> None:
    """What the first load cost."""
    told = page.evaluate(
        """() => {
          const all = performance.getEntries().filter((each) => each.encodedBodySize)
          return {
            page: performance.getEntriesByType("navigation")[0].encodedBodySize,
            bytes: all.reduce((sum, each) => sum + each.encodedBodySize, 0),
            paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
            nodes: document.querySelectorAll("*").length,
            heap: performance.memory?.usedJSHeapSize ?? 0,
          }
        }"""
    )
    print(
        f"first load: {told['bytes'] / 1e3:.0f} kB compressed (the page {told['page'] / 1e3:.0f} kB), first paint {told['paint']:.0f} ms,"
        f" {told['nodes']:,} elements, heap {told['heap'] / 1e6:.1f} MB"
    )


def print_table(floor: list[Measured], busy: list[Measured], changed: int) -> None:
    """The medians of the rounds, beside the floor and the targets."""

    def each(what: str, runs: list[Measured]) -> str:
        values = sorted(getattr(one, what) / one.deltas for one in runs)
        return f"{statistics.median(values):.1f} ({values[0]:.1f}-{values[-1]:.1f})"

    def frames(runs: list[Measured]) -> str:
        return f"{statistics.median(one.frames for one in runs):.0f}"

    long, longest = sum(one.long_tasks for one in busy), max(one.longest for one in busy)
    print(f"{changed} changed cards, {busy[0].deltas / busy[0].seconds:.1f} deltas a second, {len(busy)} rounds:")
    print(f"  main thread ms a delta   {each('task', busy)}, floor {each('task', floor)}       target 25")
    for what in ("script", "style", "layout"):
        print(f"  of it {what:<18} {each(what, busy)}")
    print(f"  long tasks               {long}, longest {longest:.0f} ms       target 0")
    print(f"  frames a second          {frames(busy)}, floor {frames(floor)}       target 55")


def print_churn(floor: list[Measured], churn: list[Measured]) -> None:
    """What an evil day costs: all that a page spends in a second, and the frames that the eye misses."""

    def each(what: str) -> str:
        return f"{statistics.median(getattr(one, what) / one.seconds for one in churn):.1f}"

    usual = statistics.median(one.frames for one in floor)
    dropped = statistics.median(max(0.0, usual - one.frames) for one in churn)
    heap = max(one.heap for one in churn)
    print(f"{CHURN} breakers in another state each second, {len(churn)} rounds of {churn[0].seconds:.0f} s:")
    print(
        f"  main thread ms a second  {each('task')}, of it script {each('script')}, style {each('style')}, layout {each('layout')}"
    )
    print(f"  frames dropped a second  {dropped:.1f} of {usual:.0f}")
    print(
        f"  long tasks               {sum(one.long_tasks for one in churn)}, longest {max(one.longest for one in churn):.0f} ms"
    )
    print(f"  JavaScript's heap        {heap / 1e6:.1f} MB after a collection")


def print_peers(browser: Browser, peer: str | None) -> None:
    """Another dashboard's first load; and what is not here to compare with."""
    if peer:
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(peer)
        page.wait_for_load_state("networkidle")
        print(f"{peer}: ", end="")
        print_load(page)
    else:
        print(
            "Uptime Kuma: not measured, for no page of it was given (--peer URL of a dashboard with as many monitors)"
        )
    lighthouse = shutil.which("lighthouse")
    print(
        f"Lighthouse: {'not asked for; it is at ' + lighthouse if lighthouse else 'not measured: none is on the PATH'}"
    )


if __name__ == "__main__":
    main()

"""The wall in a real Chromium: 5,000 breakers, 500 of them changed ten times a second.

    python -m benchmarks.browser [--breakers 5000] [--changed 500] [--seconds 5] [--rounds 3]

A whole board draws the page and answers its socket; the deltas are put between the two, in the frames that the hub would
send (at most 200 changes each), so that what is measured is the browser and not how fast two cores can store events.
The floor is the same page with nothing said to it.
"""

import argparse
import json
import os
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


def main() -> None:
    """Start a board, fill it, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--breakers", type=int, default=5_000)
    parser.add_argument("--changed", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
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
        quiet = [measure(page, line, known, 0, asked.seconds) for _ in range(asked.rounds)]
        busy = [measure(page, line, known, asked.changed, asked.seconds) for _ in range(asked.rounds)]
        print_table(quiet, busy, asked.changed)
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
    page: Page, line: WebSocketRoute, cards: dict[str, dict[str, Any]], changed: int, seconds: float
) -> Measured:
    """Say so many changes ten times a second, and see what that costs the page."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.evaluate("Object.assign(watched, { frames: 0, long: 0, longest: 0 })")
    before, began = metrics(devtools), time.perf_counter()
    deltas = 0
    while (passed := time.perf_counter() - began) < seconds:
        if not changed:
            page.wait_for_timeout((seconds - passed) * 1e3)
            continue
        say_changes(line, cards, changed)
        deltas += 1
        page.wait_for_timeout(max(1.0, (deltas / A_SECOND - (time.perf_counter() - began)) * 1e3))
    after, took = metrics(devtools), time.perf_counter() - began
    watched = page.evaluate("watched")
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
    )


def metrics(devtools: Any) -> dict[str, float]:
    """What the browser has spent so far, in seconds."""
    told = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
    return {name: told[name] for name in ("TaskDuration", "ScriptDuration", "RecalcStyleDuration", "LayoutDuration")}


_versions = count(10_000_000)
_turn = count()


def say_changes(line: WebSocketRoute, cards: dict[str, dict[str, Any]], changed: int) -> None:
    """One tick of the hub: the cells, and the list of the troubled. A tenth of the changed ones are in another state."""
    version, turn = next(_versions), next(_turn)
    ids = list(cards)
    chosen = [ids[(turn * changed + place) % len(ids)] for place in range(changed)]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for place, id in enumerate(chosen):
        card = cards[id]
        state = card["state"]
        if place % 10 == 0:
            state = "closed" if state != "closed" else ("open", "half_open", "stale")[turn % 3]
        moved = {"since": now} if state != card["state"] else {}
        cards[id] = card | moved | {"version": version, "state": state, "calls_1m": card["calls_1m"] + 7}
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
            line.send(
                json.dumps({"op": "delta", "topic": topic, "cursor": f"0.{version}", "data": data, "counts": told})
            )


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


def print_table(quiet: list[Measured], busy: list[Measured], changed: int) -> None:
    """The medians of the rounds, beside the floor and the targets."""
    idle = statistics.median(one.task / one.seconds for one in quiet)

    def each(what: str) -> str:
        values = sorted(getattr(one, what) / one.deltas for one in busy)
        return f"{statistics.median(values):.1f} ({values[0]:.1f}-{values[-1]:.1f})"

    net = statistics.median((one.task - idle * one.seconds) / one.deltas for one in busy)
    print(f"{changed} changed cards, {busy[0].deltas / busy[0].seconds:.1f} deltas a second, {len(busy)} rounds:")
    print(f"  main thread ms a delta     {each('task')}, {net:.1f} above the quiet page       target 25")
    print(f"  of it script/style/layout  {each('script')} / {each('style')} / {each('layout')}")
    print(
        f"  long tasks                 {sum(one.long_tasks for one in busy)}, longest {max(one.longest for one in busy):.0f} ms       target 0"
    )
    print(
        f"  frames a second            {statistics.median(one.frames for one in busy):.0f}"
        f" (quiet: {statistics.median(one.frames for one in quiet):.0f})       target 55"
    )


if __name__ == "__main__":
    main()

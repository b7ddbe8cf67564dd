"""`make shots`: pictures for the README, of a board that watches the demo; with `--all`, every page of a seeded board.

    make shots                            docs/images/{wall,breaker}-{light,dark}.png; takes a quarter of an hour
    make shots ARGS="--all var/shots"     each page (tests/gallery.py), light, dark and as wide as a telephone; for judging

For the README nothing is staged but the moment: the demo has run for so long that the last 15 minutes are full, and a
dependency that several services share has just died.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright

from tests.board import ROOT, Board
from tests.browser.conftest import FLAGS, PASSWORD, chromium_path
from tests.gallery import every_page, go
from tests.servers import wait_for

IMAGES = ROOT / "docs" / "images"
WIDE = (1440, 900)
THEMES = ("light", "dark")
LARGEST = 250_000  # bytes of a picture: it travels with every clone
RUNS_FOR = 880.0  # s; by then every dependency has failed several times
STAYS_S = 4.0  # s that the moment lasts before the pictures: refused calls are counted, the timeline shows the opening


def main() -> None:
    """Start a board, fill it, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="DIR", help="every page of a seeded board, into DIR")
    parser.add_argument("--only", metavar="NAME,…", default="", help="of these pages alone those that are named")
    parser.add_argument("--after", type=float, default=RUNS_FOR, metavar="S", help="let the demo run for so long first")
    asked = parser.parse_args()
    with chromium() as browser:
        if asked.all:
            every_page(browser, asked.all, asked.only)
        else:
            for_the_readme(browser, asked.after)


def for_the_readme(browser: Browser, after: float) -> None:
    """The wall and a breaker's page, at a moment worth showing."""
    with Board(ready_within=120) as board, demo(board):
        headers = {"Authorization": f"Bearer {board.token('viewer', 'shots')}"}
        session = first_sign_in(browser, board.first_link())
        print(f"the demo runs; pictures are taken in {after:.0f} s, as soon as some breakers are open", flush=True)
        time.sleep(after)
        with httpx.Client(base_url=board.url, headers=headers, timeout=10) as api:
            card = the_moment(api)
        for theme in THEMES:
            context = browser.new_context(storage_state=session, color_scheme=theme, reduced_motion="reduce")
            page = context.new_page()
            for name, path in {"wall": "/", "breaker": f"/breakers/{card['id']}/?range=15m"}.items():
                page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
                go(page, board.url + path)
                file = IMAGES / f"{name}-{theme}.png"
                page.screenshot(path=file)
                print(file, flush=True)
                if file.stat().st_size > LARGEST:
                    sys.exit(f"{file.name} is larger than {LARGEST:,} bytes")
            context.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            sys.exit("no Chromium: set CHROMIUM to its path, or install one")
        flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@contextmanager
def demo(board: Board) -> Iterator[None]:
    """The demo's fleet beside the board, as `make demo` has it."""
    log = board.data_dir / "demo.log"
    with log.open("wb") as out:
        fleet = subprocess.Popen(
            [sys.executable, "-m", "demo"], cwd=ROOT, env=board.environ, stdout=out, stderr=out, process_group=0
        )
    try:
        wait_for(lambda: "the shop is open" in log.read_text(), 60, "the shop to open", every=0.2)
        yield
    finally:
        fleet.terminate()
        try:
            fleet.wait(10)
        except subprocess.TimeoutExpired:
            fleet.kill()
            fleet.wait()


def first_sign_in(browser: Browser, link: str) -> Any:
    """Come in by the first link, as Ada; the session's cookies."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    page.click("main button")
    page.wait_for_selector("#wall")
    session = context.storage_state()
    context.close()
    return session


def the_moment(api: httpx.Client) -> dict[str, Any]:
    """Wait until two to four breakers are open for one cause; the one with the most instances, all of them open."""

    def look() -> dict[str, Any] | None:
        cards = api.get("/api/v1/breakers", params={"state": "open"}).raise_for_status().json()["items"]
        shared = [card["dependency"] for card in cards]
        whole = [card for card in cards if set(card["instances"]) == {"open"} and shared.count(card["dependency"]) > 1]
        most: dict[str, Any] | None = max(whole, key=lambda card: sum(card["instances"].values()), default=None)
        return most if len(cards) <= 4 else None

    card = wait_for(look, 400, "two to four breakers to be open", every=0.5)
    assert card is not None
    time.sleep(STAYS_S)
    return card


if __name__ == "__main__":
    main()

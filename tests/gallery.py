"""Every page of a board that lives: a wall of fifty, a breaker with a story, an invented fleet that posts and fails.

First the board as a newcomer finds it, then with its story, then with 500 breakers, then with 5,000. Each in light, in dark,
and as wide as a telephone.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from tests.board import ROOT, Board
from tests.servers import wait_for

SEEDED = 30  # breakers, of which ten are in trouble
SIMULATED = 20  # breakers that post
ROWS, STRIPS = 400, 4_500  # breakers more
PASSWORD = "correct horse"
LOOKS = {"light": ("light", 1440), "dark": ("dark", 1440), "telephone": ("light", 360)}
# What a newcomer sees.
EMPTY = {
    "empty-wall": "/",
    "empty-map": "/map/",
    "empty-incidents": "/incidents/",
    "empty-alerts": "/alerts/",
    "empty-silences": "/alerts/silences/",
    "empty-on-call": "/alerts/on-call/",
    "empty-destinations": "/alerts/destinations/",
    "empty-sources": "/sources/",
    "empty-services": "/services/",
    "empty-marks": "/marks/",
    "empty-screens": "/screens/",
    "empty-connect": "/connect/",
}
# Where a page's address is not known beforehand: where a link to it stands, and how that link begins.
FOUND = {
    "incident": ("/incidents/", ".alert-title a"),
    "alert": ("/alerts/", ".alert-title a"),
    "rule": ("/alerts/rules/", ".alert-title a"),
    "destination": ("/alerts/destinations/", ".table a[href^='/alerts/destinations/']"),
    "rota": ("/alerts/on-call/", ".rota h2 a"),
    "service": ("/services/", "main a[href^='/services/']"),
}
# Pages that are as high as the window, whatever is on them.
ONE_SCREEN = {"screen", "wall-rows", "wall-strips"}


def every_page(browser: Browser, directory: Path, only: str = "") -> None:
    """Take the pictures; `only`: names of some, separated by commas."""
    directory.mkdir(parents=True, exist_ok=True)
    chosen = set(only.split(",")) if only else set()
    with Board(ENVIRONMENT="production") as board:
        taken = Gallery(browser, board, directory, chosen)
        seed(board, "0", "--only", "people")
        taken.outside()
        taken.take(EMPTY)
        story = seed(board, str(SEEDED))
        with fleet(board):
            taken.take(pages_of(story), found=FOUND)
        for name, more in (("wall-rows", ROWS), ("wall-strips", STRIPS)):
            if taken.wants(name):
                seed(board, str(more), "--only", "wall")
                taken.take({name: "/"})


def pages_of(story: str) -> dict[str, str]:
    """The pages of a board with a story, by their names."""
    then = (datetime.now(UTC) - timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "wall": "/",
        "wall-nothing": "/?query=no-such-breaker",
        "breaker": f"/breakers/{story}/?range=1h",
        "order": f"/breakers/{story}/order/?action=reset",
        "events": f"/breakers/{story}/events/",
        "map": "/map/",
        "connect": "/connect/?service=orders&library=opossum",
        "dependency": "/dependency/?name=tracking-api",
        "incidents": "/incidents/",
        **{f"alerts-{tab}": f"/alerts/?tab={tab}" for tab in ("firing", "acknowledged", "silenced", "history")},
        "silences": "/alerts/silences/?service=orders&breaker=delivery-tracking",
        "rules": "/alerts/rules/",
        "rule-new": "/alerts/rules/new/",
        "destinations": "/alerts/destinations/",
        "destination-new": "/alerts/destinations/new/apprise/?service=pagerduty",
        "route": "/alerts/routes/new/",
        "on-call": "/alerts/on-call/",
        "week": "/alerts/week/",
        "sources": "/sources/",
        "services": "/services/",
        "marks": f"/marks/?breaker={story}",
        "audit": "/audit/",
        "screen": "/screen/",
        "screens": "/screens/",
        "past-wall": f"/?at={then}",
        "past-breaker": f"/breakers/{story}/?at={then}&range=1h",
        "api": "/api/v1/docs",
        "not-found": "/no-such-page/",
    }


class Gallery:
    """The pictures of one board."""

    def __init__(self, browser: Browser, board: Board, directory: Path, chosen: set[str]) -> None:
        self._browser, self._board, self._directory, self._chosen = browser, board, directory, chosen

    def wants(self, name: str) -> bool:
        """Whether that picture was asked for."""
        return not self._chosen or name in self._chosen

    def outside(self) -> None:
        """What is seen without a sign-in."""
        if self.wants("sign-in"):
            for look in LOOKS:
                page = self._context(look).new_page()
                page.goto(f"{self._board.url}/sign-in/")
                self._shoot(page, "sign-in", look)
                page.context.close()

    def take(self, pages: dict[str, str], *, found: dict[str, tuple[str, str]] | None = None) -> None:
        """Those pages, and the first of each kind that is found by a link, in every look."""
        wanted = {name: path for name, path in pages.items() if self.wants(name)}
        seeking = {name: where for name, where in (found or {}).items() if self.wants(name)}
        if not wanted and not seeking:
            return
        for look, (_, width) in LOOKS.items():
            page = self._context(look).new_page()
            page.goto(f"{self._board.url}/sign-in/")
            page.fill("[name=username]", "ada")
            page.fill("[name=password]", PASSWORD)
            page.click("main button")
            page.wait_for_selector("#main")
            for name, (listed, link) in seeking.items():
                page.goto(self._board.url + listed)
                wanted[name] = str(page.locator(link).first.get_attribute("href", timeout=5_000))
            for name, path in wanted.items():
                page.set_viewport_size({"width": width, "height": 900})
                go(page, self._board.url + path)
                self._shoot(page, name, look)
            page.context.close()

    def _context(self, look: str) -> BrowserContext:
        theme, width = LOOKS[look]
        return self._browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )

    def _shoot(self, page: Page, name: str, look: str) -> None:
        file = self._directory / f"{name}-{look}.png"
        # What is far below is drawn when it comes into view: here all of it is.
        page.screenshot(
            path=file, full_page=name not in ONE_SCREEN, style="* { content-visibility: visible !important }"
        )
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        print(file, f"is {over} px too wide" if over > 0 else "", flush=True)


def seed(board: Board, *arguments: str) -> str:
    """Fill the board; the id of the breaker with a story, where one was told."""
    filled = subprocess.run(
        [sys.executable, "-m", "tests.pages.seeding", *arguments],
        cwd=ROOT,
        env=board.environ,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return filled.stdout.strip()


@contextmanager
def fleet(board: Board) -> Iterator[None]:
    """An invented fleet that posts, from the moment that an incident of it is told."""
    command = ["simulate", "--breakers", str(SIMULATED), "--rate", "40", "--wave-every", "6", "--wave-lasts", "90"]
    log = board.data_dir / "simulate.log"
    with log.open("wb") as out:
        posting = subprocess.Popen(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=board.environ, stdout=out, stderr=out
        )
    try:
        headers = {"Authorization": f"Bearer {board.token('viewer', 'gallery')}"}
        with httpx.Client(base_url=board.url, headers=headers, timeout=10) as api:
            wait_for(
                lambda: api.get("/api/v1/incidents").raise_for_status().json()["items"], 90, "an incident", every=1
            )
        yield
    finally:
        posting.terminate()
        posting.wait(20)


def go(page: Page, address: str) -> None:
    """Go there, and wait until it is live, its fonts are loaded and its chart is drawn, in view."""
    page.goto(address)
    if page.locator("body[data-topics]:not([data-topics=''])").count():
        page.wait_for_selector('data-age[data-live="live"]')
    page.evaluate("document.fonts.ready.then(() => true)")
    if page.locator("failure-timeline").count():
        # Drawn when it comes into view; the window becomes as tall as that takes.
        page.locator("failure-timeline").scroll_into_view_if_needed()
        page.wait_for_selector("failure-timeline .main-svg")
        page.evaluate("scrollTo(0, 0)")
        bottom = page.evaluate("document.querySelector('failure-timeline').getBoundingClientRect().bottom")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": round(bottom) + 24})
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)

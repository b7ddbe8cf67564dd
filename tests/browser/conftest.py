"""A real Chromium before a real board. Each test has a browser context of its own, and ends with no complaint in it.

Chromium is looked for in $CHROMIUM, in PATH, and where Playwright puts its own; without one these tests fail.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, sync_playwright

from tests.board import Board
from tests.servers import wait_for

PASSWORD = "correct horse battery staple"
PLACES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--disable-gpu", "--disable-background-networking", "--font-render-hinting=none", "--force-color-profile=srgb"]
SCRIPTS_ARE_THERE = "!document.querySelector('breaker-page') || customElements.get('breaker-page') !== undefined"
# A request that the test itself cut off is no complaint.
CUT_OFF = re.compile(r"ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED|ERR_FAILED|ERR_ABORTED")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browsers are slow to start and quick to be starved: more time than others have."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(180))


@dataclass
class Service:
    """A service that posts to the board."""

    name: str
    key: str
    url: str
    sent: int = field(default=0)

    def post(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Post events; the board's answer."""
        answer = httpx.post(
            f"{self.url}/api/v1/events",
            headers={"Authorization": f"Bearer {self.key}"},
            json={"events": list(events)},
            timeout=10,
        )
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        assert told["rejected"] == []
        return told

    def beats(self, breaker: str, state: str = "closed", instance: str = "pod-1", **more: Any) -> dict[str, Any]:
        """A heartbeat."""
        return self.post({"type": "heartbeat", "breaker": breaker, "state": state, "instance": instance, **more})

    def goes(self, breaker: str, state: str, instance: str = "pod-1", **more: Any) -> dict[str, Any]:
        """A change of state."""
        return self.post({"type": "state_change", "breaker": breaker, "to_state": state, "instance": instance, **more})


class Window:
    """A page that remembers every complaint: console errors, failed answers, violations of the content policy."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", lambda said: said.type in ("error", "warning") and self._complain(said.text))
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("response", lambda answer: answer.status >= 500 and self._complain(f"{answer.status} {answer.url}"))

    def _complain(self, text: str) -> None:
        if not CUT_OFF.search(text):
            self.complaints.append(text)

    def go(self, path: str) -> Page:
        """Go there, and wait until the page is live where it has something live."""
        self.page.goto(self.url + path)
        if self.page.locator("body[data-topics]:not([data-topics=''])").count():
            self.page.wait_for_selector('data-age[data-live="live"]')
        # Before its script is there a button leads to a page: right, but not what is tested here.
        wait_for(lambda: self.page.evaluate(SCRIPTS_ARE_THERE), 15, "the page's scripts")
        return self.page

    def axe(self) -> list[str]:
        """What axe finds, but for trifles."""
        found = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found if each["impact"] != "minor"]


def chromium_path(playwright: Playwright) -> str | None:
    """Where a Chromium is; None: nowhere."""
    named = os.environ.get("CHROMIUM") or next((found for name in PLACES if (found := shutil.which(name))), None)
    return named or (path if Path(path := playwright.chromium.executable_path).exists() else None)


@pytest.fixture(scope="package")
def board() -> Iterator[Board]:
    """One board for all of them; each test has services of its own."""
    with Board(ENVIRONMENT="tests") as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all of them."""
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            pytest.fail("there is no Chromium: set CHROMIUM, or install one (apt-get install chromium)")
        flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
        running = playwright.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


@pytest.fixture(scope="package")
def sessions(board: Board, browser: Browser) -> Callable[[str], Any]:
    """The cookies of someone of that role, who came in by their first link."""
    known: dict[str, Any] = {}

    def of(role: str) -> Any:
        if role not in known:
            context = browser.new_context()
            page = context.new_page()
            page.goto(board.person(f"{role}-{uuid4().hex[:6]}", role))
            page.fill("[name=password]", PASSWORD)
            page.fill("[name=again]", PASSWORD)
            page.click("main button")
            page.wait_for_selector("#wall")
            known[role] = context.storage_state()
            context.close()
        return known[role]

    return of


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Make browser contexts; they are closed after the test."""
    made: list[BrowserContext] = []

    def make(**more: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **more})
        context.set_default_timeout(15_000)
        made.append(context)
        return context

    yield make
    for context in made:
        # One that is closed in the middle of a change of pages may never answer; this waits for the change, within a limit.
        for page in context.pages:
            with contextlib.suppress(Error):
                page.goto("about:blank")
        context.close()


@pytest.fixture
def window(
    board: Board, contexts: Callable[..., BrowserContext], sessions: Callable[[str], Any]
) -> Iterator[Callable[..., Window]]:
    """Open a window for someone of a role; a test whose windows complained fails."""
    opened: list[Window] = []

    def open_one(role: str = "operator", **more: Any) -> Window:
        context = contexts(storage_state=sessions(role), **more)
        opened.append(Window(context.new_page(), board.url))
        return opened[-1]

    yield open_one
    assert [complaint for each in opened for complaint in each.complaints] == []


@pytest.fixture
def service(board: Board) -> Callable[[], Service]:
    """Make a service with a name of its own."""

    def make() -> Service:
        name = f"svc-{time.monotonic_ns()}"
        return Service(name, board.service(name), board.url)

    return make

"""People at a real board: strangers, scripts with a token, browsers that are signed in, and services with a key."""

import re
from typing import Any

import httpx

from tests.board import Board

PASSWORD = "correct horse battery staple"
# A connection a request: nothing is left open when a test is over.
ALONE = httpx.Limits(max_keepalive_connections=0)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """A browser without scripts, and with cookies."""

    def __init__(self, board: Board, **headers: str) -> None:
        self.http = httpx.Client(base_url=board.url, timeout=30, limits=ALONE, headers=headers)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """One page."""
        return self.http.get(path, **more)

    def form(self, path: str, page: str = "", **fields: str) -> httpx.Response:
        """Send the form of a page, as its button does."""
        token = TOKEN.search(self.get(page or path).text)
        assert token is not None
        return self.http.post(path, data={"csrfmiddlewaretoken": token[1], **fields})

    def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Come in by the door."""
        return self.form("/sign-in/", username=name, password=password, **fields)

    @property
    def csrf(self) -> str:
        """What a script of the page would send as X-CSRFToken."""
        token = TOKEN.search(self.get("/").text)
        assert token is not None
        return token[1]


class Service:
    """A program that posts."""

    def __init__(self, board: Board, name: str) -> None:
        self.name = name
        self.key = board.service(name)
        self.http = httpx.Client(
            base_url=board.url, timeout=60, limits=ALONE, headers={"Authorization": f"Bearer {self.key}"}
        )

    def post(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Post events; the answer, of which 422 is one too."""
        answer = self.http.post("/api/v1/events", json={"events": list(events)})
        assert answer.status_code in {202, 422}, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def poll(self, instance: str, wait: int = 0) -> httpx.Response:
        """Ask for commands."""
        return self.http.get("/api/v1/commands", params={"instance": instance, "wait": wait})


def come_in(board: Board, name: str, role: str) -> Browser:
    """A person of that role, by their first link."""
    link = board.person(name, role)
    browser = Browser(board)
    assert browser.form(link, password=PASSWORD, again=PASSWORD).status_code == 302
    return browser


def script(board: Board, role: str = "admin") -> httpx.Client:
    """A script with a token of that role."""
    return httpx.Client(
        base_url=board.url, timeout=30, limits=ALONE, headers={"Authorization": f"Bearer {board.token(role)}"}
    )

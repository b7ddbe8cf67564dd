"""The board over HTTP: one kept connection for each thread that talks to it.

Every request has a limit: 3 s to connect, and one for each read. What went wrong on the
way is `Unreachable`; what the board said is an `Answer`, whatever its status.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from breakerboard.settings import Settings
from breakerboard.version import VERSION

MOST_BYTES = 8 * 1024 * 1024


class Unreachable(Exception):
    """No answer: the connection failed, broke or took too long."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    retry_after_s: float | None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def later(self) -> bool:
        """Whether the same request may succeed in a while, with nothing changed by a human.

        A proxy in front of a board that is away may answer anything, 404 and a redirect too: only a key is refused.
        """
        return self.status not in (401, 403)

    def listed(self, name: str) -> list[Any]:
        found = self.body.get(name)
        return found if isinstance(found, list) else []


@dataclass(frozen=True)
class Board:
    """Where the board is, and the key to it."""

    url: str
    key: str
    settings: Settings

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"The board's address must be like https://board.example.com, not {self.url!r}.")
        if not self.key or not self.key.isprintable() or not self.key.isascii():
            raise ValueError("The ingest key is missing, or holds characters that no key has.")

    def connection(self) -> Connection:
        return Connection(self)


class Connection:
    """Used by one thread; `abort` may come from another."""

    def __init__(self, board: Board) -> None:
        parts = urlsplit(board.url)
        self._board = board
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._prefix = parts.path.rstrip("/")
        self._http: http.client.HTTPConnection | None = None

    def get(self, path: str, read_s: float) -> Answer:
        return self._request("GET", path, None, read_s)

    def post(self, path: str, body: dict[str, Any], read_s: float) -> Answer:
        return self._request("POST", path, json.dumps(body).encode(), read_s)

    def abort(self) -> None:
        """End a request that another thread waits in."""
        sock = self._http.sock if self._http is not None else None
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it had ended by itself

    def abandon(self) -> None:
        """In a forked child: let go of the parent's socket, without a word on it and without its locks."""
        sock = self._http.sock if self._http is not None else None
        if sock is not None and sock.fileno() >= 0:
            os.close(sock.detach())

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def _request(self, method: str, path: str, body: bytes | None, read_s: float) -> Answer:
        kept = self._http is not None
        try:
            return self._once(method, path, body, read_s)
        except (ConnectionError, http.client.BadStatusLine) as broken:
            # A kept connection may have been closed by the board meanwhile; ids make a second try safe.
            self.close()
            if not kept:
                raise Unreachable(f"{type(broken).__name__}: {broken}") from broken
        except (OSError, http.client.HTTPException, ValueError) as broken:
            self.close()
            raise Unreachable(f"{type(broken).__name__}: {broken}") from broken
        try:
            return self._once(method, path, body, read_s)
        except (OSError, http.client.HTTPException, ValueError) as broken:
            self.close()
            raise Unreachable(f"{type(broken).__name__}: {broken}") from broken

    def _once(self, method: str, path: str, body: bytes | None, read_s: float) -> Answer:
        connection = self._http or self._connect(min(self._board.settings.connect_s, read_s))
        if connection.sock is not None:
            connection.sock.settimeout(read_s)
        headers = {
            "Authorization": f"Bearer {self._board.key}",
            "User-Agent": f"breakerboard-python/{VERSION}",
            "Accept": "application/json",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, self._prefix + path, body=body, headers=headers)
        response = connection.getresponse()
        answer = _answer(response, self._board.settings.retry_after_most_s)
        if response.will_close:
            self.close()
        return answer

    def _connect(self, connect_s: float) -> http.client.HTTPConnection:
        if self._tls:
            secure = ssl.create_default_context()
            # Some Pythons leave this to the machine's settings.
            secure.minimum_version = ssl.TLSVersion.TLSv1_2
            self._http = http.client.HTTPSConnection(self._host, self._port, timeout=connect_s, context=secure)
        else:
            self._http = http.client.HTTPConnection(self._host, self._port, timeout=connect_s)
        self._http.connect()
        return self._http


def _answer(response: http.client.HTTPResponse, most_s: float) -> Answer:
    raw = response.read(MOST_BYTES)
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        body = {}
    after = _seconds(response.headers.get("Retry-After"))
    return Answer(
        response.status,
        body if isinstance(body, dict) else {},
        None if after is None else min(max(after, 0.0), most_s),
    )


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    try:
        return float(retry_after)
    except ValueError:
        pass  # not seconds: a date
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (TypeError, ValueError):
        return None


class Backoff:
    """Growing pauses with full jitter, so that a fleet does not come back all at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tries = 0

    def reset(self) -> None:
        self._tries = 0

    def pause_s(self, answer: Answer | None = None, took_s: float = 0.0) -> float:
        """How long to wait after this answer, or after none, to a try that took so long.

        A try that hung until its limit has waited already: pauses run from its beginning.
        """
        first, most = self._settings.backoff_first_s, self._settings.backoff_most_s
        if answer is not None and not answer.later:
            return self._settings.refused_s
        jitter = random.uniform(0, min(most, first * 2**self._tries))
        self._tries = min(self._tries + 1, 32)
        if answer is not None and answer.retry_after_s is not None:
            # Told to all of a fleet at once: they spread out over some more of it.
            return answer.retry_after_s + jitter
        return max(0.0, jitter - took_s)

"""Words on the wire: times, texts and errors, made safe to send.

Pure functions. None of them raises, whatever an exception's own `__str__` does.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

Event = dict[str, Any]

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
FORCED_OPEN, FORCED_CLOSED, DISABLED = "forced_open", "forced_closed", "disabled"

ACTIONS = ("probe", "reset", "force_open", "force_closed", "disable", "release")

TEXT_LIMIT = 2048
NAME_LIMIT = 200
TIMEOUT_NAMES = ("Timeout", "TimeoutError", "TimeoutException", "TimedOut")
FRACTION = re.compile(r"\.(\d+)")


class Subject:
    """The breaker that an event is about. Compared by identity, which keeps the hooks cheap."""

    __slots__ = ("breaker", "dependency", "last_error_at")

    def __init__(self, breaker: str, dependency: str) -> None:
        self.breaker = breaker
        self.dependency = dependency
        self.last_error_at = 0.0


def stamp(at: float) -> str:
    moment = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def moment_of(text: object) -> float | None:
    """Seconds since the epoch for an RFC 3339 time; None for anything else."""
    if not isinstance(text, str):
        return None
    plain = FRACTION.sub(lambda found: "." + found.group(1)[:6].ljust(6, "0"), text).replace("Z", "+00:00")
    try:
        return datetime.fromisoformat(plain).timestamp()
    except ValueError:
        return None


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """Without lone surrogates and NUL, which the board refuses, and not longer than it keeps."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def message_of(error: BaseException) -> str:
    try:
        return clean(str(error))
    except Exception as broken:
        return f"(its message could not be read: {type(broken).__name__})"


def is_timeout(error: BaseException) -> bool:
    """By type, and by name: requests, httpx, urllib3 and the drivers each have a class of their own."""
    if isinstance(error, TimeoutError):
        return True
    if any(kind.__name__.endswith(TIMEOUT_NAMES) or kind.__name__ == "timeout" for kind in type(error).__mro__):
        return True
    return isinstance(getattr(error, "reason", None), TimeoutError)  # urllib's URLError wraps it


def name_problem(what: str, name: object) -> str | None:
    """Why the board would refuse this name, as a sentence; None where it would not."""
    if not isinstance(name, str) or not name.strip():
        return f"{what} must be a text, not {name!r}."
    if len(name) > NAME_LIMIT or "\0" in name:
        return f"{what} must have at most {NAME_LIMIT} characters and no NUL, {name[:40]!r}… has not."
    return None

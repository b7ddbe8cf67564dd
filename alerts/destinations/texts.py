"""Texts: what a person reads of an alert, the same in e-mail, chat and on a lock screen. Plain text: no markup to abuse."""

from collections.abc import Callable, Sequence

from alerts.destinations.base import Notice
from alerts.domain.wording import plain
from alerts.shapes import moment

WORDS = {
    "resolved": "Resolved",
    "repeat": "Still firing",
    "escalation": "Nobody has it in hand",
    "digest": "Storm",
    "test": "Test",
}


def title(notice: Notice) -> str:
    """Firing: delivery-tracking opened in orders"""
    return f"{notice.heading or WORDS.get(notice.kind, 'Firing')}: {notice.summary}"


def facts(notice: Notice) -> list[tuple[str, str]]:
    """What is known, by name; of a digest nothing, its lines say it."""
    if notice.lines:
        return []
    alert = notice.alert
    told = [
        ("Dependency", plain(alert.dependency)),
        ("Severity", plain(alert.severity)),
        ("Since", alert.started_at),
    ]
    if notice.kind == "resolved":
        told.append(("Resolved", alert.resolved_at or moment(notice.at)))
    return told


def body(notice: Notice) -> str:
    """The lines below the title, with the addresses at their end."""
    lines = [*notice.lines, *(f"{name}: {value}" for name, value in facts(notice)), link(notice.beyond, notice.url)]
    if notice.acknowledge_url:
        lines += ["", f"Take it in hand: {notice.acknowledge_url}"]
    return "\n".join(lines)


def link(beyond: int, url: str) -> str:
    """The address at the end, with how many more are told of there."""
    return f"… and {beyond:,} more: {url}" if beyond else url


def fitted(lines: Sequence[str], beyond: int, url: str, room: int, length: Callable[[str], int] = len) -> str:
    """As many of the lines as there is room for, and the address with the number of the rest; whole lines only."""
    for shown in range(len(lines), -1, -1):
        text = "\n".join([*lines[:shown], link(beyond + len(lines) - shown, url)])
        if length(text) <= room:
            return text
    return link(beyond + len(lines), url)

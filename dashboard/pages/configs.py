"""A breaker's settings in words, for the page and for the script that keeps it: what they are, and when they changed."""

from collections.abc import Iterable
from dataclasses import dataclass

from breakers.queries.history import SettingsView

MOST_NAMES = 120  # characters


@dataclass(frozen=True, slots=True)
class Changed:
    """One change. `lines`: (setting, what became of it)."""

    at: str
    where: str
    lines: list[tuple[str, str]]


def told(config: dict[str, object]) -> list[tuple[str, str]]:
    """(setting, value), as they were told last."""
    return [(name, str(value)) for name, value in config.items()]


def changes(history: Iterable[SettingsView]) -> list[Changed]:
    """The changes, newest first."""
    return [
        Changed(each.at, _where(each.instances), [(name, _line(*pair)) for name, *pair in each.changed])
        for each in history
    ]


def _where(instances: list[str]) -> str:
    named = ", ".join(instances)
    cut = named if len(named) <= MOST_NAMES else f"{named[: MOST_NAMES - 1]}…"
    return f"{len(instances)} instance{'s' * (len(instances) != 1)}: {cut}"


def _line(before: object, after: object) -> str:
    if before is None:
        return f"{after}, told first"
    return f"{before}, told no more" if after is None else f"{before} → {after}"

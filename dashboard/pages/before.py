"""Before: what changed in the half hour before an opening: marks, settings, and breakers that opened first."""

from dataclasses import dataclass

from django.urls import reverse

from breakers.queries.breaker_page import Opening
from breakers.queries.history import SettingsView, Upstream
from breakers.queries.shapes import Card
from dashboard.charts.marks import mark_words


@dataclass(frozen=True, slots=True)
class Before:
    """One thing that happened, as a link where there is a page of it."""

    at: str
    words: str
    href: str = ""


def changed_before(card: Card, opening: Opening) -> list[Before]:
    """What changed in the half hour before the last opening, oldest first."""
    found = [Before(mark.at, mark_words(mark), mark.url or "") for mark in opening.marks]
    found += [
        Before(change.at, settings_words(change))
        for change in opening.changes
        # Told for the first time is no change.
        if any(before is not None for _, before, _ in change.changed)
    ]
    found += [_opened(card, each) for each in opening.opened]
    return sorted(found, key=lambda each: each.at)


def settings_words(change: SettingsView) -> str:
    """`Settings: failure_rate_threshold 50 → 40, at 3 instances`."""
    told = ", ".join(f"{name} {_value(before)} → {_value(after)}" for name, before, after in change.changed)
    where = change.instances[0] if len(change.instances) == 1 else f"{len(change.instances)} instances"
    return f"Settings: {told}, at {where}"


def _opened(card: Card, other: Upstream) -> Before:
    why = f"also on {card.dependency}" if other.dependency == card.dependency else f"of {card.dependency} itself"
    return Before(
        other.opened_at, f"{other.service} / {other.name} opened ({why})", reverse("breaker", args=[other.id])
    )


def _value(value: object) -> str:
    return "not told" if value is None else str(value)

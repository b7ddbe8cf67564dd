"""Filters: which cards or alerts a subscription wants, as a query string."""

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from alerts.queries import STATUSES
from alerts.shapes import AlertView
from breakers.errors import Invalid
from breakers.queries import CardFilter, make_filter, parse_filter
from dashboard.live.topics import Topic

FIELDS = ("status", "service")


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts; empty means all."""

    statuses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    def matches(self, alert: AlertView, now: int) -> bool:
        """Whether the alert is one of those asked for, which does not depend on the time."""
        return (not self.statuses or alert.status in self.statuses) and (
            not self.services or alert.service in self.services
        )


Filter = CardFilter | AlertFilter | None


def filter_of(topic: Topic, text: str, bound: str = "") -> Filter:
    """The filter of a subscription: of the wall and its cells as in a URL, of alerts `status=firing,acknowledged&service=…`.

    bound: what a screen's link may see at most, in the wall's query language; it holds beside what is asked for. Errors: Invalid.
    """
    if topic.kind in {"wall", "cells"}:
        return _bound(parse_filter(text), bound)
    if topic.kind == "tally" and not text:
        return _bound(CardFilter(), bound)
    if topic.kind == "alerts":
        return _alert_filter(text)
    if text:
        raise Invalid(("filter", f"{topic.kind} has no filter; this one is '{text[:100]}'"))
    return None


def _bound(asked: CardFilter, bound: str) -> CardFilter:
    return replace(asked, terms=(*asked.terms, *make_filter(query=bound).terms)) if bound else asked


def _alert_filter(text: str) -> AlertFilter:
    found: dict[str, tuple[str, ...]] = dict.fromkeys(FIELDS, ())
    for key, value in parse_qsl(text.lstrip("?")):
        if key not in found:
            raise Invalid(("filter", f"unknown filter '{key}'; expected one of {', '.join(FIELDS)}"))
        found[key] += tuple(part.strip() for part in value.split(",") if part.strip())
    for status in found["status"]:
        if status not in STATUSES:
            raise Invalid(("status", f"unknown status '{status}'; expected one of {', '.join(STATUSES)}"))
    return AlertFilter(found["status"], found["service"])

"""A breaker's page: instances, paths, why it opened, events, outages."""

from datetime import datetime

from breakers.queries.shapes import Details, Page, Why


def details(breaker_id: str, now: datetime) -> Details:
    """Everything but timeline and events. Errors: NotFound."""
    raise NotImplementedError


def why_opened(breaker_id: str, now: datetime) -> Why | None:
    """The last opening and what is known of its cause; None where it never opened. Errors: NotFound."""
    raise NotImplementedError


def events(
    breaker_id: str,
    *,
    types: tuple[str, ...] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Raw events, newest first. Items are EventView. Errors: NotFound, Invalid (cursor)."""
    raise NotImplementedError


def outages(breaker_id: str, start: datetime, end: datetime) -> list[dict[str, object]]:
    """Outages that touch [start, end), oldest first: {"started_at", "ended_at", "failed_probes", "first_instance"}."""
    raise NotImplementedError


def open_outages(breaker_ids: list[int]) -> dict[int, dict[str, object]]:
    """The outage under way of each of these breakers that has one, by breaker id."""
    raise NotImplementedError

"""Reads, each named after the screen or job that reads it. `now` comes in by hand; nothing here writes.

Silence is judged again at every read: a breaker whose instances fell silent since the last sweep is shown stale.
"""

from breakers.queries.cards import board, card, cards_of, changed_since
from breakers.queries.commands import audit_trail, command, commands_of
from breakers.queries.details import details, events, last_outage, open_outages, outages, why_opened
from breakers.queries.filters import CardFilter, make_filter, parse_filter
from breakers.queries.sources import sources_page
from breakers.queries.store import store
from breakers.queries.survey import Survey, counts, for_wall, survey, wall
from breakers.queries.timeline import timeline

__all__ = [
    "CardFilter",
    "Survey",
    "audit_trail",
    "board",
    "card",
    "cards_of",
    "changed_since",
    "command",
    "commands_of",
    "counts",
    "details",
    "events",
    "for_wall",
    "last_outage",
    "make_filter",
    "open_outages",
    "outages",
    "parse_filter",
    "sources_page",
    "store",
    "survey",
    "timeline",
    "wall",
    "why_opened",
]

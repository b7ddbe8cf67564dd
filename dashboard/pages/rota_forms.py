"""The forms of a rota and of an override: what they show, and what they mean."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, QueryDict

from alerts import calendars, rostering
from alerts.domain.rotas import instant
from alerts.domain.routes import DAYS
from alerts.models import Rota
from alerts.rota_queries import Roster
from breakers.errors import Invalid

LAYERS = 2


def known(row: Rota | None, roster: Roster) -> dict[str, Any]:
    """What the form shows of a rota, or of none."""
    layers = roster.view(row).layers if row else []
    shown = [
        {
            "people": ", ".join(each.people),
            "since": each.since,
            "at": each.at,
            "every": str(each.every_days),
            "limited": each.hours is not None,
            "hours": each.hours or {"days": list(DAYS), "from": "08:00", "to": "18:00"},
        }
        for each in layers
    ]
    monday = roster.now.date() - timedelta(days=roster.now.weekday())
    while len(shown) < LAYERS:
        hours = {"days": list(DAYS), "from": "08:00", "to": "18:00"}
        shown.append({
            "people": "", "since": monday.isoformat(), "at": "09:00", "every": "7", "limited": False, "hours": hours,
        })  # fmt: skip
    return {
        "name": row.name if row else "",
        "timezone": row.timezone if row else "UTC",
        "layers": shown,
        "fallback": row.fallback if row else [],
    }


def typed(given: QueryDict) -> dict[str, Any]:
    """What was typed, to be shown again. A calendar's address is not: it may be a secret."""
    numbers = [n for n in range(rostering.MOST_LAYERS) if f"people-{n}" in given]
    return {
        "name": given.get("name", ""),
        "timezone": given.get("timezone", ""),
        "layers": [
            {
                "people": given.get(f"people-{n}", ""),
                "since": given.get(f"since-{n}", ""),
                "at": given.get(f"at-{n}", ""),
                "every": given.get(f"every-{n}", ""),
                "limited": f"limited-{n}" in given,
                "hours": {
                    "days": given.getlist(f"days-{n}"),
                    "from": given.get(f"from-{n}", ""),
                    "to": given.get(f"to-{n}", ""),
                },
            }
            for n in numbers
        ],
        "fallback": given.getlist("fallback"),
        "calendar": given.get("calendar", ""),
        "had_address": bool(given.get("calendar_url", "").strip()),
    }


def given_by(request: HttpRequest, row: Rota | None) -> dict[str, object]:
    """What the form means, for the gerund to check. Errors: Invalid for what can't be read."""
    said = typed(request.POST)
    given: dict[str, object] = {name: said[name] for name in ("name", "timezone", "fallback")}
    given["layers"] = [_layer(number, each) for number, each in enumerate(said["layers"]) if each["people"].strip()]
    file, text = request.FILES.get("calendar_file"), request.POST.get("calendar", "").strip()
    if file is not None and not isinstance(file, list):
        if (file.size or 0) > calendars.LONGEST:
            raise Invalid(("calendar", f"the calendar is larger than {calendars.LONGEST // 1024} KiB"))
        text = calendars.text_of(file.read())
    if text:
        given["calendar"] = text
    if url := request.POST.get("calendar_url", "").strip():
        given["calendar_url"] = url
    if "forget-calendar" in request.POST and row is not None and not text and not url:
        given["calendar_url" if row.calendar_url else "calendar"] = None
    return given


def _layer(number: int, said: Mapping[str, Any]) -> dict[str, object]:
    if not said["every"].isdecimal() or len(said["every"]) > 3:
        raise Invalid((f"layers.{number}.every_days", f"'{said['every'][:20]}' is no number of days"))
    return {
        "people": [each.strip() for each in said["people"].split(",") if each.strip()],
        "since": said["since"],
        "at": said["at"],
        "every_days": int(said["every"]),
        "hours": said["hours"] if said["limited"] else None,
    }


def override_of(given: QueryDict, row: Rota) -> tuple[str, datetime | None, datetime, str]:
    """What the form means, by the clock of the rota's place. Errors: Invalid."""
    begins = given.get("from", "").strip()
    ends_at = _local("to", given.get("to", ""), row.timezone)
    return (
        given.get("person", ""),
        _local("from", begins, row.timezone) if begins else None,
        ends_at,
        given.get("comment", "").strip(),
    )


def _local(field: str, text: str, timezone: str) -> datetime:
    day, _, clock = text.strip().partition("T")
    try:
        return instant(date.fromisoformat(day), time.fromisoformat(clock), timezone)
    except (ValueError, OverflowError):
        raise Invalid((field, f"'{text[:40]}' is no moment; expected 2026-11-27T18:00")) from None

"""Leading: the only writer of routes: which alerts lead to which destinations, when, and what follows."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts import queries
from alerts.domain.routes import DAYS, NAMES
from alerts.models import Destination, Rota, Route
from alerts.reaching import MARK
from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.errors import Conflict, Invalid
from breakers.models.service import NAME_LENGTH

SEVERITIES = ("critical", "warning", "info")
MOST_ROUTES = 200
MOST_STEPS = 10
MOST_LABELS = 32
LONGEST_WAIT_S = 7 * 24 * 3600
SHORTEST_REPEAT_S = 60
# Warnings wait; what pages does not.
USUAL_REPEAT_S = [15 * 60, 3600, 4 * 3600]


def add(actor: Actor, given: Mapping[str, object], *, at: datetime) -> Route:
    """Set one up. From the first one on, destinations hear only of what a route sends them.

    Errors: NotAllowed, Invalid, Conflict (the name, too many).
    """
    require(actor, Role.ADMIN, "adding a route")
    with bulk.writing():
        if Route.objects.count() >= MOST_ROUTES:
            raise Conflict(f"there are {MOST_ROUTES} routes already; remove one first")
        row = Route(created_at=at, repeat_s=list(USUAL_REPEAT_S))
        _take(row, given, at)
        if not row.destinations and not row.steps:
            raise Invalid(("destinations", "a route leads to at least one destination"))
        row.save(force_insert=True)
        _tell(actor, "route.add", row, None, at)
        return row


def change(actor: Actor, route_id: str, given: Mapping[str, object], *, at: datetime) -> Route:
    """Change what is given. Errors: NotAllowed, NotFound, Invalid, Conflict (the name)."""
    require(actor, Role.ADMIN, "changing a route")
    with bulk.writing():
        row = queries.route_row(route_id)
        before = _seen(row)
        _take(row, given, at)
        row.save()
        _tell(actor, "route.change", row, before, at)
        return row


def remove(actor: Actor, route_id: str, *, at: datetime) -> None:
    """Delete it. With the last one gone every destination hears of everything again. Errors: NotAllowed, NotFound."""
    require(actor, Role.ADMIN, "removing a route")
    with bulk.writing():
        row = queries.route_row(route_id)
        auditing.write(actor, "route.remove", "route", row.pk, row.name, before=_seen(row), at=at)
        row.delete()


def _take(row: Route, given: Mapping[str, object], at: datetime) -> None:
    for name, value in given.items():
        match name:
            case "name":
                row.name = _free_name(row, value)
            case "enabled":
                row.off_at = None if value else row.off_at or at
            case "matchers":
                row.matchers = _matchers(value)
            case "destinations":
                row.destinations = _told(name, value)
            case "hours":
                row.hours = _hours(value)
            case "always":
                row.always = [_one_of("always", each, SEVERITIES) for each in _list("always", value, len(SEVERITIES))]
            case "steps":
                row.steps = _steps(value)
            case "repeat_s":
                row.repeat_s = [_seconds(name, each, SHORTEST_REPEAT_S) for each in _list(name, value, MOST_STEPS)]
            case _:
                raise Invalid((name[:40], f"a route has no '{name[:40]}'"))
    if not row.name:
        raise Invalid(("name", "'name' is missing"))


def _free_name(row: Route, value: object) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if not name or len(name) > NAME_LENGTH or any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise Invalid(("name", f"a name has 1 to {NAME_LENGTH} characters, and no control characters"))
    if Route.objects.filter(name=name).exclude(pk=row.pk).exists():
        raise Conflict(f"there is a route '{name}' already")
    return name


def _matchers(value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise Invalid(("matchers", "matchers are an object"))
    found: dict[str, object] = {}
    for name, text in value.items():
        if name == "labels":
            if not isinstance(text, Mapping) or len(text) > MOST_LABELS:
                raise Invalid(("matchers.labels", f"labels are an object of at most {MOST_LABELS}"))
            found["labels"] = {str(key): _pattern(f"matchers.labels.{key}", each) for key, each in text.items()}
        elif name in NAMES:
            found[name] = _pattern(f"matchers.{name}", text)
        else:
            raise Invalid((f"matchers.{name[:40]}", f"expected one of {', '.join(NAMES)}, labels"))
    return found


def _pattern(field: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > NAME_LENGTH or "\0" in value:
        raise Invalid((field, f"a text of 1 to {NAME_LENGTH} characters; * stands for anything within it"))
    return value


def _told(field: str, value: object) -> list[str]:
    """Ids of destinations, and of rotas behind their mark: whoever is on call. Errors: Invalid."""
    wanted = list(dict.fromkeys(str(each) for each in _list(field, value, 50)))
    known = {str(pk) for pk in Destination.objects.filter(removed_at=None).values_list("pk", flat=True)}
    rotas = {f"{MARK}{pk}" for pk in Rota.objects.values_list("pk", flat=True)}
    for each in wanted:
        if each not in known and each not in rotas:
            kind, name = ("rota", each.removeprefix(MARK)) if each.startswith(MARK) else ("destination", each)
            raise Invalid((field, f"no {kind} '{name[:40]}'"))
    return wanted


def _hours(value: object) -> dict[str, object] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not set(value) <= {"days", "from", "to", "timezone"}:
        raise Invalid(("hours", "hours are {days, from, to, timezone}, or null for always"))
    zone = str(value.get("timezone", "UTC"))
    hours = hours_of_day("hours", {name: each for name, each in value.items() if name != "timezone"})
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(("hours.timezone", f"unknown time zone '{zone[:60]}'; expected one like Europe/Berlin")) from None
    return {**hours, "timezone": zone}


def hours_of_day(field: str, value: object) -> dict[str, object]:
    """The days and times of hours, checked. Errors: Invalid."""
    if not isinstance(value, Mapping) or not set(value) <= {"days", "from", "to"}:
        raise Invalid((field, "hours are {days, from, to}, or null for always"))
    given = _list(f"{field}.days", value.get("days", list(DAYS)), 7)
    days = {_one_of(f"{field}.days", each, DAYS) for each in given}
    if not days:
        raise Invalid((f"{field}.days", "at least one day"))
    return {
        "days": sorted(days, key=DAYS.index),
        "from": time_of_day(f"{field}.from", value.get("from", "00:00")),
        "to": time_of_day(f"{field}.to", value.get("to", "00:00")),
    }


def time_of_day(field: str, value: object) -> str:
    """A time of day as 08:00. Errors: Invalid."""
    try:
        return time.fromisoformat(str(value)).strftime("%H:%M") if len(str(value)) == 5 else _not_a_time(field, value)
    except ValueError:
        return _not_a_time(field, value)


def _not_a_time(field: str, value: object) -> str:
    raise Invalid((field, f"'{str(value)[:20]}' is no time of day like 08:00"))


def _steps(value: object) -> list[dict[str, object]]:
    found: list[tuple[int, list[str]]] = []
    for number, step in enumerate(_list("steps", value, MOST_STEPS)):
        field = f"steps.{number}"
        if not isinstance(step, Mapping) or set(step) != {"after_s", "destinations"}:
            raise Invalid((field, "a step is {after_s, destinations}"))
        to = _told(f"{field}.destinations", step["destinations"])
        if not to:
            raise Invalid((f"{field}.destinations", "a step tells at least one destination"))
        found.append((_seconds(f"{field}.after_s", step["after_s"], 0), to))
    return [{"after_s": after_s, "destinations": to} for after_s, to in sorted(found)]


def _seconds(field: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LONGEST_WAIT_S:
        raise Invalid((field, f"{str(value)[:20]} is no whole number of seconds from {least} to {LONGEST_WAIT_S}"))
    return value


def _one_of(field: str, value: object, choices: Sequence[str]) -> str:
    if value not in choices:
        raise Invalid((field, f"'{str(value)[:40]}' is none of {', '.join(choices)}"))
    return str(value)


def _list(field: str, value: object, most: int) -> list[object]:
    if not isinstance(value, (list, tuple)) or len(value) > most:
        raise Invalid((field, f"a list of at most {most}"))
    return list(value)


def _seen(row: Route) -> dict[str, object]:
    return {
        "name": row.name,
        "enabled": row.off_at is None,
        "matchers": row.matchers,
        "destinations": row.destinations,
        "hours": row.hours,
        "always": row.always,
        "steps": row.steps,
        "repeat_s": row.repeat_s,
    }


def _tell(actor: Actor, verb: str, row: Route, before: object, at: datetime) -> None:
    auditing.write(actor, verb, "route", row.pk, row.name, before=before, after=_seen(row), at=at)

"""Rostering: the only writer of rotas, of their overrides, and of how people are reached.

Admins make rotas and say how people are reached; an operator may put someone in another's place, at three in the morning too.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import User

from alerts import reading, rota_queries
from alerts.leading import hours_of_day, time_of_day
from alerts.models import Destination, Override, Person, Rota, Route
from alerts.reaching import MARK
from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.errors import Conflict, Invalid
from breakers.models.service import NAME_LENGTH
from breakers.times import rfc3339

MOST_ROTAS = 50
MOST_LAYERS = 5
MOST_PEOPLE = 50
MOST_NAMES = 10
LONGEST_NAME = 100
LONGEST_TURN = 92  # days
LONGEST_OVERRIDE = timedelta(days=92)
LONGEST_COMMENT = 500


def add(actor: Actor, given: Mapping[str, Any], *, at: datetime) -> Rota:
    """Set one up. Errors: NotAllowed, Invalid, BadTarget (the calendar's address), Conflict (the name, too many)."""
    require(actor, Role.ADMIN, "adding a rota")
    row = drafted(given, at=at)
    with bulk.writing():
        _free(row)
        if Rota.objects.count() >= MOST_ROTAS:
            raise Conflict(f"there are {MOST_ROTAS} rotas already; remove one first")
        row.save(force_insert=True)
        _tell(actor, "rota.add", row, None, at)
    return row


def change(actor: Actor, rota_id: str, given: Mapping[str, Any], *, at: datetime) -> Rota:
    """Change what is given. Errors: NotAllowed, NotFound, Invalid, BadTarget, Conflict (the name)."""
    require(actor, Role.ADMIN, "changing a rota")
    row = drafted(given, rota_queries.row_of(rota_id), at=at)
    with bulk.writing():
        _free(row)
        before = seen(rota_queries.row_of(rota_id))
        # A calendar that was read meanwhile is not undone by who changes something else.
        anew = reading.FIELDS if not {"calendar", "calendar_url", "timezone"}.isdisjoint(given) else ()
        row.save(update_fields=["name", "timezone", "layers", "fallback", *anew])
        _tell(actor, "rota.change", row, before, at)
    return row


def remove(actor: Actor, rota_id: str, *, at: datetime) -> None:
    """Delete it, with its overrides. Errors: NotAllowed, NotFound, Conflict while a route leads to it."""
    require(actor, Role.ADMIN, "removing a rota")
    with bulk.writing():
        row = rota_queries.row_of(rota_id)
        name = f"{MARK}{row.pk}"
        for route in Route.objects.order_by("name"):
            if name in [*route.destinations, *(each for step in route.steps for each in step["destinations"])]:
                raise Conflict(f"the route '{route.name}' leads to whoever is on call for {row.name}: change it first")
        auditing.write(actor, "rota.remove", "rota", row.pk, row.name, before=seen(row), at=at)
        row.delete()


def override(
    actor: Actor,
    rota_id: str,
    person: str,
    *,
    begins_at: datetime | None,
    ends_at: datetime,
    comment: str,
    at: datetime,
) -> Override:
    """Put someone in the place of whoever it would be. Errors: NotAllowed, NotFound, Invalid."""
    require(actor, Role.OPERATOR, "putting someone on call")
    row = rota_queries.row_of(rota_id)
    draft = drafted_override(row, actor, person, begins_at=begins_at, ends_at=ends_at, comment=comment, at=at)
    with bulk.writing():
        draft.save(force_insert=True)
        after = {"person": person, "from": rfc3339(draft.begins_at), "to": rfc3339(draft.ends_at)}
        auditing.write(actor, "rota.override", "rota", row.pk, row.name, reason=comment, after=after, at=at)
    return draft


def drafted_override(
    row: Rota,
    actor: Actor,
    person: str,
    *,
    begins_at: datetime | None,
    ends_at: datetime,
    comment: str,
    at: datetime,
) -> Override:
    """An override that is not saved. Errors: Invalid."""
    begins_at = max(begins_at or at, at)
    if ends_at <= begins_at:
        raise Invalid(("to", f"'to' is {rfc3339(ends_at)}; expected a moment after its beginning, and in the future"))
    if ends_at - begins_at > LONGEST_OVERRIDE:
        raise Invalid(("to", f"an override lasts {LONGEST_OVERRIDE.days} days at most"))
    if len(comment) > LONGEST_COMMENT or "\0" in comment:
        raise Invalid(("comment", f"a comment has at most {LONGEST_COMMENT} characters, and no NUL"))
    return Override(
        rota=row,
        user_id=int(_people("person", [person])[0]),
        begins_at=begins_at,
        ends_at=ends_at,
        comment=comment,
        created_by=actor.name,
        created_at=at,
    )


def end_override(actor: Actor, rota_id: str, override_id: str, *, at: datetime) -> None:
    """Take it back: one that lasts ends now, one to come never begins. Errors: NotAllowed, NotFound, Conflict where it is over."""
    require(actor, Role.OPERATOR, "taking an override back")
    with bulk.writing():
        row = rota_queries.override_row(rota_id, override_id)
        if row.ends_at <= at:
            raise Conflict(f"override {override_id} is over")
        before = {"person": row.user.get_username(), "from": rfc3339(row.begins_at), "to": rfc3339(row.ends_at)}
        auditing.write(actor, "rota.end-override", "rota", row.rota_id, row.rota.name, before=before, at=at)
        if row.begins_at >= at:
            row.delete()
        else:
            row.ends_at = at
            row.save(update_fields=["ends_at"])


def reach(actor: Actor, person: str, given: Mapping[str, Any], *, at: datetime) -> Person:
    """Say how someone is reached, and what calendars call them. Errors: NotAllowed, NotFound, Invalid."""
    require(actor, Role.ADMIN, "saying how someone is reached")
    user = rota_queries.user_of(person)
    with bulk.writing():
        row = Person.objects.filter(user=user).first() or Person(user=user)
        before = {"destinations": row.destinations, "names": row.names}
        for field, value in given.items():
            match field:
                case "destinations":
                    row.destinations = _destinations(field, value)
                case "names":
                    row.names = [_name(field, each, LONGEST_NAME) for each in _list(field, value, MOST_NAMES)]
                case _:
                    raise Invalid((field[:40], f"a person has no '{field[:40]}'"))
        row.save()
        after = {"destinations": row.destinations, "names": row.names}
        auditing.write(actor, "person.reach", "user", user.pk, user.get_username(), before=before, after=after, at=at)
    return row


def drafted(given: Mapping[str, Any], row: Rota | None = None, *, at: datetime) -> Rota:
    """A rota of these fields that is not saved: what is not given stays. Asks for the calendar where that is another one.

    Errors: Invalid, BadTarget.
    """
    draft = Rota(created_at=at, timezone="UTC") if row is None else row
    calendars = {"calendar", "calendar_url"}
    for field, value in given.items():
        match field:
            case "name":
                draft.name = _name(field, value, NAME_LENGTH)
            case "timezone":
                draft.timezone = _zone(value)
            case "layers":
                draft.layers = [_layer(f"layers.{n}", each) for n, each in enumerate(_list(field, value, MOST_LAYERS))]
            case "fallback":
                draft.fallback = _destinations(field, value)
            case _ if field not in calendars:
                raise Invalid((field[:40], f"a rota has no '{field[:40]}'"))
    if not draft.name:
        raise Invalid(("name", "'name' is missing"))
    if not draft.fallback:
        raise Invalid(("fallback", "at least one destination hears where nobody is on call"))
    text, url = given.get("calendar"), given.get("calendar_url")
    if text or url or ("calendar_url" if draft.calendar_url else "calendar") in given:
        reading.take(draft, text, url, at)
    elif "timezone" in given and draft.calendar:
        reading.again(draft, at)
    if not draft.layers and not draft.calendar:
        raise Invalid(("layers", "a rota has a layer of people who take turns, or a calendar"))
    return draft


def seen(row: Rota) -> dict[str, object]:
    """The row as the audit trail tells it: people by name, the calendar's address masked."""
    names = dict(User.objects.values_list("pk", "username"))
    layers = [{**each, "people": [names.get(int(pk), pk) for pk in each["people"]]} for each in row.layers]
    return {
        "name": row.name,
        "timezone": row.timezone,
        "layers": layers,
        "fallback": row.fallback,
        "calendar_url": row.calendar_shown,
    }


def _layer(field: str, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping) or not set(value) <= {"people", "since", "at", "every_days", "hours"}:
        raise Invalid((field, "a layer is {people, since, at, every_days, hours}"))
    people = _people(f"{field}.people", _list(f"{field}.people", value.get("people"), MOST_PEOPLE))
    if not people:
        raise Invalid((f"{field}.people", "a layer has at least one person"))
    every = value.get("every_days", 7)
    if not isinstance(every, int) or isinstance(every, bool) or not 1 <= every <= LONGEST_TURN:
        raise Invalid((f"{field}.every_days", f"'{str(every)[:20]}' is no number of days from 1 to {LONGEST_TURN}"))
    hours = value.get("hours")
    return {
        "people": people,
        "since": _day(f"{field}.since", value.get("since")),
        "at": time_of_day(f"{field}.at", value.get("at", "09:00")),
        "every_days": every,
        "hours": None if hours is None else hours_of_day(f"{field}.hours", hours),
    }


def _people(field: str, names: Sequence[object]) -> list[str]:
    """Ids of people, by the names that they sign in with. Errors: Invalid."""
    known = dict(User.objects.filter(username__in=[str(each) for each in names]).values_list("username", "pk"))
    for each in names:
        if each not in known:
            raise Invalid((field, f"nobody here signs in as '{str(each)[:60]}'"))
    return [str(known[str(each)]) for each in names]


def _destinations(field: str, value: object) -> list[str]:
    wanted = list(dict.fromkeys(str(each) for each in _list(field, value, MOST_PEOPLE)))
    known = {str(pk) for pk in Destination.objects.filter(removed_at=None).values_list("pk", flat=True)}
    for each in wanted:
        if each not in known:
            raise Invalid((field, f"no destination '{each[:40]}'"))
    return wanted


def _day(field: str, value: object) -> str:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise Invalid((field, f"'{str(value)[:20]}' is no day like 2026-11-23")) from None
    if not 2000 <= day.year <= 2100:
        raise Invalid((field, f"'{day}' is no day from 2000 to 2100"))
    return day.isoformat()


def _zone(value: object) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(("timezone", f"unknown time zone '{str(value)[:60]}'; expected one like Europe/Berlin")) from None


def _name(field: str, value: object, longest: int) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if not name or len(name) > longest or any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise Invalid((field, f"a name has 1 to {longest} characters, and no control characters"))
    return name


def _list(field: str, value: object, most: int) -> Sequence[object]:
    if not isinstance(value, list | tuple) or len(value) > most:
        raise Invalid((field, f"'{field}' is a list of at most {most}"))
    return value


def _free(row: Rota) -> None:
    if Rota.objects.filter(name=row.name).exclude(pk=row.pk).exists():
        raise Conflict(f"there is a rota '{row.name}' already")


def _tell(actor: Actor, verb: str, row: Rota, before: object, at: datetime) -> None:
    auditing.write(actor, verb, "rota", row.pk, row.name, before=before, after=seen(row), at=at)

"""Reads of rotas: who is on call now and next, where nobody is, and how people are reached. Nothing here writes."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

from django.contrib.auth.models import User

from alerts import queries, reaching
from alerts.domain import rotas as domain
from alerts.domain.rotas import Duty
from alerts.models import Destination, Override, Person, Rota
from alerts.rota_shapes import CalendarView, DutyView, LayerView, OverrideView, PersonView, RotaView
from alerts.shapes import moment, moment_or_none
from breakers.errors import Invalid, NotFound
from breakers.queries.shapes import Page

# How far ahead gaps are looked for, and how far the next handover.
GAPS = timedelta(days=14)
NEXT = timedelta(days=28)
LONGEST = timedelta(days=92)
MOST_GAPS = 20
# What is drawn begins this morning, in any zone.
DRAWN_FROM = timedelta(days=2)


class Roster:
    """Rotas at a moment; people, destinations and overrides are read once for all of them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.people = reaching.people()
        on = Destination.objects.filter(off_at=None).values_list("pk", flat=True)
        self.reachable = reaching.reachable(self.people, (str(pk) for pk in on))
        self._logins = {str(pk): name for pk, name in User.objects.values_list("pk", "username")}

    def duties(self, row: Rota, begins: datetime, ends: datetime, draft: Override | None = None) -> list[Duty]:
        """Who is on call from a moment to another; `draft`: with an override that is not saved."""
        at_hand = self._overrides.get(row.pk, []) if begins > self.now - DRAWN_FROM else None
        read = reaching.as_read(row, self.people, begins, at_hand)
        if draft is not None:
            more = domain.Override(
                max((each.id for each in read.overrides), default=0) + 1,
                str(draft.user_id),
                draft.begins_at,
                draft.ends_at,
                draft.created_by,
            )
            read = domain.Rota(read.timezone, read.layers, read.shifts, (*read.overrides, more))
        return domain.duties(read, begins, ends)

    def overrides(self, row: Rota) -> list[Override]:
        """Those that last or are to come, in their order."""
        known = self._overrides.get(row.pk, [])
        return sorted((each for each in known if each.ends_at > self.now), key=lambda each: (each.begins_at, each.pk))

    @cached_property
    def _overrides(self) -> dict[uuid.UUID, list[Override]]:
        found: dict[uuid.UUID, list[Override]] = {}
        for each in Override.objects.filter(ends_at__gt=self.now - DRAWN_FROM).select_related("user"):
            found.setdefault(each.rota_id, []).append(each)
        return found

    def gaps(self, some: Sequence[Duty]) -> list[Duty]:
        """Where of these nobody is on call, or nobody can be reached."""
        return domain.gaps(some, self.reachable)

    def name(self, person: str) -> str:
        """What people call someone."""
        return self.people[person].name if person in self.people else "someone who is gone"

    def told(self, duty: Duty) -> DutyView:
        """A duty, with people by the names that they sign in with."""
        return DutyView(
            from_=moment(duty.begins),
            to=moment(duty.ends),
            people=[self._logins.get(each, each) for each in duty.people],
            why=duty.why,
            reachable=not self.reachable.isdisjoint(duty.people),
        )

    def view(self, row: Rota) -> RotaView:
        """A rota as it stands."""
        ahead = self.duties(row, self.now, self.now + NEXT)
        near = [each for each in self.gaps(ahead) if each.begins < self.now + GAPS]
        following = next((each for each in ahead[1:] if each.people != ahead[0].people), None)
        return RotaView(
            id=str(row.pk),
            name=row.name,
            timezone=row.timezone,
            layers=[
                LayerView(
                    [self._logins.get(each, each) for each in told["people"]],
                    told["since"],
                    told["at"],
                    told["every_days"],
                    told["hours"],
                )
                for told in row.layers
            ],
            fallback=row.fallback,
            calendar=_calendar(row),
            on_call=self.told(_joined(ahead)),
            next=None if following is None else self.told(following),
            gaps=[self.told(each) for each in near[:MOST_GAPS]],
            overrides=[override_view(each) for each in self.overrides(row)],
            created_at=moment(row.created_at),
        )


def rotas(now: datetime) -> list[RotaView]:
    """All rotas, by name."""
    rows = list(Rota.objects.order_by("name"))
    roster = Roster(now) if rows else None
    return [roster.view(row) for row in rows] if roster else []


def rotas_page(now: datetime, *, limit: int = 50, cursor: str | None = None) -> Page:
    """Rotas by name, in pages. Errors: Invalid (cursor)."""
    return queries.paged(rotas(now), lambda view: view.id, limit, cursor)


def rota(row: Rota, now: datetime) -> RotaView:
    """The view of a row that is at hand."""
    return Roster(now).view(row)


def duties(row: Rota, begins: datetime, ends: datetime) -> list[DutyView]:
    """Who is on call from a moment to another. Errors: Invalid where that is too long to tell."""
    if not begins < ends <= begins + LONGEST:
        raise Invalid(("to", f"'to' comes after 'from', by {LONGEST.days} days at most"))
    roster = Roster(begins)
    return [roster.told(each) for each in roster.duties(row, begins, ends)]


def people() -> list[PersonView]:
    """Everybody who signs in here, by name."""
    how = {row.user_id: row for row in Person.objects.all()}
    return [
        PersonView(
            name=user.get_username(),
            full_name=user.get_full_name(),
            active=user.is_active,
            destinations=how[user.pk].destinations if user.pk in how else [],
            names=how[user.pk].names if user.pk in how else [],
        )
        for user in User.objects.order_by("username")
    ]


def people_page(*, limit: int = 50, cursor: str | None = None) -> Page:
    """People by name, in pages. Errors: Invalid (cursor)."""
    return queries.paged(people(), lambda view: view.name, limit, cursor)


def person(name: str) -> PersonView:
    """One. Errors: NotFound."""
    user_of(name)
    return next(each for each in people() if each.name == name)


def override_view(row: Override) -> OverrideView:
    """The view of a row that is at hand."""
    return OverrideView(
        id=str(row.pk),
        person=row.user.get_username(),
        from_=moment(row.begins_at),
        to=moment(row.ends_at),
        comment=row.comment,
        by=row.created_by,
    )


def row_of(rota_id: str) -> Rota:
    """The row itself. Errors: NotFound for an unknown id in any spelling."""
    try:
        known = uuid.UUID(rota_id)
    except ValueError:
        known = queries.NOTHING
    row = Rota.objects.filter(pk=known).first() if str(known) == rota_id else None
    if row is None:
        raise NotFound(f"no rota '{rota_id[:40]}'")
    return row


def override_row(rota_id: str, override_id: str) -> Override:
    """The row itself. Errors: NotFound for an unknown id in any spelling."""
    known = override_id.isascii() and override_id.isdigit() and len(override_id) <= queries.LONGEST_ID
    rows = Override.objects.filter(rota=row_of(rota_id).pk).select_related("rota", "user")
    row = rows.filter(pk=int(override_id)).first() if known and override_id == str(int(override_id)) else None
    if row is None:
        raise NotFound(f"no override '{override_id[:40]}'")
    return row


def user_of(name: str) -> User:
    """Someone by the name that they sign in with. Errors: NotFound."""
    user = None if "\0" in name else User.objects.filter(username=name).first()
    if user is None:
        raise NotFound(f"nobody here signs in as '{name[:40]}'")
    return user


def _joined(ahead: Sequence[Duty]) -> Duty:
    """The first duty, up to when it is really somebody else's: the next event of a calendar may name the same."""
    first = ahead[0]
    for each in ahead[1:]:
        if each.people != first.people:
            break
        first = Duty(first.people, first.begins, each.ends, first.why)
    return first


def _calendar(row: Rota) -> CalendarView | None:
    if not row.calendar and not row.calendar_url:
        return None
    return CalendarView(
        url=row.calendar_shown or None,
        read_at=moment_or_none(row.read_at),
        read_until=moment_or_none(row.read_until),
        error=row.read_error,
        failures=row.read_failures,
        warning=row.read_warning,
    )

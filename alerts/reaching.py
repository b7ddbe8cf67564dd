"""Reaching: from what a route names (destinations, rotas) to the destinations that hear now, each with the reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.contrib.auth.models import User

from alerts.domain import rotas, routes
from alerts.domain.wording import plain
from alerts.models import Destination, Override, Person, Rota
from breakers.models.fields import from_us

# What stands before the id of a rota where a route names one: `rota:0192…`.
MARK = "rota:"
LONGEST_BECAUSE = 300


@dataclass(frozen=True, slots=True)
class Reached:
    """A destination that hears, and why it does where the route does not name it itself."""

    destination: Destination
    because: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Someone who may be on call: by what name, how to be reached, and what calendars call them."""

    id: str
    name: str
    destinations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    active: bool = True


class Reaching:
    """Who is reached at a moment; people, rotas and destinations are read once, and only where they are asked for.

    `on`: the destinations that may hear, by id.
    """

    def __init__(self, at: datetime, on: Mapping[str, Destination] | None = None) -> None:
        self._at = at
        self._given = on
        self._rotas: dict[str, list[Reached]] = {}

    def of(self, names: Iterable[str]) -> dict[UUID, Reached]:
        """The destinations that these names mean now, each once, in their order; what is named itself needs no reason."""
        names = list(dict.fromkeys(names))
        direct = set(names)
        found: dict[UUID, Reached] = {}
        for name in names:
            for each in self._meant(name):
                itself = str(each.destination.pk) in direct
                found.setdefault(each.destination.pk, Reached(each.destination) if itself else each)
        return found

    def without(self, destination_id: str) -> "Reaching":
        """The same, without one of the destinations."""
        return Reaching(self._at, {pk: row for pk, row in self._on.items() if pk != destination_id})

    def _meant(self, name: str) -> list[Reached]:
        if not name.startswith(MARK):
            return [Reached(self._on[name])] if name in self._on else []
        pk = name.removeprefix(MARK)
        if pk not in self._rotas:
            row = Rota.objects.filter(pk=pk).first()
            self._rotas[pk] = [] if row is None else self.on_call(row)
        return self._rotas[pk]

    def on_call(self, row: Rota) -> list[Reached]:
        """Who hears in the name of a rota: whoever is on call, else its fallback, else everybody: never nobody."""
        people, why = rotas.on_call(as_read(row, self._people, self._at), self._at)
        known = [self._people[each] for each in people if each in self._people]
        names = " and ".join(plain(each.name) for each in known)
        because = f"on call for {plain(row.name)}: {names}{f', {why}' if why else ''}"
        ids = dict.fromkeys(pk for each in known if each.active for pk in each.destinations if pk in self._on)
        if not ids:
            lack = (
                f"{names} is on call for {plain(row.name)} and can't be reached"
                if names
                else f"nobody is on call for {plain(row.name)}"
            )
            ids = dict.fromkeys(pk for pk in row.fallback if pk in self._on)
            because = f"{lack}: its fallback" if ids else f"{lack}, nor can its fallback: everybody hears"
        return [Reached(self._on[pk], because[:LONGEST_BECAUSE]) for pk in ids or self._on]

    @cached_property
    def _on(self) -> Mapping[str, Destination]:
        if self._given is not None:
            return self._given
        return {str(row.pk): row for row in Destination.objects.filter(off_at=None)}

    @cached_property
    def _people(self) -> Mapping[str, Known]:
        return people()


@dataclass(slots=True)
class _Texts:
    """Whom a calendar's texts name: many events say the same."""

    known: Mapping[str, Known]
    told: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def people(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        if texts not in self.told:
            self.told[texts] = rotas.named(texts, ((each.id, each.names) for each in self.known.values()))
        return self.told[texts]


def people() -> dict[str, Known]:
    """Everybody who signs in here, by id."""
    how = {row.user_id: row for row in Person.objects.all()}
    found = {}
    for user in User.objects.order_by("username"):
        row = how.get(user.pk)
        names = (user.get_username(), user.get_full_name(), user.email, *(row.names if row else ()))
        found[str(user.pk)] = Known(
            str(user.pk),
            user.get_full_name() or user.get_username(),
            tuple(row.destinations) if row else (),
            tuple(each for each in names if each),
            user.is_active,
        )
    return found


def as_read(
    row: Rota, known: Mapping[str, Known], since: datetime, overrides: Iterable[Override] | None = None
) -> rotas.Rota:
    """A row as the domain reads it; of what is over before `since` nothing is left. `overrides`: its own, where they are at hand."""
    texts = _Texts(known)
    shifts = []
    for told in row.shifts:
        if from_us(told["to"]) > since:
            named = texts.people(tuple(told["texts"]))
            strangers = "" if named else plain(told["title"]) or "something without a title"
            shifts.append(rotas.Shift(named, from_us(told["from"]), from_us(told["to"]), strangers))
    if overrides is None:
        overrides = Override.objects.filter(rota=row.pk, ends_at__gt=since)
    return rotas.Rota(
        row.timezone,
        tuple(layer_of(told, row.timezone) for told in row.layers),
        tuple(shifts),
        tuple(
            rotas.Override(each.pk, str(each.user_id), each.begins_at, each.ends_at, each.created_by)
            for each in sorted(overrides, key=lambda each: each.pk)
            if each.ends_at > since
        ),
    )


def layer_of(told: Mapping[str, object], timezone: str) -> rotas.Layer:
    """A layer of a rota's row."""
    hours = told.get("hours")
    assert isinstance(told["people"], list)
    assert isinstance(told["every_days"], int)
    return rotas.Layer(
        tuple(told["people"]),
        datetime.fromisoformat(str(told["since"])).date(),
        datetime.fromisoformat(f"2000-01-01T{told['at']}").time(),
        told["every_days"],
        routes.hours_of({**hours, "timezone": timezone}) if isinstance(hours, dict) else None,
    )


def reachable(known: Mapping[str, Known], on: Iterable[str]) -> set[str]:
    """The people of whom a notification would get to somebody."""
    able = set(on)
    return {each.id for each in known.values() if each.active and not able.isdisjoint(each.destinations)}

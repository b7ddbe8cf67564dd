"""What the readers of rotas get, as structs that serialise as they stand: who is on call, and how people are reached."""

import msgspec


class DutyView(msgspec.Struct, frozen=True):
    """Who is on call from when to when; `people` empty: nobody. `why`: empty where it is their turn.

    `reachable`: whether a notification would get to one of them; else the rota's fallback hears.
    """

    from_: str = msgspec.field(name="from")
    to: str
    people: list[str]
    why: str
    reachable: bool


class OverrideView(msgspec.Struct, frozen=True):
    """Someone on call in the place of whoever it would be."""

    id: str
    person: str
    from_: str = msgspec.field(name="from")
    to: str
    comment: str
    by: str


class LayerView(msgspec.Struct, frozen=True):
    """People who take turns of so many days, handed over at a time of day. `hours` null: always."""

    people: list[str]
    since: str
    at: str
    every_days: int
    hours: dict[str, object] | None


class CalendarView(msgspec.Struct, frozen=True):
    """A rota's calendar. `url` null: it was given as a text; else masked. `error`: why it could not be read since `read_at`.

    `warning`: which of its events are left out, since they can't be read.
    """

    url: str | None
    read_at: str | None
    read_until: str | None
    error: str
    failures: int
    warning: str


class RotaView(msgspec.Struct, frozen=True):
    """Who is on call. The strongest first: overrides, the calendar, the layers in their order; `fallback` hears where that is nobody.

    `on_call`: from this moment on; `next`: who comes after, null where nobody else does in the next four weeks; `gaps`: of the next two weeks.
    """

    id: str
    name: str
    timezone: str
    layers: list[LayerView]
    fallback: list[str]
    calendar: CalendarView | None
    on_call: DutyView
    next: DutyView | None
    gaps: list[DutyView]
    overrides: list[OverrideView]
    created_at: str


class PersonView(msgspec.Struct, frozen=True):
    """How someone who signs in here is reached when on call, and by which further names calendars call them."""

    name: str
    full_name: str
    active: bool
    destinations: list[str]
    names: list[str]

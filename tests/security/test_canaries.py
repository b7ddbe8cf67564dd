"""Canaries: what a page keeps from a role is kept from it everywhere: pages, API, exports, sockets, messages.

Each canary is a text that stands in one field; it may be read from its role on, and is read there, so that its silence elsewhere means something.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client

from alerts import addressing, leading
from alerts.destinations import speaking
from alerts.destinations.base import Notice
from alerts.models import Rota
from alerts.queries import alert as alert_view
from breakers import auditing, keys
from breakers.access import BOARD, Actor, Role
from breakers.configuring import configure
from breakers.queries import CardFilter
from breakers.sealing import place_of, seal
from dashboard import inviting, screens
from dashboard.api.documentation import document
from dashboard.live import snapshot
from dashboard.live.filters import AlertFilter
from tests.security.doors import ADMIN, NOBODY, OPERATOR, VIEWER, all_doors
from tests.security.world import EVERYONE, ROLES, World

# Nobody reads a secret; the others from this role on.
SECRET = 99
CANARIES = {
    "canary-host.example": ADMIN,
    "canary-path": SECRET,
    "canary-bearer": SECRET,
    "canary-mail@example.org": ADMIN,
    "canary-calendar": SECRET,
    "canary-label": ADMIN,
    "canary-pattern": ADMIN,
    # The audit trail names what was done to what.
    "canary-token": VIEWER,
    "canary-screen": VIEWER,
    "name:canary-query": ADMIN,
    "canary-agent": ADMIN,
    "192.0.2.199": ADMIN,
    "canary-comment": VIEWER,
}


@pytest.fixture
def cage(world: World) -> World:
    now = datetime.now(UTC)
    hook = {"url": "https://canary-host.example/canary-path", "secret": "canary-bearer"}
    made = addressing.add(BOARD, "am", "alertmanager", hook, at=now).row
    addressing.add(BOARD, "mail", "email", {"to": "canary-mail@example.org"}, at=now)
    addressing.change(BOARD, str(made.pk), name="am two", at=now)
    leading.add(BOARD, {"name": "canary-route", "destinations": [str(made.pk)]}, at=now)
    rota = Rota.objects.get(pk=world.ids["rota"])
    rota.calendar_url = seal("https://canary-host.example/canary-calendar", place_of(rota, "calendar_url"))
    rota.save(update_fields=["calendar_url"])
    keys.add_key(BOARD, "orders", at=now, label="canary-label")
    configure(BOARD, "orders", {"redaction": {"patterns": ["canary-pattern"]}}, at=now)
    keys.add_token(BOARD, "canary-token", Role.VIEWER, at=now)
    screens.make_link(BOARD, "canary-screen", "name:canary-query", at=now)
    inviting.add_user(BOARD, "bird", VIEWER, at=now)
    Client(headers={"User-Agent": "canary-agent"}, REMOTE_ADDR="192.0.2.199").post(
        "/sign-in/", {"username": "ada", "password": "wrong"}
    )
    auditing.write(
        Actor("ada", Role.ADMIN), "note", "breaker", world.ids["breaker"], "b", reason="canary-comment", at=now
    )
    return world


def answers(world: World, who: str) -> Iterator[tuple[str, HttpResponse]]:
    """Every address that is looked at, pages and API."""
    for door in all_doors():
        if door.reads is not None:
            yield door.path, world.ask(who, "GET", door.path)[0]
    for address, calls in document()["paths"].items():
        if "get" in calls:
            path = re.sub(r"\{\w+\}", _id_in(address), address)
            yield path, world.ask(who, "GET", path)[0]


def _id_in(address: str) -> str:
    kind = address.split("/")[3]
    known = {"breakers": "{breaker}", "alerts": "{alert}", "incidents": "{incident}", "destinations": "{destination}",
             "routes": "{route}", "rotas": "{rota}", "rules": "{rule}", "services": "orders", "people": "ada"}  # fmt: skip
    return known.get(kind, "1")


def body(answer: HttpResponse) -> str:
    return b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()  # type: ignore[attr-defined]


def test_a_canary_is_read_by_whom_it_may_be_and_by_nobody_else(cage: World) -> None:
    read: dict[str, set[str]] = {canary: set() for canary in CANARIES}
    for who in EVERYONE:
        for path, answer in answers(cage, who):
            text = body(answer)
            for canary, least in CANARIES.items():
                if canary in text:
                    read[canary].add(who)
                    role = ADMIN if who == "token" else ROLES.get(who, NOBODY)
                    assert role >= least, (canary, who, path)
    # Each that may be read is read by an admin: the others' silence is no accident.
    assert {canary for canary, readers in read.items() if "admin" in readers} == {
        canary for canary, least in CANARIES.items() if least != SECRET
    }


def test_no_canary_of_admins_is_told_over_the_socket_or_in_a_message(cage: World) -> None:
    now = datetime.now(UTC)
    frames = [
        msgspec.json.encode(each)
        for each in (
            snapshot.wall(CardFilter(), 200, now),
            snapshot.cells(CardFilter(), now),
            snapshot.alerts(AlertFilter(), 200),
            snapshot.breaker(cage.ids["breaker"], None, now),
            snapshot.doubts(now, now - timedelta(minutes=1)),
        )
    ]
    view = alert_view(cage.ids["alert"])
    notice = Notice("opened", view, "opened", "https://board.example/alerts/1/", now)
    frames += [speaking.compose(kind, notice) for kind in ("webhook", "email", "apprise", "alertmanager", "push")]
    for frame in frames:
        for canary, least in CANARIES.items():
            assert least < OPERATOR or canary.encode() not in frame, canary

"""Every address of the board, taken from its own list of them: who may look, who may write, and that looking changes nothing.

A new address that nobody thought about here fails the first test.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from alerts import addressing, leading, links, ruling, silencing
from alerts.models import Alert, Incident, Notification, Rule
from breakers import keys
from breakers.access import BOARD, Actor, Role
from breakers.models import Audit, IngestKey
from dashboard import inviting, screens
from dashboard.api.documentation import document
from dashboard.pages import searches
from tests.pages.seeding import seed_alerts, seed_story, seed_wall

NOBODY, VIEWER, OPERATOR, ADMIN = Role
PASSWORD = "correct horse battery staple"
# A webhook that needs no resolver.
HOOK = "https://192.0.32.7/x"


@dataclass(frozen=True)
class Door:
    """An address. `reads`, `writes`: the least role for a look and for a form; None: that is not taken here at all.

    `form` is one that does something, `told` the verb of the line that it leaves in the audit trail; empty: it leaves none.
    """

    path: str
    reads: Role | None = None
    writes: Role | None = None
    form: dict[str, Any] = field(default_factory=dict)
    told: str = ""


# By the route as the board spells it. What the API has is held by tests/api/test_roles.py, by its own list.
DOORS: dict[str, list[Door]] = {
    # Asks threads, Redis and workers: tests/platform/test_health.py.
    "readyz": [],
    "livez": [Door("/livez", NOBODY)],
    "metrics": [Door("/metrics", VIEWER)],
    "welcome/<str:token>/": [
        Door("/welcome/{welcome}/", NOBODY, NOBODY, {"password": PASSWORD, "again": PASSWORD}, "user.welcome")
    ],
    "sign-in/": [Door("/sign-in/", NOBODY, NOBODY, {"username": "ada", "password": PASSWORD})],
    "sign-out/": [Door("/sign-out/", None, NOBODY)],
    "completions.json": [Door("/completions.json?field=service", VIEWER)],
    "screen/": [Door("/screen/", VIEWER)],
    "screen/<str:token>/": [Door("/screen/{screen}/", NOBODY)],
    "screens/": [Door("/screens/", ADMIN, ADMIN, {"name": "hall", "query": ""}, "screen.add")],
    "screens/<int:link_id>/revoke/": [Door("/screens/{link}/revoke/", None, ADMIN, {}, "screen.revoke")],
    "cause.json": [Door("/cause.json", VIEWER)],
    # One's own choice, that nobody else sees.
    "density/": [Door("/density/", None, VIEWER, {"density": "rows"})],
    "views/": [Door("/views/", None, VIEWER, {"name": "mine", "query": "state:open"}, "view.save")],
    # One's own: to anybody else it is not there.
    "views/<int:view_id>/delete/": [Door("/views/{view}/delete/", None, VIEWER, {}, "view.delete")],
    "": [Door("/", VIEWER)],
    "past/wall.json": [Door("/past/wall.json", VIEWER)],
    "breakers/<str:breaker_id>/": [Door("/breakers/{breaker}/", VIEWER)],
    "breakers/<str:breaker_id>/order/": [
        Door("/breakers/{breaker}/order/", VIEWER, OPERATOR, {"action": "reset", "reason": "a drill"}, "command.reset")
    ],
    "breakers/<str:breaker_id>/timeline.json": [Door("/breakers/{breaker}/timeline.json", VIEWER)],
    "breakers/<str:breaker_id>/timeline.html": [Door("/breakers/{breaker}/timeline.html", VIEWER)],
    "breakers/<str:breaker_id>/news.json": [Door("/breakers/{breaker}/news.json", VIEWER)],
    "breakers/<str:breaker_id>/events/": [Door("/breakers/{breaker}/events/", VIEWER)],
    "breakers/<str:breaker_id>/past.json": [Door("/breakers/{breaker}/past.json", VIEWER)],
    "map/": [Door("/map/", VIEWER)],
    "map.json": [Door("/map.json", VIEWER)],
    "dependency/": [Door("/dependency/?name=tracking-api", VIEWER)],
    "dependency.json": [Door("/dependency.json?name=tracking-api", VIEWER)],
    "connect/": [Door("/connect/", VIEWER, ADMIN, {"service": "new"}, "key.add")],
    "connect.json": [Door("/connect.json?service=orders", VIEWER)],
    "marks/": [
        Door(
            "/marks/", VIEWER, OPERATOR,
            {"kind": "note", "title": "x", "scope": "board", "confirmed": "yes"}, "mark.note",
        )
    ],
    "alerts/": [Door("/alerts/", VIEWER)],
    "alerts/<str:alert_id>/": [Door("/alerts/{alert}/", VIEWER)],
    r"^alerts/(?P<alert_id>[^/]+)/(?P<verb>acknowledge|unacknowledge)/$": [
        Door("/alerts/{alert}/acknowledge/", None, OPERATOR, {"comment": "mine"}, "alert.acknowledge"),
        Door("/alerts/{held}/unacknowledge/", None, OPERATOR, {}, "alert.unacknowledge"),
    ],
    "alerts/<str:alert_id>/notifications/<str:notification_id>/resend/": [
        Door("/alerts/{alert}/notifications/{note}/resend/", None, OPERATOR, {}, "notification.resend")
    ],
    "alerts/destinations/": [Door("/alerts/destinations/", VIEWER)],
    "alerts/destinations/new/<str:kind>/": [Door("/alerts/destinations/new/webhook/", VIEWER)],
    "alerts/destinations/add/<str:kind>/": [
        Door("/alerts/destinations/add/webhook/", None, ADMIN, {"name": "new", "url": HOOK}, "destination.add")
    ],
    "alerts/destinations/<str:destination_id>/": [Door("/alerts/destinations/{destination}/", VIEWER)],
    "alerts/destinations/<str:destination_id>/change/": [
        Door("/alerts/destinations/{destination}/change/", None, ADMIN, {"verb": verb, **form}, told)
        for verb, form, told in (
            ("save", {"name": "renamed", "url": HOOK}, "destination.change"),
            ("off", {}, "destination.change"),
            ("remove", {}, "destination.remove"),
        )
    ],
    "alerts/routes/new/": [Door("/alerts/routes/new/", VIEWER)],
    "alerts/routes/add/": [
        Door("/alerts/routes/add/", None, ADMIN, {"name": "all", "destinations": "{destination}"}, "route.add")
    ],
    "alerts/routes/<str:route_id>/": [Door("/alerts/routes/{route}/", VIEWER)],
    "alerts/routes/<str:route_id>/save/": [
        Door("/alerts/routes/{route}/save/", None, ADMIN, {"verb": "off"}, "route.change"),
        Door("/alerts/routes/{route}/save/", None, ADMIN, {"verb": "remove"}, "route.remove"),
    ],
    # The link is the permission.
    "acknowledge/<str:token>/": [Door("/acknowledge/{token}/", NOBODY, NOBODY, {}, "alert.acknowledge")],
    "push-worker.js": [Door("/push-worker.js", NOBODY)],
    "alerts/rules/": [Door("/alerts/rules/", VIEWER)],
    "alerts/rules/new/": [Door("/alerts/rules/new/", VIEWER, ADMIN, {"name": "mine", "kind": "opened"}, "rule.add")],
    "alerts/rules/preview.json": [Door("/alerts/rules/preview.json?kind=opened", VIEWER)],
    "alerts/rules/<str:rule_id>/": [
        Door("/alerts/rules/{rule}/", VIEWER, ADMIN, {"name": "opened", "severity": "warning"}, "rule.change")
    ],
    r"^alerts/rules/(?P<rule_id>[^/]+)/(?P<verb>on|off|remove)/$": [
        Door("/alerts/rules/{rule}/off/", None, ADMIN, {}, "rule.change"),
        Door("/alerts/rules/{own}/remove/", None, ADMIN, {}, "rule.remove"),
    ],
    "alerts/week/": [Door("/alerts/week/", VIEWER)],
    "alerts/silences/": [
        Door(
            "/alerts/silences/", VIEWER, OPERATOR,
            {"service": "orders", "minutes": "30", "comment": "a drill"}, "silence.begin",
        )
    ],
    "alerts/silences/hidden.json": [Door("/alerts/silences/hidden.json?service=orders", VIEWER)],
    "alerts/silences/<str:silence_id>/end/": [
        Door("/alerts/silences/{silence}/end/", None, OPERATOR, {}, "silence.end")
    ],
    "incidents/": [Door("/incidents/", VIEWER)],
    "incidents/<str:incident_id>/": [Door("/incidents/{incident}/", VIEWER)],
    r"^incidents/(?P<incident_id>[^/]+)/(?P<verb>acknowledge|split|merge|not-this)/$": [
        Door("/incidents/{incident}/acknowledge/", None, OPERATOR, {}, "incident.acknowledge"),
        Door("/incidents/{incident}/split/", None, OPERATOR, {"alert": "{alert}"}, "incident.split"),
        Door("/incidents/{incident}/merge/", None, OPERATOR, {"incident": "{other}"}, "incident.merge"),
        Door("/incidents/{incident}/not-this/", None, OPERATOR, {}, "incident.not-this"),
    ],
    r"^incidents/(?P<incident_id>[^/]+)/postmortem\.(?P<form>md|json|svg)$": [
        Door(f"/incidents/{{incident}}/postmortem.{form}", VIEWER) for form in ("md", "json", "svg")
    ],
    "services/": [Door("/services/", ADMIN, ADMIN, {"name": "new"}, "service.add")],
    "services/<path:name>/": [
        Door("/services/orders/", ADMIN, ADMIN, form, told)
        for form, told in (
            ({"do": "pause", "paused": "1"}, "service.pause"),
            ({"do": "signatures", "signatures": "required"}, "service.signatures"),
            ({"do": "limits", "events_per_s": "7"}, "service.limits"),
            ({"do": "redaction", "on": "on", "patterns": "kd-1"}, "service.redaction"),
            ({"do": "key", "label": "second"}, "key.add"),
            ({"do": "revoke", "key": "{key}"}, "key.revoke"),
        )
    ],
    "sources/": [Door("/sources/", VIEWER)],
    "sources/news.json": [Door("/sources/news.json", VIEWER)],
    "audit/": [Door("/audit/", VIEWER)],
}  # fmt: skip
API = "api/v1/"
NAMED = r"<(\w+:)?(\w+)>"
OPEN_IN_THE_API = {"openapi.json", "docs"}
OUTSIDE = {"stranger", "screen", "gone", "token"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EVERYONE = ("stranger", "screen", "gone", "token", "nobody", "viewer", "operator", "admin")
ROLES = {"viewer": VIEWER, "operator": OPERATOR, "admin": ADMIN}


@dataclass
class World:
    """A board with one of everything, and everyone who may come by."""

    ids: dict[str, str]
    people: dict[str, Client]

    def ask(
        self, who: str, method: str, path: str, form: dict[str, Any] | None = None
    ) -> tuple[HttpResponse, list[str]]:
        """What this person is answered, and what it wrote."""
        browser, said = self.people[who], {name: self.filled(value) for name, value in (form or {}).items()}
        cookies = browser.cookies.copy()
        with CaptureQueriesContext(connection) as asked:
            answer = (
                browser.post(self.filled(path), said)
                if form is not None
                else browser.generic(method, self.filled(path))
            )
        browser.cookies = cookies
        return answer, [each["sql"] for each in asked if re.match(r"(INSERT|UPDATE|DELETE|REPLACE)", each["sql"])]

    def filled(self, text: str) -> str:
        """The text with the ids of this board in it."""
        return re.sub(r"\{(\w+)\}", lambda found: self.ids[found[1]], text)


@pytest.fixture(autouse=True)
def plain_static(settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def world(db: None) -> World:
    now = datetime.now(UTC)
    seed_wall(4, now)
    breaker = seed_story(now)
    keys.add_service(BOARD, "orders", at=now, new_key=True)
    keys.add_service(BOARD, "checkout", at=now)
    seed_alerts(breaker, now)
    return World(_ids(breaker, now), {who: _comer(who, now) for who in EVERYONE})


def test_every_address_is_thought_about() -> None:
    routes = list(_routes())
    pages = {route for route in routes if not route.startswith(API)} - {"api/v1"}
    assert pages == set(DOORS)
    of_the_api = {"/" + re.sub(NAMED, r"{\2}", route) for route in routes if route.startswith(API)}
    assert of_the_api == {*document()["paths"], *(f"/{API}{each}" for each in (*OPEN_IN_THE_API, "^.*$"))}


def test_a_look_is_for_whom_it_is_meant_and_changes_nothing(world: World) -> None:
    for door in _doors():
        for who in EVERYONE:
            for method in ("GET", "HEAD"):
                answer, written = world.ask(who, method, door.path)
                assert written == [], (who, method, door.path)
                assert _kind(answer) in _expected(who, door), (who, method, door.path, answer.status_code)


def test_a_form_is_for_whom_it_is_meant_and_leaves_a_line(world: World) -> None:
    for door in _doors():
        if door.writes is None:
            continue
        least = next((who for who, role in ROLES.items() if role >= door.writes), "stranger")
        for who in EVERYONE:
            may = door.writes <= ROLES.get(who, NOBODY)
            with _undone():
                line = Audit.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
                answer, written = world.ask(who, "POST", door.path, door.form)
                verbs = list(Audit.objects.filter(pk__gt=line).values_list("verb", flat=True))
            if not may:
                assert _kind(answer) == ("the door" if who in OUTSIDE else "refused"), (who, door.path)
                assert (verbs, written) == ([], []), (who, door.path)
            elif who == "admin" or (who == least and "{view}" not in door.path):
                assert answer.status_code < 400, (who, door.path, door.form, answer.content[-3000:])
                assert (door.told in verbs) == bool(door.told), (who, door.path, door.form, verbs)


def test_the_role_is_looked_at_before_the_form(world: World) -> None:
    """So nobody learns from a refusal what they may not see, and a form that is wrong is no way around it."""
    for door in _doors():
        for who, role in ROLES.items():
            if door.writes is not None and role < door.writes:
                answer, written = world.ask(who, "POST", door.path, {"name": "\0", "kind": "?", "for_s": "x"})
                assert (answer.status_code, written) == (403, []), (who, door.path)


def test_nothing_takes_another_method(world: World) -> None:
    for door in _doors():
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", *(("POST",) if door.writes is None else ())):
            answer, written = world.ask("admin", method, door.path)
            assert (answer.status_code, written) == (405, []), (method, door.path)


def test_no_form_is_taken_from_another_site(world: World) -> None:
    """Each of them, from whoever may fill it in, without the token that only our own page has."""
    for door in _doors():
        if door.writes is not None:
            browser = Client(enforce_csrf_checks=True)
            browser.cookies = world.people["admin"].cookies.copy()
            answer = browser.post(world.filled(door.path), door.form, headers={"Origin": "https://evil.example"})
            assert answer.status_code == 403, door.path
            assert b"This form was too old" in answer.content, door.path


def test_the_api_is_shut_to_who_has_no_role_in_it(world: World) -> None:
    for route in {route for route in _routes() if route.startswith(API)}:
        path = "/" + re.sub(NAMED, "1", route).replace("^.*$", "nothing")
        for who in (*OUTSIDE - {"token"}, "nobody"):
            for method in METHODS:
                answer, written = world.ask(who, method, path)
                assert written == [], (who, method, path)
                if route.removeprefix(API) not in OPEN_IN_THE_API:
                    assert answer.status_code in {401, 403, 404, 405}, (who, method, path)
                    assert (answer.status_code == 404) == route.endswith("$"), (who, method, path)
                    assert answer["Content-Type"] == "application/problem+json", (who, method, path)


def _expected(who: str, door: Door) -> set[str]:
    """What somebody may be told who looks at this address."""
    if door.reads is None:
        return {"no look"} if door.writes == NOBODY or who in ROLES else {"the door"} if who in OUTSIDE else {"refused"}
    if door.reads == NOBODY:
        return {"here", "elsewhere"}
    role = ROLES.get(who, NOBODY)
    if (who, door.path) in {("screen", "/screen/"), ("token", "/metrics")}:
        role = VIEWER
    if role >= door.reads:
        return {"here"}
    if who not in OUTSIDE:
        return {"the door"} if door.path == "/screen/" else {"refused"}
    return {"the door"}


def _kind(answer: HttpResponse) -> str:
    """An answer in a word."""
    if answer.status_code == 302:
        return "the door" if answer["Location"].startswith("/sign-in/") else "elsewhere"
    kinds = {200: "here", 401: "the door", 403: "refused", 405: "no look"}
    return kinds.get(answer.status_code, str(answer.status_code))


def _doors() -> list[Door]:
    return [door for doors in DOORS.values() for door in doors]


def _routes() -> Iterator[str]:
    """Every route of the board."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, before + str(pattern.pattern))
            else:
                yield before + str(pattern.pattern)

    return walk(get_resolver().url_patterns, "")


def _ids(breaker: str, now: datetime) -> dict[str, str]:
    """One of everything that has an id."""
    ada = _person("ada", "admin")
    actor = Actor("ada", ADMIN, user_id=ada.pk)
    first, second, *_ = Alert.objects.order_by("pk")
    Incident.objects.all().delete()
    incident, other = (
        Incident.objects.create(started_at=now, joined_at=now, cause=cause) for cause in ("tracking-api", "payments-db")
    )
    Alert.objects.filter(pk__in=(first.pk, second.pk)).update(incident=incident)
    destination = addressing.add(BOARD, "hook", "webhook", {"url": HOOK}, at=now).row
    return {
        "breaker": breaker,
        "alert": str(first.pk),
        "held": str(second.pk),
        "note": str(Notification.objects.get(alert=first).pk),
        "destination": str(destination.pk),
        "route": str(leading.add(BOARD, {"name": "night", "destinations": [str(destination.pk)]}, at=now).pk),
        "rule": str(Rule.objects.get(name="opened").pk),
        "own": str(ruling.add(BOARD, {"name": "own", "kind": "opened"}, now).pk),
        "silence": str(
            silencing.silence(
                BOARD, {"service": "x"}, starts_at=now, ends_at=now + timedelta(hours=1), comment="x", at=now
            ).pk
        ),
        "incident": str(incident.pk),
        "other": str(other.pk),
        "view": str(searches.save_view(actor, "open", "state:open", at=now).pk),
        "screen": _token_of(screens.make_link(BOARD, "hall", "", at=now).address),
        "link": str(screens.links()[0].pk),
        "welcome": _token_of(inviting.add_user(BOARD, "new", VIEWER, at=now).link or ""),
        "token": links.token_of(first.pk, destination),
        "key": IngestKey.objects.filter(service__name="orders")[0].key_id,
    }


def _token_of(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def _person(name: str, role: str) -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def _comer(who: str, now: datetime) -> Client:
    """Somebody's browser, or script."""
    browser = Client(raise_request_exception=False)
    if who == "token":
        browser.defaults["HTTP_AUTHORIZATION"] = f"Bearer {keys.add_token(BOARD, who, ADMIN, at=now).token}"
    elif who == "screen":
        browser.cookies[django_settings.SCREEN_COOKIE_NAME] = _token_of(
            screens.make_link(BOARD, "tv", "", at=now).address
        )
    elif who != "stranger":
        user = (
            User.objects.get(username="ada")
            if who == "admin"
            else _person(who, "admin" if who == "gone" else who if who in ROLES else "")
        )
        browser.force_login(user)
        if who == "gone":
            User.objects.filter(pk=user.pk).update(is_active=False)
    return browser


@contextmanager
def _undone() -> Iterator[None]:
    """What is done inside is not done."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)

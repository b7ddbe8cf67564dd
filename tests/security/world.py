"""A board with one of everything, and everyone who may come by. Rows and Django's own client: no process is started."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts import addressing, leading, links, rostering, ruling, silencing
from alerts.models import Alert, Destination, Incident, Notification, Rule
from breakers import keys
from breakers.access import BOARD, Actor
from breakers.models import IngestKey
from dashboard import inviting, screens
from dashboard.pages import searches
from tests.pages.seeding import seed_alerts, seed_story, seed_wall
from tests.security.doors import ADMIN, HOOK, OPERATOR, PASSWORD, VIEWER

EVERYONE = ("stranger", "screen", "gone", "token", "nobody", "viewer", "operator", "admin")
ON_RECORD = re.compile(r'^\w+ (?:INTO |FROM )?"breakers_(?:accesscount|audit|auditkey)"')
OUTSIDE = {"stranger", "screen", "gone", "token"}
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
        written = [each["sql"] for each in asked if re.match(r"(INSERT|UPDATE|DELETE|REPLACE)", each["sql"])]
        if answer.status_code in {401, 403}:
            # That somebody was refused is put on record, and nothing else.
            written = [sql for sql in written if not ON_RECORD.search(sql)]
        return answer, written

    def filled(self, text: str) -> str:
        """The text with the ids of this board in it."""
        return re.sub(r"\{(\w+)\}", lambda found: self.ids[found[1]], text)


def made() -> World:
    """The board, as of now."""
    now = datetime.now(UTC)
    seed_wall(4, now)
    breaker = seed_story(now)
    keys.add_service(BOARD, "orders", at=now, new_key=True)
    keys.add_service(BOARD, "checkout", at=now)
    seed_alerts(breaker, now)
    return World(_ids(breaker, now), {who: _comer(who, now) for who in EVERYONE})


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
    turns = {"people": ["ada"], "since": "2026-11-23"}
    given = {"name": "nights", "layers": [turns], "fallback": [str(Destination.objects.get(name="ops-hook").pk)]}
    rota = str(rostering.add(BOARD, given, at=now).pk)
    later = now + timedelta(days=1)
    override = rostering.override(BOARD, rota, "ada", begins_at=None, ends_at=later, comment="x", at=now)
    return {
        "breaker": breaker,
        "rota": rota,
        "override": str(override.pk),
        "later": later.strftime("%Y-%m-%dT%H:%M"),
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
        browser.cookies[settings.SCREEN_COOKIE_NAME] = _token_of(screens.make_link(BOARD, "tv", "", at=now).address)
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

"""What a page costs: fewer than twenty statements, and not one more on a board that holds a hundred times as much."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from alerts.links import token_of
from alerts.models import Alert, Destination, Incident, Notification, Rota, Route, Rule
from breakers.access import BOARD, Role
from breakers.models import Breaker
from breakers.times import rfc3339
from dashboard import inviting
from dashboard.models import Preference
from tests.pages.filling import fill

pytestmark = [pytest.mark.django_db, pytest.mark.storage]
Statements = Callable[[Client, str], list[str]]

MOST = 19
# Addresses that show nothing of the board: they are posted to, lead on, are a file, or are there for programs.
SHOW_NOTHING = {
    *("livez", "readyz", "metrics", "push-worker", "sign-in", "sign-out", "screen-link"),
    *("density", "save-view", "delete-view", "revoke-screen", "end-silence", "switch-rule", "resend"),
    *("destination-add", "destination-change", "route-add", "route-save", "handle-alert", "handle-incident"),
    *("rota-add", "rota-save", "rota-override", "end-override", "reach"),
}
NEED_ASKING = {"dependency", "dependency-json", "connect-json"}
# What is asked for behind the mark of interrogation changes what a page reads.
ASKED = {
    "wall": ("query=open>5m", "query=state:open&all=1", "at={past}", "query=state:closed&by=dependency"),
    "several": ("breaker={breaker}",),
    "cause": ("query=state:open",),
    "screen": ("query=state:open",),
    "screen-cause": ("query=state:open",),
    "past-wall-json": ("at={past}",),
    "breaker": ("range=15m", "range=24h", "range=13mo", "at={past}"),
    "timeline": ("range=15m", "range=13mo", "at={past}"),
    "past-breaker-json": ("at={past}",),
    "map": ("q=payments", "at={past}"),
    "dependency": ("name=payments-db",),
    "dependency-json": ("name=payments-db",),
    "connect": ("service=checkout",),
    "connect-json": ("service=checkout",),
    "completions": ("field=label.team&prefix=p", "field=name"),
    "alerts": ("tab=acknowledged", "tab=history"),
    "rule-preview": ("kind=opened",),
    "silences": ("service=s*",),
    "silence-hides": ("service=s*",),
    "incidents": ("tab=history",),
    "sources": ("service=checkout",),
    "marks": ("breaker={breaker}",),
}


@pytest.fixture
def ada(signed_in: Callable[[str], Client]) -> Client:
    """Ada's browser: an admin sees the most of every page."""
    return signed_in("admin")


@pytest.mark.parametrize(("density", "count"), [("cards", 200), ("rows", 500), ("strips", 5_000)])
def test_a_wall_costs_the_same_however_full(density: str, count: int, ada: Client, statements: Statements) -> None:
    Preference.objects.create(user=User.objects.get(username="ada"), density=density)
    fill(5, 2, datetime.now(UTC))
    few = statements(ada, "/")
    fill(count - 5, 20, datetime.now(UTC))
    many = statements(ada, "/")
    assert (len(few), len(many) <= MOST) == (len(many), True), "\n".join(many)


def test_a_hundred_times_the_board_costs_no_page_a_statement_more(
    ada: Client, story: str, statements: Statements
) -> None:
    now = datetime.now(UTC)
    fill(12, 2, now)
    # The dearest there is: part of an incident, silenced, and silent since the last sweep.
    Breaker.objects.filter(pk=story).update(
        silence_due_at=now, incident=str(Incident.objects.latest("pk").pk), silenced_until=now + timedelta(hours=1)
    )
    pages = addresses(story, now)
    few = {page: statements(ada, page) for page in pages}
    fill(500, 30, now)
    many = {page: statements(ada, page) for page in pages}
    assert {page: len(asked) for page, asked in many.items() if len(asked) > MOST} == {}
    assert {page: len(asked) for page, asked in many.items()} == {page: len(asked) for page, asked in few.items()}


def addresses(story: str, now: datetime) -> list[str]:
    """Every address that shows something, the API's own aside: by the table of all addresses, so that none is forgotten."""
    patterns = [each for each in get_resolver().url_patterns if isinstance(each, URLPattern) and each.name]
    past = rfc3339(now - timedelta(minutes=5))
    found = []
    for pattern in patterns:
        name = str(pattern.name)
        if name in SHOW_NOTHING:
            continue
        given = arguments(name, story, now)
        path = reverse(name, kwargs={key: given[key] for key in pattern.pattern.regex.groupindex})
        asked = [query.format(past=past, breaker=story) for query in ASKED.get(name, ())]
        found += [path] if name not in NEED_ASKING else []
        found += [f"{path}?{query}" for query in asked]
    return found


def arguments(page: str, story: str, now: datetime) -> dict[str, object]:
    """What stands in an address: the fullest row of each kind."""
    tokens = {
        "welcome": lambda: urlsplit(inviting.add_user(BOARD, "heidi", Role.VIEWER, at=now).link or "").path.split("/")[
            2
        ],
        "acknowledge-by-link": lambda: token_of(
            Alert.objects.latest("pk").pk, Notification.objects.latest("pk").destination
        ),
    }
    full = Incident.objects.filter(members__isnull=False).latest("pk")
    return {
        "breaker_id": story,
        "alert_id": full.members.latest("pk").pk,
        "incident_id": full.pk,
        "destination_id": Destination.objects.filter(notifications__isnull=False).latest("created_at").pk,
        "route_id": Route.objects.latest("created_at").pk,
        "rota_id": Rota.objects.latest("created_at").pk,
        "rule_id": Rule.objects.latest("pk").pk,
        "kind": "webhook",
        "name": "ada" if page == "reached" else "checkout",
        "form": "md",
        "token": tokens[page]() if page in tokens else "",
    }

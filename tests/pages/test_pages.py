"""The screens: right for every role, safe with hostile names, and no dearer with more breakers."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from breakers.models import Audit, Breaker, Command, Service
from tests.pages.seeding import seed_alerts, seed_story, seed_wall

SignIn = Callable[[str], Client]
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


class Tags(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def pages_of(breaker: str) -> list[str]:
    return [
        "/",
        f"/breakers/{breaker}/",
        f"/breakers/{breaker}/order/",
        "/alerts/",
        "/alerts/?tab=history",
        "/sources/",
        "/audit/",
    ]


def test_the_empty_wall_says_how_to_begin(signed_in: SignIn) -> None:
    page = text_of(signed_in("viewer"), "/")
    assert "No breakers yet." in page
    assert "/api/v1/events" in page
    assert "manage.py service add" in page


def test_the_wall_puts_the_troubled_first(signed_in: SignIn) -> None:
    seed_wall(12, datetime.now(UTC))
    page = text_of(signed_in("viewer"), "/")
    assert "4 open, 1 testing, 2 forced, 1 disabled, 1 stale, 1 unknown, of 12." in page
    states = re.findall(r'<breaker-card data-id="\d+" data-state="(\w+)"', page)
    assert states == [
        *["open"] * 4,
        *("forced_open", "half_open", "unknown", "stale", "disabled", "forced_closed"),
        *["closed"] * 2,
    ]


def test_a_calm_wall_remembers_its_last_trip(signed_in: SignIn) -> None:
    now = datetime.now(UTC)
    story = seed_story(now)
    Breaker.objects.filter(pk=story).update(state="closed", silence_due_at=None)
    Breaker.objects.get(pk=story).outages.filter(ended_at=None).update(ended_at=now)
    page = text_of(signed_in("viewer"), "/")
    assert "The one breaker is closed." in page
    assert "Last trip" in page


@pytest.mark.parametrize(("count", "form", "cards"), [(60, "cards", 60), (61, "rows", 61), (501, "strips", 8)])
def test_the_form_follows_the_number(count: int, form: str, cards: int, signed_in: SignIn) -> None:
    seed_wall(count, datetime.now(UTC))
    page = text_of(signed_in("viewer"), "/")
    assert f'data-form="{form}"' in page
    assert len(re.findall(r'<breaker-card data-id="\d', page)) == cards


def test_problems_beyond_a_page_are_one_link_away(signed_in: SignIn) -> None:
    seed_wall(501, datetime.now(UTC))
    Breaker.objects.update(state="open")
    client = signed_in("viewer")
    first = text_of(client, "/")
    assert len(re.findall(r'<breaker-card data-id="\d', first)) == 8
    link = re.search(r'href="(\?[^"]+)"><span>All <b>501</b> that need attention', first)
    assert link
    page = text_of(client, "/" + link[1].replace("&amp;", "&"))
    seen = set(re.findall(r'<breaker-card data-id="(\d+)"', page))
    while following := re.search(r'href="(\?[^"]*cursor=[^"]+)">Next page', page):
        page = text_of(client, "/" + following[1].replace("&amp;", "&"))
        seen |= set(re.findall(r'<breaker-card data-id="(\d+)"', page))
    assert len(seen) == 501


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=open", 4),
        ("state=open&state=half_open", 5),
        ("state=open,half_open", 5),
        ("service=checkout", 2),
        ("q=no-such", 0),
    ],
)
def test_filters_stand_in_the_address(query: str, count: int, signed_in: SignIn) -> None:
    seed_wall(20, datetime.now(UTC))
    page = text_of(signed_in("viewer"), f"/?{query}")
    assert len(re.findall(r'<breaker-card data-id="\d', page)) == count


def test_no_match_says_how_many_are_hidden(signed_in: SignIn) -> None:
    seed_wall(20, datetime.now(UTC))
    page = text_of(signed_in("viewer"), "/?q=no-such")
    assert 'No breaker matches; <span id="beyond">20</span> hidden.' in page
    assert "No breakers yet." not in page
    assert '<h1 id="sentence">No breaker matches.</h1>' in page


def test_hostile_names_stay_text(signed_in: SignIn) -> None:
    now = datetime.now(UTC)
    story = seed_story(now)
    Service.objects.update(name=HOSTILE)
    Breaker.objects.update(name=HOSTILE + "b", dependency=HOSTILE, last_error_type=HOSTILE, labels={HOSTILE: HOSTILE})
    seed_alerts(story, now)
    client = signed_in("admin")
    for path in [*pages_of(story), "/alerts/1/", f"/?service={HOSTILE}&q={HOSTILE}", f"/?dependency={HOSTILE}"]:
        answer = client.get(path)
        page = answer.content.decode()
        tags = Tags(page).found
        assert not [tag for tag, _ in tags if tag == "img"], path
        assert not [name for _, attributes in tags for name in attributes if name.startswith("on")], path
        assert "49" not in re.findall(r"alert\(1\)&gt;.{0,40}?(\d\d)", page), path


def test_no_page_has_inline_styles_or_scripts_without_a_nonce(signed_in: SignIn, story: str) -> None:
    seed_alerts(story, datetime.now(UTC))
    client = signed_in("admin")
    for path in [*pages_of(story), "/alerts/1/", "/sign-in/", "/nowhere/"]:
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy, path
        for tag, attributes in Tags(answer.content.decode()).found:
            assert "style" not in attributes, (path, tag, attributes)
            if tag == "style" or (tag == "script" and "src" not in attributes):
                assert f"'nonce-{attributes['nonce']}'" in policy, (path, tag)
            for name in ("src", "href", "action"):
                link = attributes.get(name) or ""
                # A runbook that a service names is the one link that may lead away.
                assert not link.startswith(("http:", "//")) or link.startswith("https://wiki.example"), (path, link)


@pytest.mark.parametrize("path", ["/", "/?state=open", "/?state=closed", "/alerts/", "/audit/"])
def test_three_breakers_cost_no_more_queries_than_one(path: str, signed_in: SignIn) -> None:
    now = datetime.now(UTC)
    client = signed_in("viewer")

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        return len(asked)

    seed_wall(1, now)
    seed_alerts(str(Breaker.objects.get().pk), now)
    one = queries()
    seed_wall(2, now, seed=8)
    assert Breaker.objects.count() == 3
    assert queries() == one


def test_a_breakers_page_tells_its_story(signed_in: SignIn, story: str) -> None:
    page = text_of(signed_in("viewer"), f"/breakers/{story}/?range=15m")
    for said in (
        "Failure rate 62 % ≥ 50 %, over 10 s, of at least 10 calls.",
        "fail ≥ 50 % of ≥ 10 calls",
        "after 30 s",
        "5 good in a row",
        "any instance of 3",
        "odd one out",
        "ConnectTimeout",
        "probe in",
    ):
        assert said in page, said


def test_viewers_see_why_they_may_not_order(signed_in: SignIn, story: str) -> None:
    page = text_of(signed_in("viewer"), f"/breakers/{story}/")
    assert "Orders need the role operator; you are viewer." in page
    assert "order-dialog" not in page
    assert page.count('type="button" disabled') == 4


def test_viewers_orders_are_refused(signed_in: SignIn, story: str) -> None:
    answer = signed_in("viewer").post(f"/breakers/{story}/order/", {"action": "reset", "reason": "because"})
    assert answer.status_code == 403
    assert b"Nothing was ordered" in answer.content
    assert not Command.objects.exists()


def test_an_operators_order_becomes_a_command(signed_in: SignIn, story: str) -> None:
    answer = signed_in("operator").post(
        f"/breakers/{story}/order/", {"action": "reset", "preset": "Drill", "reason": ""}
    )
    assert (answer.status_code, answer.url) == (302, f"/breakers/{story}/#commands")
    command = Command.objects.get()
    assert (command.action, command.reason, command.requested_by, command.until) == ("reset", "Drill", "grace", None)
    assert Audit.objects.get(verb="command.reset").actor == "grace"


def test_an_override_ends_when_it_was_asked_to(signed_in: SignIn, story: str) -> None:
    signed_in("operator").post(
        f"/breakers/{story}/order/", {"action": "force_open", "reason": "drill", "minutes": "60"}
    )
    command = Command.objects.get()
    assert command.until is not None
    assert (command.until - command.issued_at).total_seconds() == 3600


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"action": "reset", "reason": "  "}, "reason"),
        ({"action": "explode", "reason": "x"}, "explode"),
        ({"reason": "x"}, "action"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(
    given: dict[str, str], sentence: str, signed_in: SignIn, story: str
) -> None:
    answer = signed_in("operator").post(f"/breakers/{story}/order/", given)
    page = answer.content.decode()
    assert answer.status_code == 422
    said = re.search(r'class="notice error" role="alert">([^<]+)', page)
    assert said is not None
    assert sentence in said[1]
    assert not Command.objects.exists()


@pytest.mark.parametrize("spelling", ["999", "0", "01", "-1", "x", "１", "9" * 30, "1.0"])
def test_an_unknown_breaker_is_not_found_in_any_spelling(spelling: str, signed_in: SignIn, story: str) -> None:
    client = signed_in("operator")
    for rest in ("", "order/", "timeline.json", "timeline.html", "news.json"):
        assert client.get(f"/breakers/{spelling}/{rest}").status_code == 404, rest
    assert client.post(f"/breakers/{spelling}/order/", {"action": "reset", "reason": "x"}).status_code == 404


@pytest.mark.parametrize("path", ["/alerts/x/", "/alerts/999/", "/nowhere/", "/alerts/?cursor=x", "/audit/?cursor=x"])
def test_what_is_not_there_is_a_page_that_says_so(path: str, signed_in: SignIn) -> None:
    answer = signed_in("viewer").get(path)
    assert answer.status_code == 404
    assert b"Nothing here" in answer.content


def test_looking_changes_nothing(signed_in: SignIn, story: str) -> None:
    client = signed_in("operator")
    for path in pages_of(story):
        with CaptureQueriesContext(connection) as asked:
            client.get(path)
        wrote = [each["sql"] for each in asked if re.match(r"(INSERT|UPDATE|DELETE)", each["sql"])]
        assert wrote == [], path


def test_grace_takes_an_alert_and_gives_it_back(signed_in: SignIn, story: str) -> None:
    seed_alerts(story, datetime.now(UTC))
    client = signed_in("operator")
    client.post("/alerts/1/acknowledge/", {"comment": "on it"})
    page = text_of(client, "/alerts/1/")
    assert "on it" in page
    assert "grace" in page
    client.post("/alerts/1/unacknowledge/")
    assert "nobody" in text_of(client, "/alerts/1/")
    # A second time it is nobody's any more: said, not an error.
    answer = client.post("/alerts/1/unacknowledge/", follow=True)
    assert b"is not acknowledged." in answer.content


def test_eve_may_read_alerts_and_nothing_else(signed_in: SignIn, story: str) -> None:
    seed_alerts(story, datetime.now(UTC))
    client = signed_in("viewer")
    assert "needs the role operator" in text_of(client, "/alerts/")
    for path in ("/alerts/1/acknowledge/", "/alerts/1/unacknowledge/", "/alerts/1/notifications/1/resend/"):
        assert client.post(path).status_code == 403
        assert client.get(path).status_code == 405


def test_the_audit_trail_is_filtered_and_paged(signed_in: SignIn, story: str) -> None:
    client = signed_in("operator")
    for number in range(52):
        client.post(f"/breakers/{story}/order/", {"action": "probe", "reason": f"try {number}"})
    page = text_of(client, "/audit/")
    assert page.count("command.probe") == 50
    following = re.search(r'href="(\?[^"]+)">Older', page)
    assert following is not None
    assert text_of(client, "/audit/" + following[1]).count("command.probe") == 2
    assert "No line matches." in text_of(client, "/audit/?actor=nobody-here")
    assert "No line matches." in text_of(client, f"/audit/?breaker={story}0")
    assert f'href="/audit/?breaker={story}"' in text_of(client, f"/breakers/{story}/")
    assert text_of(client, f"/audit/?breaker={story}&actor=grace").count("command.probe") == 50

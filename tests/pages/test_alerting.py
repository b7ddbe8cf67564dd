"""Incidents, rules and silences at the browser: right for every role, complete without a script, safe with hostile names."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from xml.dom.minidom import parseString

import pytest
from django.test import Client

from alerts import evaluating, ruling, silencing
from alerts.domain import weeks
from alerts.models import Alert, Incident, Rule, Silence
from breakers.access import Actor
from breakers.models import Breaker, Outage, Service, Transition
from breakers.models.fields import to_us
from dashboard import screens
from tests.pages.test_pages import HOSTILE, SignIn, text_of

pytestmark = [pytest.mark.django_db]
Open = Callable[..., Incident]


@pytest.fixture(autouse=True)
def _fresh_rules() -> None:
    ruling.forget()


@pytest.fixture
def opened() -> Open:
    """Breakers of one dependency that opened one after the other; their incident."""

    def opened(*paths: str, dependency: str = "payments-db") -> Incident:
        now = datetime.now(UTC) - timedelta(minutes=2)
        for place, path in enumerate(paths):
            name, _, breaker = path.partition("/")
            service, _ = Service.objects.get_or_create(name=name, defaults={"created_at": now})
            at = now + timedelta(seconds=10 * place)
            row = Breaker.objects.create(
                service=service,
                name=breaker,
                dependency=dependency,
                created_at=at,
                since=at,
                state="open",
                instances={"open": 2},
                strip=[[to_us(at), "open"]],
            )
            Transition.objects.create(breaker=row, from_state="closed", to_state="open", at=at, recorded_at=at)
        evaluating.evaluate(now + timedelta(minutes=1))
        return Incident.objects.latest("pk")

    return opened


def plain(page: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_no_incidents(signed_in: SignIn) -> None:
    assert "No incidents." in text_of(signed_in("viewer"), "/incidents/")


def test_the_week_by_team_and_what_people_are_told_of_it(signed_in: SignIn, opened: Open) -> None:
    opened("checkout/pay", "ledger/book")
    Breaker.objects.filter(name="pay").update(labels={"team": HOSTILE})
    eve = signed_in("viewer")
    monday = weeks.monday_of(datetime.now(UTC) - timedelta(minutes=2))
    Outage.objects.create(
        breaker=Breaker.objects.get(name="pay"), started_at=monday, ended_at=monday + timedelta(seconds=30)
    )
    page = text_of(eve, f"/alerts/week/?from={monday:%Y-%m-%d}")
    assert "<script>" not in page.partition("<main")[2].partition("</main")[0]
    assert "1 trip of 1 breaker, open for 30 s in all" in plain(page)
    assert "no team: nothing opened" in plain(page)
    assert "Nothing tripped" in text_of(eve, "/alerts/week/?from=2020-01-06")
    assert eve.get("/alerts/week/?from=soon").status_code == 404


def test_an_incident_from_the_list_to_its_lanes(signed_in: SignIn, opened: Open) -> None:
    incident = opened("checkout/pay", "ledger/book", "search/rank")
    eve = signed_in("viewer")
    listed = plain(text_of(eve, "/incidents/"))
    assert "payments-db: 3 breakers in 3 services" in listed
    assert "Suspected: payments-db, confidence high" in listed
    page = text_of(eve, f"/incidents/{incident.pk}/")
    assert re.findall(r'class="lane-name"><a href="/alerts/\d+/">(\w+)</a>', page) == ["pay", "book", "rank"]
    assert re.findall(r"\+ (\d+) s", page) == ["10", "20"]
    assert page.count('<rect data-state="open"') == 3
    assert "3 of 3 services with calls to payments-db opened" in plain(page)
    assert "needs the role operator; you are viewer" in page
    assert "Not this" not in page
    assert f'href="/incidents/{incident.pk}/"' in text_of(eve, "/alerts/")
    assert eve.get("/incidents/999/").status_code == 404


def test_the_walls_headline_names_the_likely_cause(signed_in: SignIn, opened: Open) -> None:
    eve = signed_in("viewer")
    opened("mail/send", dependency="<mail>")
    large = opened("checkout/pay", "ledger/book")
    page = text_of(eve, "/")
    assert f'Suspected: <a href="/incidents/{large.pk}/">payments-db</a> <span>for 2 of 3 open</span>' in page
    assert eve.get("/cause.json").json() == {
        "dependency": "payments-db",
        "share": "for 2 of 3 open",
        "href": f"/incidents/{large.pk}/",
    }
    # A search shows the cause behind what it finds.
    found = text_of(eve, "/?query=service:mail")
    assert ">&lt;mail&gt;</a>" in found
    source = re.search(r'id="cause" data-source="([^"]+)"', found)
    assert source is not None
    assert eve.get(html.unescape(source[1])).json()["dependency"] == "<mail>"
    assert 'id="cause" data-source="/cause.json?query=name%3Anobody" hidden' in text_of(eve, "/?query=name:nobody")
    # What is closed again is not open, though its alerts wait for the end of their hold: another is behind what is open now.
    Breaker.objects.filter(service__name__in=["checkout", "ledger"]).update(state="closed")
    assert not Alert.objects.exclude(resolved_at=None).exists()
    assert eve.get("/cause.json").json() | {"href": ""} == {
        "dependency": "<mail>",
        "share": "for 1 of 1 open",
        "href": "",
    }
    Breaker.objects.filter(service__name="checkout").update(state="half_open")
    assert eve.get("/cause.json").json()["share"] == "for 1 of 1 open", "half-open is not open"
    assert ">&lt;mail&gt;</a>" in text_of(eve, "/")
    Incident.objects.update(cause="")
    assert eve.get("/cause.json").json() == {"dependency": "", "share": "", "href": ""}
    assert 'id="cause" data-source="/cause.json" hidden' in text_of(eve, "/")
    Incident.objects.update(cause="smtp")
    assert eve.get("/cause.json").json()["dependency"] == "smtp"
    Breaker.objects.update(state="closed")
    assert 'id="cause" data-source="/cause.json" hidden' in text_of(eve, "/"), "nothing is open"


def test_a_screen_names_the_likely_cause_and_leads_nowhere(
    signed_in: SignIn, opened: Open, ada: Actor, client: Client
) -> None:
    incident = opened("checkout/pay", "ledger/book")
    opened("mail/send", dependency="smtp")
    eve = signed_in("viewer")
    screen = text_of(eve, "/screen/")
    assert f'Suspected: <a href="/incidents/{incident.pk}/">payments-db</a> <span>for 2 of 3 open</span>' in screen
    made = screens.make_link(ada, "hall", "service:mail", at=datetime.now(UTC))
    assert client.get("/screen/cause.json").status_code == 403
    client.get(urlsplit(made.address).path)
    assert "Suspected: <a>smtp</a> <span>for 1 of 1 open</span>" in text_of(client, "/screen/")
    assert client.get("/screen/cause.json?query=service:ledger").json() == {
        "dependency": "smtp",
        "share": "for 1 of 1 open",
        "href": "",
    }
    screens.revoke_link(ada, made.row.pk, at=datetime.now(UTC))
    assert client.get("/screen/cause.json").status_code == 403


def test_a_breakers_head_says_who_is_told_of_it(signed_in: SignIn, opened: Open, grace: Actor) -> None:
    incident = opened("checkout/pay", "ledger/book")
    pay, alert = Breaker.objects.get(name="pay"), Alert.objects.get(breaker_name="pay")
    eve = signed_in("viewer")

    def told() -> list[str]:
        page = text_of(eve, f"/breakers/{pay.pk}/")
        news = eve.get(f"/breakers/{pay.pk}/news.json").json()["standing"]
        lines = re.findall(r"<li>(.*?)</li>", page.partition('id="standing"')[2].partition("</ul>")[0])
        # What the page begins with is what is told from then on.
        both = [news["incident"], *(each for each in news["alerts"] if not each["over"]), news["silenced"]]
        assert len(lines) == sum(each is not None for each in both)
        return [re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d", "…", plain(line)) for line in lines]

    assert told() == [
        f"Part of incident {incident.pk} , suspected: payments-db",
        "Alert opened firing for 2 m",
    ]
    assert 'data-silenced="' not in text_of(eve, f"/breakers/{pay.pk}/").partition("</header>")[0]
    now = datetime.now(UTC)
    silence = silencing.silence(
        grace, {"breaker": "p*"}, starts_at=now, ends_at=now + timedelta(hours=1), comment="a release", at=now
    )
    page = text_of(eve, f"/breakers/{pay.pk}/")
    assert f'data-silenced="silenced until {silence.ends_at:%H:%M}"' in page
    assert told()[2] == "Silenced until … by grace: told to nobody"
    silencing.end(grace, str(silence.pk), now + timedelta(seconds=1))
    Alert.objects.filter(pk=alert.pk).update(status="resolved", resolved_at=now)
    Breaker.objects.filter(pk=pay.pk).update(incident=None)
    assert told() == []
    assert 'id="standing" aria-label="Told of it" hidden' in text_of(eve, f"/breakers/{pay.pk}/")
    assert "<b>Resolved</b>" in text_of(eve, f"/breakers/{pay.pk}/")


def test_the_wall_finds_the_members_of_an_incident(signed_in: SignIn, opened: Open) -> None:
    incident = opened("checkout/pay", "ledger/book")
    other = opened("mail/send", dependency="smtp")
    eve = signed_in("viewer")
    assert text_of(eve, f"/?query=incident:{incident.pk}").count('<breaker-card data-id="') == 3
    assert text_of(eve, "/?query=incident:yes").count('<breaker-card data-id="') == 4
    assert text_of(eve, f"/?query=-incident:{incident.pk}").count('<breaker-card data-id="') == 2
    assert other.pk != incident.pk


def test_what_people_do_with_an_incident(signed_in: SignIn, opened: Open) -> None:
    incident = opened("checkout/pay", "ledger/book")
    grace = signed_in("operator")
    path = f"/incidents/{incident.pk}/"
    assert grace.post(f"{path}acknowledge/", {"comment": "on it"}).status_code == 302
    assert "on it" in text_of(grace, path)
    alert = re.findall(r'name="alert" value="(\d+)"', text_of(grace, path))[1]
    new = grace.post(f"{path}split/", {"alert": alert})["Location"]
    assert plain(text_of(grace, new)).count("book") >= 1
    grace.post(f"{path}merge/", {"incident": new.split("/")[2]})
    assert Incident.objects.get(pk=incident.pk).members.count() == 2
    grace.post(f"{path}not-this/")
    assert "Nobody is suspected." in text_of(grace, path)
    answer = grace.post(f"{path}not-this/", follow=True)
    assert "nobody is suspected of incident" in answer.content.decode()
    eve = signed_in("viewer")
    for verb in ("acknowledge", "split", "merge", "not-this"):
        assert eve.post(f"{path}{verb}/").status_code == 403


def test_the_rules_in_words_and_who_may_change_them(signed_in: SignIn) -> None:
    eve, ada = signed_in("viewer"), signed_in("admin")
    page = text_of(eve, "/alerts/rules/")
    assert "When any breaker is open: critical; resolved when that has not been so for 1 min." in plain(page)
    assert "New rule" not in page
    assert "needs the role admin" in text_of(eve, "/alerts/rules/new/")
    opened = Rule.objects.get(name="opened")
    assert eve.post(f"/alerts/rules/{opened.pk}/off/").status_code == 403
    assert eve.post("/alerts/rules/new/", {"name": "x", "kind": "opened"}).status_code == 403
    assert ada.post(f"/alerts/rules/{opened.pk}/off/").status_code == 302
    assert "Switch on" in text_of(ada, "/alerts/rules/")
    assert "switch it off instead" in ada.post(f"/alerts/rules/{opened.pk}/remove/", follow=True).content.decode()


def test_a_rule_is_made_in_the_form(signed_in: SignIn) -> None:
    ada = signed_in("admin")
    form = text_of(ada, "/alerts/rules/new/?kind=failure+rate")
    assert re.findall(r'name="(percent|calls)" value="(\d+)', form) == [("percent", "50"), ("calls", "20")]
    fields = {
        "name": "checkout fails", "kind": "failure rate", "service": "check*", "labels": "team:shop", "percent": "20.5",
        "calls": "30", "for_s": "60", "keep_s": "30", "severity": "critical",
    }  # fmt: skip
    wrong = ada.post("/alerts/rules/new/", {**fields, "percent": "lots", "labels": "team"})
    assert wrong.status_code == 422
    assert re.findall(r'role="alert">([^<]+)<', wrong.content.decode()) == [
        "the label &#x27;team&#x27; has no colon; expected key:value.",
        "&#x27;lots&#x27; is no number (of the calls fail).",
    ]
    assert not Rule.objects.filter(name="checkout fails").exists()
    assert ada.post("/alerts/rules/new/", fields).status_code == 302
    rule = Rule.objects.get(name="checkout fails")
    assert (rule.matchers, rule.parameters) == (
        {"service": "check*", "labels": {"team": "shop"}},
        {"percent": 20.5, "calls": 30},
    )
    assert (rule.for_s, rule.keep_s, rule.severity) == (60, 30, "critical")
    again = text_of(ada, f"/alerts/rules/{rule.pk}/")
    assert 'value="20.5"' in again
    assert 'value="team:shop"' in again
    ada.post(f"/alerts/rules/{rule.pk}/", {**fields, "percent": "30"})
    rule.refresh_from_db()
    assert rule.parameters["percent"] == 30


def test_a_preview_before_anything_is_saved(signed_in: SignIn, opened: Open) -> None:
    from breakers.models import Outage

    opened("checkout/pay")
    breaker = Breaker.objects.get()
    Outage.objects.create(breaker=breaker, started_at=breaker.since)
    eve = signed_in("viewer")
    assert "Would have fired 1 time in the last 7 days" in text_of(eve, "/alerts/rules/new/?kind=opened")
    fields = {"name": "", "kind": "opened", "service": "other", "for_s": "0", "keep_s": "60", "severity": "info"}
    page = eve.post("/alerts/rules/new/", {**fields, "preview": "1"})
    assert page.status_code == 200
    assert "Would have fired never in the last 7 days" in page.content.decode()
    told = eve.get("/alerts/rules/preview.json", {**fields, "service": "check*"}).json()
    assert told == {
        "said": "would have fired 1 time in the last 7 days",
        "sentence": "When any breaker of service check* is open: info; resolved when that has not been so for 1 min.",
    }
    assert eve.get("/alerts/rules/preview.json", {"kind": "opne"}).json()["said"].startswith("unknown kind")


def test_a_silence_with_its_count_struck_through_on_the_wall(signed_in: SignIn, opened: Open) -> None:
    opened("checkout/pay", "ledger/book")
    grace = signed_in("operator")
    fields = {"breaker": "pa*", "minutes": "60", "comment": "the move", "every_days": "", "from": ""}
    counted = grace.post("/alerts/silences/", {**fields, "preview": "1"}).content.decode()
    assert "Hides 1 breaker, 1 of whose alerts would be told now" in counted
    assert grace.get("/alerts/silences/hidden.json", {"breaker": "x"}).json() == {
        "said": "hides nothing that there is now"
    }
    assert not Silence.objects.exists()
    assert "needs its reason" in grace.post("/alerts/silences/", {**fields, "comment": ""}).content.decode()
    assert grace.post("/alerts/silences/", fields).status_code == 302
    assert "means 1 breaker, 1 of whose alerts hold now" in plain(text_of(grace, "/alerts/silences/"))
    wall = text_of(grace, "/")
    assert len(re.findall(r'<breaker-card[^>]*data-silenced="silenced until \d\d:\d\d', wall)) == 1
    assert 'href="/breakers/' in wall
    row = text_of(grace, "/alerts/")
    assert row.count("data-silenced") == 1
    assert "Told to nobody: silenced until" in plain(row)
    assert [text_of(grace, f"/alerts/?tab={tab}").count('class="alert-row') for tab in ("firing", "silenced")] == [2, 1]
    silence = Silence.objects.get()
    assert signed_in("viewer").post(f"/alerts/silences/{silence.pk}/end/").status_code == 403
    assert grace.post(f"/alerts/silences/{silence.pk}/end/").status_code == 302
    assert "data-silenced=" not in text_of(grace, "/")


def test_a_weekly_silence_by_the_clock_of_a_place(signed_in: SignIn, opened: Open) -> None:
    opened("checkout/pay")
    grace = signed_in("operator")
    night = {"breaker": "pa*", "minutes": "120", "comment": "back-up", "every_days": "7", "from": "2099-07-06T02:00"}
    wrong = grace.post("/alerts/silences/", {**night, "timezone": "Mars/Phobos"})
    assert wrong.status_code == 422
    assert "unknown time zone &#x27;Mars/Phobos&#x27;; expected one like Europe/Berlin" in wrong.content.decode()
    assert grace.post("/alerts/silences/", {**night, "timezone": "Europe/Berlin"}).status_code == 302
    silence = Silence.objects.get()
    assert (f"{silence.starts_at:%F %H:%M}", silence.timezone) == ("2099-07-06 00:00", "Europe/Berlin")
    assert "every 7 days at the same hours in Europe/Berlin" in plain(text_of(grace, "/alerts/silences/"))


def test_hostile_names_stay_words(signed_in: SignIn, opened: Open) -> None:
    incident = opened(f"{HOSTILE.replace('/', '')}/x", f"a/{HOSTILE}", dependency=HOSTILE)
    ada = signed_in("admin")
    pages = ["/incidents/", f"/incidents/{incident.pk}/", "/alerts/rules/new/?kind=opened", "/alerts/"]
    for path in pages:
        page = text_of(ada, path)
        assert "<img" not in page, path
        assert " style=" not in page, path
        assert "onerror=alert(1)>" not in page, path
    again = ada.post("/alerts/silences/", {"breaker": HOSTILE, "comment": HOSTILE, "preview": "1"}).content.decode()
    assert "<img" not in again


def test_strangers_come_to_the_door(client: Client) -> None:
    for path in (
        "/incidents/",
        "/incidents/1/",
        "/alerts/rules/",
        "/alerts/rules/new/",
        "/alerts/silences/",
        "/alerts/rules/preview.json",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"].startswith("/sign-in/")) == (302, True)


def test_a_post_mortem_in_one_press(signed_in: SignIn, opened: Open) -> None:
    incident = opened("checkout/pay", f"ledger/{HOSTILE}")
    grace = signed_in("operator")
    path = f"/incidents/{incident.pk}/"
    grace.post(f"{path}acknowledge/", {"comment": "on it | <b>now</b>"})
    written = grace.get(f"{path}postmortem.md")
    assert written["Content-Disposition"] == f'attachment; filename="incident-{incident.pk}.md"'
    page = written.content.decode()
    assert page.startswith("# payments\\-db\\: 2 breakers in 2 services\n")
    assert "Suspected: **payments\\-db**, confidence medium." in page
    assert "acknowledge pay in checkout\\: on it \\| \\<b\\>now\\</b\\>" in page
    assert not re.search(r"(?<!\\)<", page), "no markup but ours"
    assert page.rstrip().endswith("## What we learned")
    told = grace.get(f"{path}postmortem.json").json()
    assert told["incident"]["id"] == str(incident.pk)
    assert told["timeline"][0]["what"] == "pay in checkout opened"
    assert {line["who"] for line in told["timeline"]} == {"", "grace"}
    picture = grace.get(f"{path}postmortem.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert parseString(picture.content).documentElement.tagName == "svg"  # noqa: S318  (our own file)
    assert picture.content.count(b'fill="#ab1200"') == 2
    assert grace.get("/incidents/999/postmortem.md").status_code == 404

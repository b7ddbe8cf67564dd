"""A breaker's page says what the store knows: ranges, raw events, empty states that help, the odd one out."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.test import Client

from breakers import queries
from breakers.models import Breaker, Service
from breakers.queries.shapes import InstanceView
from dashboard.charts.table import summary
from dashboard.pages.odd import odd_sentence

SignIn = Callable[[str], Client]


def copy(name: str, state: str, *, odd: bool = False) -> InstanceView:
    return InstanceView(name, state, state, "", "", 60, None, None, {}, None, None, None, None, odd)


def test_a_range_from_one_moment_to_another(signed_in: SignIn, story: str) -> None:
    now = datetime.now(UTC)
    start, end = ((now - timedelta(minutes=each)).strftime("%Y-%m-%dT%H:%M:%S") for each in (35, 25))
    eve = signed_in("viewer")
    page = eve.get(f"/breakers/{story}/?from={start}&to={end}").content.decode()
    assert f'name="from" step="1" value="{start}"' in page
    assert 'aria-current="true"' not in page.split("Custom")[0].split("Range")[-1]
    line = queries.timeline(story, *(datetime.fromisoformat(f"{each}+00:00") for each in (start, end)), now)
    assert re.match(r"[12] openings?, [1-9]", summary(line))
    assert summary(line) in page
    told = json.loads(eve.get(f"/breakers/{story}/timeline.json?from={start}&to={end}").content)
    assert (told["range"], told["from"], told["to"]) == ("custom", start, end)
    assert [group["type"] for group in told["failures"]["groups"]] == ["ConnectTimeout"]
    wrong = eve.get(f"/breakers/{story}/?from=then&to=now")
    assert "That range can&#x27;t be read; the last hour is shown." in wrong.content.decode()


def test_without_failures_the_last_one_is_named(signed_in: SignIn, story: str) -> None:
    from breakers.bulk import run

    now = datetime.now(UTC)
    start, end = ((now - timedelta(minutes=each)).strftime("%Y-%m-%dT%H:%M:%S") for each in (20, 15))
    eve = signed_in("viewer")
    address = f"/breakers/{story}/?from={start}&to={end}"
    assert "none before it that is kept" in eve.get(address).content.decode()
    failed_at = int((now - timedelta(minutes=28)).timestamp()) // 60 * 60
    run("INSERT INTO breakers_rollup (breaker_id, width, at, failure) VALUES (%s, 60, %s, 3)", [int(story), failed_at])
    page = " ".join(re.sub(r"<[^>]+>", "", eve.get(address).content.decode()).split())
    about = datetime.fromtimestamp(failed_at, UTC).strftime("%H:%M:%S")
    assert re.search(rf"No failures in this range; the last one 2\d m( \d+ s)? ago, about {about} UTC\.", page)


def test_events_are_paged_and_shown_as_they_are_kept(signed_in: SignIn, story: str) -> None:
    eve = signed_in("viewer")
    first = eve.get(f"/breakers/{story}/events/").content.decode()
    assert first.count('class="event-json"') == 50
    assert "&quot;occurred_at&quot;" in first
    older = re.search(r'href="\?(cursor=[^"]+)">Older', first)
    assert older
    second = eve.get(f"/breakers/{story}/events/?{older[1]}").content.decode()
    assert second.count('class="event-json"') == 50
    changes = eve.get(f"/breakers/{story}/events/?type=state_change").content.decode()
    assert 0 < changes.count('class="event-json"') == changes.count("<td>State change")
    before = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S")
    assert "No such event is kept." in eve.get(f"/breakers/{story}/events/?before={before}").content.decode()
    assert eve.get("/breakers/none/events/").status_code == 404
    assert eve.get(f"/breakers/{story}/events/?cursor=x").status_code == 404


def test_a_breaker_that_never_opened_says_what_will_stand_there(signed_in: SignIn, db: None) -> None:
    service = Service.objects.create(name="calm", created_at=datetime.now(UTC))
    now = datetime.now(UTC)
    quiet = Breaker.objects.create(
        service=service, name="quiet", dependency="d", created_at=now, since=now, strip=[[1, "unknown"]]
    )
    page = signed_in("viewer").get(f"/breakers/{quiet.pk}/").content.decode()
    assert "It has not opened yet." in page
    assert "The service has told no settings." in page
    assert "No latency was sent: duration_ms" in page


def test_the_one_that_stands_alone_is_named() -> None:
    closed = [copy(f"pod-{each}", "closed") for each in range(3)]
    opened = [copy(f"pod-{each}", "open") for each in range(3)]
    assert odd_sentence([*closed, copy("pay-7f", "open", odd=True)]) == (
        "Only pay-7f is open: check that host, not the dependency."
    )
    assert odd_sentence([*opened, copy("pay-7f", "closed", odd=True)]) == (
        "Only pay-7f is still closed: look at what it does differently."
    )
    assert odd_sentence([*closed, copy("pay-7f", "stale", odd=True)]) == (
        "Only pay-7f is silent: check whether that host is still there."
    )
    assert odd_sentence([*closed, copy("a", "open", odd=True), copy("b", "open", odd=True)]) == ""
    assert odd_sentence(closed) == ""

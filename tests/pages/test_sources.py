"""The sources page: each service and instance as a poster, what was refused of it, and the way in for a new one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from breakers import measuring, queries
from breakers.domain.checking import check
from breakers.models import Service, Source
from breakers.models.fields import to_us
from breakers.models.source import NOBODY
from breakers.problems import problem_json
from breakers.queries.shapes import ServiceSources
from breakers.recording import record
from breakers.refusing import Refusals
from breakers.submissions import Submission
from dashboard.pages.sources import clock, face
from dashboard.pages.words import size
from tests.pages.test_pages import HOSTILE, text_of

SignIn = Callable[[str], Client]
pytestmark = pytest.mark.storage


def posts(*events: dict[str, Any], service: str = "checkout", at: datetime | None = None) -> None:
    """These events, told at that time by that service."""
    at = at or datetime.now(UTC)
    row = Service.objects.get_or_create(name=service, defaults={"created_at": at})[0]
    batch = check([{"breaker": "payments", "instance": "a", **event} for event in events], to_us(at))
    record([Submission(row.pk, batch.reports, batch.refusals)], at)


def refuses(service_id: int, status: int, detail: str, body: bytes = b"", **more: Any) -> None:
    """The board has just refused this."""
    refusals = Refusals()
    scope = {"path": "/api/v1/events", "headers": [], "client": ("10.0.0.9", 1)}
    refusals.note(service_id, status, problem_json(status, detail, **more), scope, body)
    refusals.write()


def seen(now: datetime | None = None, **asked: Any) -> list[ServiceSources]:
    """What the page reads."""
    return [
        item
        for item in queries.sources_page(now or datetime.now(UTC), **asked).items
        if isinstance(item, ServiceSources)
    ]


def cells(page: str) -> list[list[str]]:
    """The rows of the tables of instances, as texts."""
    rows = re.findall(r"<tr>\s*<th scope=\"row\".*?</tr>", page, re.DOTALL)
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.DOTALL)] for row in rows]  # fmt: skip


def test_an_empty_board_says_how_to_connect(signed_in: SignIn) -> None:
    page = text_of(signed_in("viewer"), "/sources/")
    assert "Connect a service" in page
    assert "curl -i http" in page
    assert "manage.py simulate" in page


def test_who_posts_well_has_nothing_to_be_told(signed_in: SignIn) -> None:
    at = datetime.now(UTC).isoformat()
    posts({"type": "heartbeat", "state": "closed", "interval_s": 10, "occurred_at": at, "library": "pybreaker", "library_version": "1.4.1"})  # fmt: skip
    page = text_of(signed_in("viewer"), "/sources/")
    [[name, state, heard, a_minute, duplicates, off, missing, restarts, late, library]] = cells(page)
    assert (name, state, a_minute, duplicates, missing, restarts, late) == ("a", "Heard", "1", "0", "0", "0", "0 / 0")
    assert (heard, off, library) == ("0 s ago", "0 s", "pybreaker 1.4.1")
    assert "1 instance · 1 event a minute · 0 refused" in page
    assert re.search(r'class="connect" data-steps[^>]* hidden', page)
    assert "Connect a service" not in page.partition("<main")[2]


def test_what_a_poster_leaves_out_is_said(signed_in: SignIn) -> None:
    posts({"type": "failure"})
    page = text_of(signed_in("viewer"), "/sources/")
    assert "posts on change only" in page
    assert "without heartbeats silence can&#x27;t be told from calm" in page
    assert cells(page)[0][5] == "–"


def test_silence_is_judged_at_the_read(db: None) -> None:
    now = datetime.now(UTC)
    posts({"type": "heartbeat", "state": "closed", "interval_s": 10}, at=now - timedelta(seconds=26))
    posts({"type": "heartbeat", "state": "closed", "interval_s": 10, "instance": "b"}, at=now - timedelta(seconds=20))
    posts({"type": "stopped", "instance": "c"}, at=now)
    assert [(source.name, source.state) for source in seen(now)[0].sources] == [
        ("a", "silent"),
        ("b", "heard"),
        ("c", "stopped"),
    ]


def test_a_refused_request_stands_there_with_its_reason_and_sample(signed_in: SignIn) -> None:
    posts({"type": "failure"})
    checkout = Service.objects.get().pk
    rejected = [{"index": 0, "code": "unknown_type", "detail": "unknown type 'opne'"}]
    refuses(checkout, 422, "event 0: unknown type 'opne'", b'{"type":"opne","breaker":"p"}', rejected=rejected)
    refuses(NOBODY, 401, "the ingest key is unknown or revoked")
    page = text_of(signed_in("viewer"), "/sources/")
    assert page.index("No service") < page.index("checkout")
    assert "no good key 1 ×" in page
    assert "the ingest key is unknown or revoked" in page
    assert "unknown type 1 ×" in page
    assert "{&quot;type&quot;:&quot;opne&quot;,&quot;breaker&quot;:&quot;p&quot;}" in page
    assert "from 10.0.0.9" in page


def test_the_rate_limit_is_told_apart(db: None) -> None:
    posts({"type": "failure"})
    refuses(Service.objects.get().pk, 429, "more than 10,000 events a second")
    [checkout] = seen()
    assert checkout.rate_limited_at == checkout.refusals[0].last_at
    assert [reason.word for reason in face(checkout).reasons] == ["rate limit reached"]


def test_nothing_hostile_is_markup(signed_in: SignIn) -> None:
    posts({"type": "failure", "instance": HOSTILE, "library": HOSTILE})
    service = Service.objects.get()
    Service.objects.update(name=HOSTILE)
    refuses(service.pk, 400, HOSTILE, HOSTILE.encode())
    client = signed_in("viewer")
    page = text_of(client, "/sources/")
    assert page.count("&lt;img src=x") >= 6
    assert "<img" not in page
    assert client.get("/sources/news.json")["Content-Type"] == "application/json"


def test_many_instances_are_one_link_away(signed_in: SignIn) -> None:
    posts(*({"type": "failure", "instance": f"pod-{n:02}"} for n in range(40)))
    client = signed_in("viewer")
    page = text_of(client, "/sources/")
    assert (len(cells(page)), "15 more instances" in page) == (25, True)
    assert len(cells(text_of(client, "/sources/?service=checkout"))) == 40


def test_those_long_gone_are_listed_only_when_asked_for(db: None) -> None:
    now = datetime.now(UTC)
    posts({"type": "failure", "instance": "old"}, at=now - timedelta(days=2))
    posts({"type": "failure", "instance": "new"}, at=now)
    assert [source.name for source in seen(now)[0].sources] == ["new"]
    assert [source.name for source in seen(now, service="checkout")[0].sources] == ["new", "old"]
    assert (seen(now)[0].instances, seen(now)[0].events) == (1, 2)


def test_services_are_paged(signed_in: SignIn) -> None:
    for number in range(22):
        posts({"type": "failure"}, service=f"service-{number:02}")
    client = signed_in("viewer")
    page = text_of(client, "/sources/")
    following = re.search(r'href="(\?cursor=[^"]+)">More services', page)
    assert following is not None
    assert (len(cells(page)), len(cells(text_of(client, f"/sources/{following[1]}")))) == (20, 2)
    assert client.get("/sources/?cursor=%FF").status_code == 404


def test_a_page_costs_the_same_with_more_services(db: None) -> None:
    def asked(services: int) -> int:
        for number in range(services):
            posts({"type": "failure"}, service=f"service-{number}")
            refuses(Service.objects.get(name=f"service-{number}").pk, 400, "no")
        with CaptureQueriesContext(connection) as asked_for:
            assert len(seen()) == services
        return len(asked_for)

    assert asked(1) == asked(9)


@pytest.mark.parametrize(
    ("skew_ms", "said", "warns"),
    [
        (None, "–", False),
        (12.0, "0 s", False),
        (-1_400.0, "1.4 s", False),
        (9 * 60_000.0, "9 m behind", True),
        (-9 * 60_000.0, "9 m ahead", True),
    ],
)
def test_a_clock_in_words(skew_ms: float | None, said: str, warns: bool) -> None:
    cell = clock(skew_ms)
    assert (cell.text, cell.warning) == (said, warns)


def test_the_news_are_what_the_page_shows(signed_in: SignIn) -> None:
    posts({"type": "heartbeat", "state": "closed"})
    client = signed_in("viewer")
    [told] = client.get("/sources/news.json").json()["services"]
    assert (told["key"], [cell["text"] for cell in told["sources"][0]["cells"]]) == (
        "checkout",
        cells(text_of(client, "/sources/"))[0][3:],
    )


def test_mallory_sees_nothing(signed_in: SignIn) -> None:
    client = signed_in("")
    assert client.get("/sources/").status_code == 403
    assert client.get("/sources/news.json").status_code == 403


def test_looking_at_a_source_creates_none(signed_in: SignIn) -> None:
    assert "There is no service of that name." in text_of(signed_in("viewer"), "/sources/?service=nobody")
    assert (Service.objects.count(), Source.objects.count()) == (0, 0)


def test_the_store_stands_on_the_page(signed_in: SignIn) -> None:
    client = signed_in("viewer")
    assert "rows are counted soon after the start" in text_of(client, "/sources/")
    posts({"type": "failure"})
    measuring.measure(datetime.now(UTC))
    page = text_of(client, "/sources/")
    rows = re.findall(r'<th scope="row">([^<]+)</th>\s*<td class="number">([^<]+)<', page)
    assert {"Events": "1", "Counts of 10 s": "1", "Audit trail": "0"}.items() <= dict(rows).items()
    assert (len(rows), "400 days" in page, "the last 50 of a service" in page) == (12, True, True)
    assert "Store" not in text_of(client, "/sources/?service=checkout")


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (999, "999 B"), (1_440, "1.4 kB"), (12e9, "12.0 GB"), (3e12, "3.0 TB")]
)
def test_a_size_in_words(count: float, said: str) -> None:
    assert size(int(count)) == said

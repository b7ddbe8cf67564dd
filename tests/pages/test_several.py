"""Several at once from the wall: each is done and written down by itself, and what failed is said by name."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from alerts.models import Alert, Silence
from breakers import listening, recording
from breakers.domain.checking import check
from breakers.errors import StoreUnavailable
from breakers.models import Audit, Breaker, Command, Service
from breakers.models.fields import to_us
from tests.pages.seeding import seed_alerts, seed_wall

SignIn = Callable[[str], Client]


@pytest.fixture
def open_ones(db: None) -> list[str]:
    """The ids of payments and search in checkout, both open, with one live instance each."""
    now = datetime.now(UTC)
    listening.listen(now, pause_s=0)
    service, _ = Service.objects.get_or_create(name="checkout", defaults={"created_at": now})
    events: list[dict[str, Any]] = [
        {"type": "state_change", "breaker": name, "to_state": "open", "instance": "pod-1"}
        for name in ("payments", "search")
    ]
    batch = check(events, to_us(now))
    recording.record([recording.Submission(service.pk, batch.reports, batch.refusals)], now)
    return [str(pk) for pk in Breaker.objects.order_by("name").values_list("pk", flat=True)]


def said(client: Client, **form: Any) -> list[str]:
    """Post the form; the notices of the page after it, whichever that is."""
    answer = client.post("/several/", {"next": "/?state=open", **form}, follow=True)
    return [
        html.unescape(each).strip()
        for each in re.findall(r'<p class="notice[^>]*>([^<]*)</p>', answer.content.decode())
    ]


def verbs() -> list[tuple[str, str, str]]:
    done = Audit.objects.exclude(verb="role.refused").order_by("pk")
    return list(done.values_list("verb", "target_name", "reason"))


def test_a_reset_is_an_order_to_each(signed_in: SignIn, open_ones: list[str]) -> None:
    told = said(signed_in("operator"), verb="reset", breaker=open_ones, reason="fixed in 2.4.1", count="2")
    assert told == ["Ordered a reset of payments, search."]
    assert list(Command.objects.values_list("action", "breaker__name").order_by("breaker__name")) == [
        ("reset", "payments"),
        ("reset", "search"),
    ]
    assert verbs() == [
        ("command.reset", "checkout/payments", "fixed in 2.4.1"),
        ("command.reset", "checkout/search", "fixed in 2.4.1"),
    ]


def test_it_goes_back_to_the_wall_that_it_came_from_and_to_no_other_site(
    signed_in: SignIn, open_ones: list[str]
) -> None:
    grace = signed_in("operator")
    form = {"verb": "silence", "minutes": "60", "breaker": open_ones, "preset": "Drill"}
    assert grace.post("/several/", {**form, "next": "/?query=open%3E5m"}).headers["Location"] == "/?query=open%3E5m"
    assert grace.post("/several/", {**form, "next": "https://evil.example/"}).headers["Location"] == "/"


def test_what_failed_is_said_by_name_and_holds_up_nothing_else(signed_in: SignIn, open_ones: list[str]) -> None:
    seed_wall(2, datetime.now(UTC), troubles=False)
    lost = Breaker.objects.exclude(pk__in=open_ones).select_related("service").order_by("pk")
    told = said(
        signed_in("operator"),
        verb="reset",
        breaker=[str(lost[0].pk), open_ones[0], str(lost[1].pk)],
        reason="fixed",
        count="3",
    )
    why = "; ".join(
        f"{row.name} in {row.service.name} ({row.name} has no live instance that the command could reach)"
        for row in lost
    )
    assert told == ["Ordered a reset of payments.", f"Not done to {why}."]
    assert [verb for verb, _, _ in verbs()] == ["command.reset"]


def test_each_is_silenced_by_itself(signed_in: SignIn, open_ones: list[str]) -> None:
    told = said(signed_in("operator"), verb="silence", breaker=open_ones, reason="drill", minutes="120")
    assert told == ["Silenced payments, search for 2 hours."]
    assert list(Silence.objects.order_by("pk").values_list("matchers", "comment", "created_by")) == [
        ({"service": "checkout", "breaker": "payments"}, "drill", "grace"),
        ({"service": "checkout", "breaker": "search"}, "drill", "grace"),
    ]
    assert [verb for verb, _, _ in verbs()] == ["silence.begin"] * 2
    assert Breaker.objects.filter(silenced_until=None).count() == 0


def test_a_star_in_a_name_silences_nobody_else(signed_in: SignIn, open_ones: list[str]) -> None:
    Breaker.objects.filter(pk=open_ones[0]).update(name="pay*")
    told = said(signed_in("operator"), verb="silence", breaker=open_ones, reason="drill", minutes="30")
    assert told == [
        "Silenced search for 30 minutes.",
        "Not done to pay* in checkout (a * in its name would silence others too; silence it by hand).",
    ]
    assert [row.matchers["breaker"] for row in Silence.objects.all()] == ["search"]


def test_what_fires_is_taken_in_hand_and_what_does_not_is_said(signed_in: SignIn, story: str) -> None:
    seed_wall(3, datetime.now(UTC), troubles=False)
    seed_alerts(story, datetime.now(UTC))
    calm = Breaker.objects.select_related("service").filter(alerts=None).first()
    assert calm
    grace = signed_in("operator")
    told = said(grace, verb="acknowledge", breaker=[story, str(calm.pk)], reason="on it")
    assert told == [
        "Acknowledged the alerts of delivery-tracking.",
        f"Not done to {calm.name} in {calm.service.name} (none of its alerts fires).",
    ]
    alert = Alert.objects.get(breaker_id=story)
    assert (alert.status, alert.acknowledged_by, alert.acknowledged_comment) == ("acknowledged", "grace", "on it")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reason": ""}, "Say why: choose a reason or write one."),
        ({"count": ""}, "2 breakers are chosen and the number typed is nothing: are all of them meant."),
        ({"count": "3"}, "2 breakers are chosen and the number typed is '3': are all of them meant."),
        ({"verb": ""}, "Unknown verb ''; expected one of acknowledge, silence, probe, reset."),
        ({"verb": "force_open"}, "Unknown verb 'force_open'; expected one of acknowledge, silence, probe, reset."),
        ({"verb": "silence", "minutes": "7"}, "Say how long the silence lasts."),
        ({"breaker": []}, "No breaker is chosen, or none that is known."),
        ({"breaker": ["x", "01", "9" * 30]}, "No breaker is chosen, or none that is known."),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_done(
    change: dict[str, Any], sentence: str, signed_in: SignIn, open_ones: list[str]
) -> None:
    form = {"verb": "reset", "breaker": open_ones, "reason": "<b>fixed</b>", "count": "2", "minutes": "60"}
    answer = signed_in("operator").post("/several/", form | change)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert html.unescape(re.findall(r'role="alert">([^<]*)<', page)[0]) == sentence
    assert "<b>fixed</b>" not in page
    assert verbs() == []


def test_more_than_a_hundred_are_too_many_at_once(signed_in: SignIn, db: None) -> None:
    seed_wall(101, datetime.now(UTC), troubles=False)
    ids = [str(pk) for pk in Breaker.objects.values_list("pk", flat=True)]
    answer = signed_in("operator").post(
        "/several/", {"verb": "silence", "breaker": ids, "reason": "x", "minutes": "30"}
    )
    assert "101 breakers are chosen; 100 at once is the most." in html.unescape(answer.content.decode())
    assert Silence.objects.count() == 0


@pytest.mark.parametrize("verb", ["reset", "probe", "silence", "acknowledge"])
def test_viewers_do_nothing(verb: str, signed_in: SignIn, open_ones: list[str]) -> None:
    form = {"verb": verb, "breaker": open_ones, "reason": "x", "count": "2", "minutes": "60"}
    eve = signed_in("viewer")
    assert '<button class="button primary" disabled>' in eve.get(f"/several/?breaker={open_ones[0]}").content.decode()
    assert eve.post("/several/", form).status_code == 403
    assert (verbs(), Silence.objects.count(), Command.objects.count()) == ([], 0, 0)


def test_strangers_are_sent_to_the_sign_in(client: Client, open_ones: list[str]) -> None:
    assert client.post("/several/", {"verb": "reset"}).headers["Location"].startswith("/sign-in/")


def test_where_nothing_can_be_written_all_are_named(
    signed_in: SignIn, open_ones: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise StoreUnavailable("the database can't be written: disk full")

    monkeypatch.setattr("breakers.commanding.order", refuse)
    monkeypatch.setattr("alerts.silencing.silence_each", refuse)
    grace, names = signed_in("operator"), "payments in checkout, search in checkout"
    for more in ({"verb": "reset", "count": "2"}, {"verb": "silence", "minutes": "60"}):
        told = said(grace, breaker=open_ones, reason="x", **more)
        assert told == [f"Not done to {names} (the database can't be written: disk full)."]


def test_the_wall_offers_it_without_a_script(signed_in: SignIn, open_ones: list[str]) -> None:
    page = signed_in("operator").get("/").content.decode()
    form = re.findall(r'<form class="picks" id="picks" method="get" action="/several/"', page)
    boxes = re.findall(r'<input class="pick" type="checkbox" name="breaker" value="(\d+)" form="picks"', page)
    doors = re.findall(r'<a class="act" href="/several/\?breaker=(\d+)"', page)
    assert (len(form), sorted(boxes), sorted(doors)) == (1, sorted(open_ones), sorted(open_ones))
    chosen = (
        signed_in("admin").get(f"/several/?breaker={open_ones[0]}&breaker={open_ones[1]}&verb=silence").content.decode()
    )
    assert re.findall(r'name="breaker" value="(\d+)" checked', chosen) == open_ones
    assert 'value="silence" required checked' in chosen


def test_viewers_and_televisions_have_no_boxes(signed_in: SignIn, open_ones: list[str]) -> None:
    eve = signed_in("viewer")
    wall, screen = eve.get("/").content.decode(), eve.get("/screen/").content.decode()
    assert ('class="act"' in wall, 'class="pick"' in wall, 'id="several-dialog"' in wall) == (True, False, False)
    assert ('class="act"' in screen, 'class="pick"' in screen) == (False, False)

"""Doubts: what is ill with the board itself is said on every page, since when, and what it means."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from breakers.models import Board, Pulse
from dashboard.doubting import judged
from dashboard.health import PARTS

NOW = datetime(2026, 11, 25, 3, 12, tzinfo=UTC)
STARTED = NOW - timedelta(hours=1)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


WELL = dict.fromkeys(PARTS, ago(seconds=2))


def test_nothing_is_ill() -> None:
    assert judged(WELL, ago(seconds=2), STARTED, None, NOW) == []


def test_each_part_says_since_when_and_what_it_means() -> None:
    pulses = {part: ago(minutes=2 if part == "beat" else 3) for part in PARTS}
    found = judged(pulses, ago(seconds=20), STARTED, ago(seconds=5), NOW)
    assert [(each.id, each.since) for each in found] == [
        ("ingest", "2026-11-25T03:11:40.000Z"),
        ("redis", "2026-11-25T03:11:55.000Z"),
        ("worker:evaluate", "2026-11-25T03:09:00.000Z"),
        ("worker:deliver", "2026-11-25T03:09:00.000Z"),
        ("beat", "2026-11-25T03:10:00.000Z"),
    ]
    assert found[2].said == "the worker does not evaluate"
    assert found[2].means == "alerts may be late"


def test_a_short_pause_is_no_illness() -> None:
    assert judged(dict.fromkeys(PARTS, ago(seconds=29)), ago(seconds=14), STARTED, ago(seconds=2), NOW) == []


def test_a_scheduler_that_stands_still_blames_no_healthy_worker() -> None:
    found = judged(dict.fromkeys(PARTS, ago(minutes=2)), ago(seconds=2), STARTED, None, NOW)
    assert [each.id for each in found] == ["beat"]


def test_what_never_worked_counts_from_our_start() -> None:
    assert judged({}, None, ago(seconds=10), None, NOW) == []
    assert [each.since for each in judged({}, None, ago(seconds=31), None, NOW)] == ["2026-11-25T03:11:29.000Z"] * 2
    assert judged({}, None, None, None, NOW) == []


@pytest.mark.django_db
def test_a_dead_worker_is_said_on_every_page(settings: object) -> None:
    settings.STORAGES = {  # type: ignore[attr-defined]
        **settings.STORAGES,  # type: ignore[attr-defined]
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    now = datetime.now(UTC)
    user = User.objects.create_user("eve")
    user.groups.add(Group.objects.get(name="viewer"))
    eve = Client()
    eve.force_login(user)
    Board.objects.update(listening_since=now - timedelta(hours=1), intake_pulse_at=now)
    for part in PARTS:
        Pulse.objects.update_or_create(part=part, defaults={"at": now})
    paths = ("/", "/alerts/", "/audit/", "/screen/")
    for path in paths:
        assert "does not evaluate" not in eve.get(path).content.decode(), path
    Pulse.objects.filter(part="worker:evaluate").update(at=now - timedelta(minutes=3))
    for path in paths:
        page = eve.get(path).content.decode()
        assert "<b>the worker does not evaluate</b> since" in page, path
        assert "alerts may be late." in page, path

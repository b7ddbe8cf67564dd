"""Metrics: for those who may, in Prometheus' own format, without names."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from breakers.listening import listen
from breakers.models import Board, Pulse, Transition
from tests.api.conftest import Caller, problem

pytestmark = pytest.mark.storage
Samples = dict[tuple[str, str], float]


def read(caller: Caller) -> Samples:
    """{(name, label's value): number}"""
    response = caller.call("GET", "/metrics")
    assert response.status_code == 200, response.content
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(response.content.decode())
    return {
        (sample.name.removeprefix("breakerboard_"), "".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_board_in_numbers(eve: Caller, tracking: str, tax: str, settings: Settings) -> None:
    from alerts import evaluating

    now = datetime.now(UTC)
    waiting = read(eve)[("oldest_unevaluated_transition_seconds", "")]
    assert 30 <= waiting < 60
    settings.ALERT_URLS = ("http://127.0.0.1:9/hook",)
    evaluating.evaluate(now)
    listen(now - timedelta(seconds=3))
    Pulse.objects.update_or_create(part="beat", defaults={"at": now - timedelta(seconds=5)})
    samples = read(eve)
    assert (samples["breakers", "open"], samples["breakers", "closed"], samples["breakers", "stale"]) == (1, 1, 0)
    assert samples["events_last_minute", ""] == 5
    assert (samples["alerts_open", "firing"], samples["alerts_open", "acknowledged"]) == (1, 0)
    assert (samples["notifications", "due"], samples["notifications", "dead"]) == (1, 0)
    assert samples["oldest_unevaluated_transition_seconds", ""] == 0
    assert 5 <= samples["pulse_age_seconds", "beat"] < 35
    assert 3 <= samples["pulse_age_seconds", "intake"] < 33
    assert ("pulse_age_seconds", "worker:deliver") not in samples


def test_an_empty_board_has_its_numbers_too(eve: Caller) -> None:
    assert Board.objects.count() == 1
    assert Transition.objects.count() == 0
    samples = read(eve)
    assert sum(value for (name, _), value in samples.items() if name == "breakers") == 0
    assert samples["events_last_minute", ""] == 0


def test_no_breaker_is_named(eve: Caller, tracking: str) -> None:
    text = eve.call("GET", "/metrics").content.decode()
    assert "breakerboard_breakers" in text
    for name in ("delivery", "tracking", "orders", "logistics"):
        assert name not in text


def test_who_may(stranger: Caller, eve: Caller, settings: Settings) -> None:
    assert problem(stranger.call("GET", "/metrics"), 401)
    assert problem(Caller("bbt_wrong").call("GET", "/metrics"), 401)
    assert eve.call("GET", "/metrics").status_code == 200
    settings.METRICS_PUBLIC = True
    assert stranger.call("GET", "/metrics").status_code == 200

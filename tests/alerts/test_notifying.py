"""The outbox: claims, leases, fences, order, retries and what receivers get, over real sockets."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connections
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook

from alerts import faulting, notifying, outbox, queries
from alerts.domain import backoff
from alerts.models import Attempt, Destination, Notification
from breakers import bulk
from breakers.errors import StoreUnavailable
from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET, Scenario, body_of, is_moment
from tests.alerts.receiver import Receiver, receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "wait_s", lambda tries, floor=None: max(5.0 * 2 ** min(tries - 1, 8), floor or 0))


def only() -> Notification:
    """The one notification."""
    return Notification.objects.get()


def test_the_webhook_of_the_contract(scenario: Scenario, hook: Receiver, settings: Settings) -> None:
    settings.SITE_URL = "https://board.example.org"
    scenario.at("10:00").then("open")
    scenario.delivers()
    alert = scenario.alert()
    request = hook.wait_for(1)[0]
    body = body_of(request)
    assert is_moment(body["timestamp"])
    assert body == {
        "version": 1,
        "type": "alert.firing",
        "timestamp": "2026-11-23T10:00:00Z",
        "status": "firing",
        "kind": "opened",
        "alert": {
            "id": str(alert.pk),
            "rule": "opened",
            "severity": "critical",
            "status": "firing",
            "service": "orders",
            "breaker": {"id": str(alert.breaker_id), "service": "orders", "name": "delivery-tracking"},
            "dependency": "tracking-api",
            "labels": {"team": "logistics"},
            "started_at": "2026-11-23T10:00:00Z",
            "detected_at": "2026-11-23T10:00:00Z",
            "acknowledged_by": None,
            "resolved_at": None,
            "incident": str(alert.incident_id),
        },
        "incident": {"id": str(alert.incident_id), "members_count": 1},
        "summary": "delivery-tracking opened in orders (3 of 10 instances)",
        "url": f"https://board.example.org/alerts/{alert.pk}",
    }
    assert request.path == "/hook/s3cret-token"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == request.headers["webhook-id"]
    assert only().state == "sent"
    assert bytes(only().body) == request.body

    scenario.at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    scenario.delivers()
    told = body_of(hook.wait_for(2)[1])
    assert (told["type"], told["status"], told["kind"]) == ("alert.resolved", "resolved", "resolved")
    assert (told["alert"]["id"], told["alert"]["status"]) == (str(alert.pk), "resolved")
    assert told["alert"]["resolved_at"] == "2026-11-23T10:06:00Z"
    assert told["summary"] == "delivery-tracking closed again in orders after 5 min"


def test_the_signature_is_that_of_the_standard(scenario: Scenario, hook: Receiver) -> None:
    from django.utils import timezone

    hook.script = [behaviours.answers(500)]
    # The library judges the time by its own clock.
    scenario.now = timezone.now()
    scenario.then("open")
    scenario.delivers()
    scenario.now += timedelta(seconds=60)
    scenario.delivers()
    first, second = hook.wait_for(2)
    for request in (first, second):
        assert Webhook(SECRET).verify(request.body, request.headers) == body_of(request)
        with pytest.raises(Exception, match="No matching signature"):
            Webhook(SECRET).verify(request.body + b" ", request.headers)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == only().webhook_id
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60


def test_without_a_secret_nothing_is_signed(scenario: Scenario, hook: Receiver, settings: Settings) -> None:
    settings.ALERT_WEBHOOK_SECRET = ""
    scenario.at("10:00").then("open")
    scenario.delivers()
    headers = hook.wait_for(1)[0].headers
    assert "webhook-signature" not in headers
    assert headers["webhook-id"] == only().webhook_id


def test_anything_but_a_2xx_is_tried_again(scenario: Scenario, hook: Receiver) -> None:
    hook.script = [
        behaviours.answers(500, b"oops\0\x1b[31m"),
        behaviours.answers(404),
        behaviours.closes,
        behaviours.answers(301, headers="Location: http://127.0.0.1:1/\r\n"),
        behaviours.answers(204),
    ]
    scenario.at("10:00").then("open")
    # The second refusal of the lasting kind has five minutes as its floor.
    for text in ("10:00", "10:00:05", "10:00:15", "10:00:35", "10:05:35"):
        scenario.at(text)
        assert scenario.delivers() == 1
    view = queries.alert(str(scenario.alert().pk)).notifications[0]
    assert view.state == "sent"
    assert [(each.number, each.outcome, each.status_code, each.error) for each in view.attempts] == [
        (1, "refused", 500, "answered 500"),
        (2, "refused", 404, "answered 404"),
        (3, "unanswered", None, "what came back is no HTTP answer"),
        (4, "refused", 301, "answered 301"),
        (5, "accepted", 204, ""),
    ]
    assert [each.next_due_at for each in view.attempts][:2] == ["2026-11-23T10:00:05Z", "2026-11-23T10:00:15Z"]
    assert (view.attempts[0].answer, view.attempts[0].address) == ("oops[31m", "127.0.0.1")
    assert len({request.headers["webhook-id"] for request in hook.requests}) == 1


def test_not_before_its_time(scenario: Scenario, hook: Receiver) -> None:
    hook.script = [behaviours.answers(429, headers="Retry-After: 120\r\n")]
    scenario.at("10:00").then("open")
    scenario.delivers()
    assert only().due_at == scenario.now + timedelta(seconds=120)
    scenario.at("10:01:59")
    assert scenario.delivers() == 0
    scenario.at("10:02")
    assert scenario.delivers() == 1
    assert only().state == "sent"


@pytest.mark.parametrize(("header", "seconds"), [("99999", 3600), ("-5", 5), ("soon", 5)])
def test_a_retry_after_that_asks_too_much(scenario: Scenario, hook: Receiver, header: str, seconds: int) -> None:
    hook.script = [behaviours.answers(503, headers=f"Retry-After: {header}\r\n")]
    scenario.at("10:00").then("open")
    scenario.delivers()
    assert only().due_at == scenario.now + timedelta(seconds=seconds)


def test_after_a_day_it_is_dead(scenario: Scenario, hook: Receiver) -> None:
    hook.then = behaviours.answers(500)
    scenario.at("10:00").then("open")
    end = scenario.now + timedelta(hours=25)
    while scenario.now < end:
        scenario.delivers()
        scenario.now += timedelta(minutes=5)
    row = only()
    assert (row.state, row.reason) == ("dead", "answered 500")
    assert row.finished_at is not None
    assert timedelta(hours=23) < row.finished_at - row.created_at <= timedelta(hours=24)
    assert [view.dead for view in queries.destinations()] == [1]


def test_resolved_never_overtakes(scenario: Scenario, hook: Receiver) -> None:
    hook.script = [behaviours.answers(500)]
    scenario.at("10:00").then("open")
    scenario.delivers()
    scenario.at("10:00:01").then("closed")
    Notification.objects.update(due_at=scenario.now + timedelta(minutes=10))
    scenario.at("10:01:01").sweeps()
    assert scenario.notifications() == ["10:00:00 opened due", "10:01:01 resolved due"]
    assert scenario.delivers() == 0, "firing waits for its next try, and resolved for firing"
    resolved = Notification.objects.get(kind="resolved")
    assert notifying.claim_one(resolved.pk, scenario.now) is None
    scenario.at("10:11")
    scenario.delivers()
    assert [body_of(request)["kind"] for request in hook.requests] == ["opened", "opened", "resolved"]
    assert scenario.notifications() == ["10:00:00 opened sent", "10:01:01 resolved sent"]


@pytest.mark.parametrize(
    ("behaviour", "state"),
    [(behaviours.answers(500), "dropped"), (behaviours.closes, "sent")],
    ids=["never", "perhaps"],
)
def test_resolved_goes_only_to_those_who_may_have_got_firing(
    scenario: Scenario, hook: Receiver, behaviour: behaviours.Behaviour, state: str
) -> None:
    hook.script = [behaviour]
    scenario.at("10:00").then("open")
    Notification.objects.update(give_up_at=scenario.now)
    scenario.delivers()
    assert only().state == "dead"
    scenario.at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    scenario.delivers()
    assert Notification.objects.get(kind="resolved").state == state
    if state == "dropped":
        view = queries.alert(str(scenario.alert().pk)).notifications[1]
        assert (view.reason, view.attempts) == ("not sent: this destination never got the alert itself", [])


def test_a_destination_that_left_the_environment(scenario: Scenario, hook: Receiver, settings: Settings) -> None:
    scenario.at("10:00").then("open")
    settings.ALERT_URLS = ()
    scenario.at("10:00:05").sweeps()
    scenario.delivers()
    assert (only().state, only().reason, hook.requests) == ("dropped", "DESTINATION_OFF", [])


def test_one_claim_wins(scenario: Scenario, hook: Receiver) -> None:
    scenario.at("10:00").then("open")
    first = notifying.claim_one(only().pk, scenario.now)
    assert first is not None
    assert notifying.claim_one(only().pk, scenario.now) is None
    assert outbox.due(scenario.now) == []


def test_eight_workers_with_the_same_message_send_it_once(scenario: Scenario, hook: Receiver) -> None:
    """The broker gave it out eight times: at the same moment, on real threads and connections."""
    scenario.at("10:00").then("open")
    pk, together = only().pk, threading.Barrier(8)

    def work() -> None:
        try:
            together.wait(10)
            notifying.deliver(pk, lambda: scenario.now)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert len(hook.requests) == 1
    assert (only().state, only().attempt, Attempt.objects.count()) == ("sent", 1, 1)


def test_a_lost_worker_and_a_zombie(scenario: Scenario, hook: Receiver) -> None:
    """The lease lapses, another sends it; the first one thaws and writes nothing."""
    scenario.at("10:00").then("open")
    frozen = notifying.claim_one(only().pk, scenario.now)
    assert frozen is not None
    scenario.at("10:01")
    assert scenario.delivers() == 0, "the lease lives to its last moment"
    scenario.at("10:01:01")
    assert scenario.delivers() == 1
    before = (Notification.objects.values().get(), Destination.objects.values().get())
    assert not notifying.finish(frozen, notifying.attempt(frozen), scenario.now)
    assert (Notification.objects.values().get(), Destination.objects.values().get()) == before
    assert [(each.number, each.outcome) for each in Attempt.objects.order_by("number")] == [
        (1, "lost"),
        (2, "accepted"),
    ]
    assert len({request.headers["webhook-id"] for request in hook.requests}) == 1


def test_a_database_that_is_away_for_a_moment_makes_no_second_message(
    scenario: Scenario, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent, and that can't be written down: it is written down a moment later."""
    monkeypatch.setattr(notifying, "FINISH_AGAIN_S", (0.0, 0.0))
    real, away = bulk.writing, [True, True]

    @contextmanager
    def writing() -> Iterator[object]:
        if hook.requests and away and away.pop():
            raise StoreUnavailable("the database can't be written: it is locked")
        with real() as written:
            yield written

    monkeypatch.setattr(bulk, "writing", writing)
    scenario.at("10:00").then("open")
    scenario.delivers()
    assert (len(hook.requests), only().state, only().attempt, away) == (1, "sent", 1, [])


def test_a_database_that_stays_away_leaves_it_to_the_next_worker(
    scenario: Scenario, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "FINISH_AGAIN_S", (0.0, 0.0))
    scenario.at("10:00").then("open")
    with monkeypatch.context() as patched:

        def away() -> None:
            raise StoreUnavailable("the database can't be written: it is locked")

        patched.setattr(bulk, "writing", away)
        with pytest.raises(StoreUnavailable):
            notifying.deliver(only().pk, lambda: scenario.now)
    assert (len(hook.requests), only().state) == (1, "due")
    scenario.at("10:01:01")
    scenario.delivers()
    first, second = hook.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert only().state == "sent"


def test_a_destination_that_fails_is_left_in_peace_and_returns(scenario: Scenario, hook: Receiver) -> None:
    hook.then = behaviours.answers(500)
    for number in range(8):
        scenario.at("10:00").then("open", f"orders/breaker-{number}")
    scenario.delivers()
    destination = Destination.objects.get()
    assert (len(hook.requests), destination.failures) == (5, 5), "the other three were not even tried"
    assert destination.open_until == scenario.now + timedelta(seconds=30)
    assert [view.health for view in queries.destinations()] == ["failing"]
    scenario.at("10:00:29")
    assert scenario.delivers() == 0

    hook.then = behaviours.answers(200)
    scenario.at("10:00:30")
    probe = notifying.claim_one(outbox.due(scenario.now)[0], scenario.now)
    assert probe is not None
    assert notifying.claim_one(outbox.due(scenario.now)[0], scenario.now) is None, "half-open: one at a time"
    assert notifying.finish(probe, notifying.attempt(probe), scenario.now)
    assert Destination.objects.get().open_until is None
    scenario.at("10:01")
    scenario.delivers()
    assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.parametrize(
    ("answered", "hands"),
    [(None, 2), (timedelta(minutes=10), 2), (timedelta(minutes=9), 4)],
    ids=["never", "once", "lately"],
)
def test_so_many_at_once_to_one_destination(
    scenario: Scenario, hook: Receiver, settings: Settings, answered: timedelta | None, hands: int
) -> None:
    """Four, where it has answered lately; two, where it is not known whether it hangs."""
    with receiver() as other:
        settings.ALERT_URLS = (hook.url, other.url)
        scenario.at("10:00").sweeps()
        Destination.objects.update(last_success_at=None if answered is None else scenario.now - answered)
        for number in range(6):
            scenario.then("open", f"orders/breaker-{number}")
        mine = Notification.objects.filter(destination__masked_url__contains=str(hook.port))
        claims = [notifying.claim_one(row.pk, scenario.now) for row in mine]
        assert [claim is not None for claim in claims] == [True] * hands + [False] * (6 - hands)
        scenario.delivers()
        assert (len(hook.requests), len(other.requests)) == (0, 6), "the neighbour does not wait"


def test_a_poisonous_row_harms_nobody_else(
    scenario: Scenario, hook: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        scenario.at("10:00").then("open", f"orders/breaker-{number}")
    real = notifying.speaking.send

    def send(target: object, message: notifying.Message) -> object:
        if b"breaker-1" in message.body:
            raise KeyError("s3cret-token")
        return real(target, message)  # type: ignore[arg-type]

    monkeypatch.setattr(notifying.speaking, "send", send)
    scenario.delivers()
    rows = Notification.objects.values_list("state", "reason")
    assert sorted((state, reason.partition(" (trace")[0]) for state, reason in rows) == [
        ("due", "sending failed: KeyError"),
        ("sent", ""),
        ("sent", ""),
    ]
    [failed] = Attempt.objects.filter(outcome="failed")
    assert failed.next_due_at is not None
    trace = failed.error.partition("(trace ")[2][:8]
    assert trace in caplog.text, "the log has the place of the fault under this name"
    assert "s3cret" not in caplog.text + failed.error
    assert Destination.objects.get().failures == 0, "no fault of the destination's"


def test_poison_ends_after_five_tries(scenario: Scenario, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(target: object, message: notifying.Message) -> object:
        raise KeyError("s3cret-token")

    monkeypatch.setattr(notifying.speaking, "send", spoil)
    scenario.at("10:00").then("open")
    for _ in range(20):
        scenario.delivers()
        scenario.now += timedelta(hours=1)
    assert [row.outcome for row in Attempt.objects.all()] == ["failed"] * 5
    assert only().state == "dead"
    assert [(fault.kind, fault.notification_id) for fault in faulting.live()] == [("dead_letter", only().pk)]


def test_a_row_that_kills_its_process_is_given_up(scenario: Scenario, hook: Receiver) -> None:
    scenario.at("10:00").then("open")
    for _ in range(6):
        claimed = notifying.claim_one(only().pk, scenario.now)
        # The process dies: nobody tells how it went, and the lease lapses.
        scenario.now += timedelta(seconds=61)
    assert claimed is None
    assert [row.outcome for row in Attempt.objects.all()] == ["lost"] * 5
    assert (only().state, only().reason[:9]) == ("dead", "given up:")
    scenario.then("open", "orders/neighbour")
    scenario.delivers()
    assert [body_of(request)["alert"]["breaker"]["name"] for request in hook.requests] == ["neighbour"]


def test_what_is_shown_and_kept_holds_no_secret(
    scenario: Scenario, hook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    hook.script = [behaviours.answers(500), behaviours.closes, behaviours.babbles, behaviours.answers(403)]
    scenario.at("10:00").then("open")
    for minute in range(1, 9):
        scenario.delivers()
        scenario.at(f"10:0{minute}")
    rows = [*Notification.objects.values(), *Attempt.objects.values(), *Destination.objects.values()]
    kept = json.dumps(rows, default=str) + caplog.text + repr(notifying.speaking.target_of(Destination.objects.get()))
    assert len(hook.requests) == 5
    assert "s3cret" not in kept
    assert SECRET not in kept


def test_every_change_of_a_notification_is_a_change_of_its_alert(scenario: Scenario, hook: Receiver) -> None:
    scenario.at("10:00").then("open")
    before = scenario.alert().version
    scenario.delivers()
    changed = queries.alerts_changed_since(before)
    assert changed is not None
    assert [view.notifications[0].state for view in changed[1]] == ["sent"]


def test_names_of_notifications_are_in_order_of_time_and_never_twice() -> None:
    names = [outbox.new_webhook_id() for _ in range(1000)]
    assert len(set(names)) == 1000
    assert [name[:13] for name in names] == sorted(name[:13] for name in names)
    assert {(name[14], name[19] in "89ab") for name in names} == {("7", True)}

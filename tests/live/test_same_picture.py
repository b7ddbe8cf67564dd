"""apply(old snapshot, frames) == new snapshot, for every writer of the board: here, and in the browser's code."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async as threaded

from alerts import evaluating, handling
from alerts import queries as alert_queries
from alerts import silencing as hushing
from alerts.models import Alert
from breakers import bulk, commanding, recording, silencing
from breakers.access import Actor
from breakers.domain.checking import check
from breakers.errors import Conflict
from breakers.models import Board, Breaker, Service, Tombstone
from breakers.models.fields import to_us
from breakers.submissions import Submission
from dashboard.live.hub import hub
from tests.live.clients import Client, until
from tests.live.node import run_node_tests
from tests.live.picture import picture_of

VIEWS = [
    ("wall", {}),
    ("wall", {"filter": "state=open,half_open,stale"}),
    ("wall", {"filter": "service=orders&q=b"}),
    ("wall", {"filter": "query=-state%3Aclosed+-name%3A*1+forced%3Ano"}),
    ("wall", {"filter": "query=forced%3Ayes"}),
    ("wall", {"filter": "query=incident%3Ayes"}),
    ("wall", {"filter": "query=silenced%3Ayes+label.team%3Ax"}),
    # What time alone moves is told by snapshots; what happens in between, by frames.
    ("wall", {"filter": "query=state%3Aopen+open%3E10s"}),
    ("cells", {}),
    ("cells", {"filter": "query=state%3Aopen%2Cstale+service%3Ao*"}),
    ("alerts", {}),
    ("alerts", {"filter": "status=firing"}),
]
STATES = ["closed", "closed", "open", "open", "half_open", "forced_open", "disabled"]


class Life:
    """Things that happen to a board, at random but the same each time, by a clock of their own."""

    def __init__(self, seed: int, who: Actor) -> None:
        self.random = random.Random(seed)
        self.who = who
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
        self.names = [f"b{n}" for n in range(8)]

    def happens(self) -> None:
        self.now += timedelta(seconds=self.random.choice([0, 0, 1, 5, 12]))
        weights = {
            self.posts: 10,
            self.orders: 2,
            self.deletes: 1,
            self.sweeps: 2,
            self.tallies: 2,
            self.alerts: 3,
            self.handles: 2,
            self.silences: 2,
        }
        self.random.choices(list(weights), list(weights.values()))[0]()

    def settles(self) -> None:
        """What the clock alone changes is written."""
        self.sweeps()
        self.tallies()
        self.alerts()

    def posts(self) -> None:
        events = [self._event() for _ in range(self.random.randint(1, 4))]
        service = self.random.choice(["orders", "checkout"])
        row, _ = Service.objects.get_or_create(name=service, defaults={"created_at": self.now})
        batch = check(events, to_us(self.now))
        assert not batch.refusals
        recording.record([Submission(row.pk, batch.reports, [])], self.now)

    def _event(self) -> dict[str, Any]:
        name, instance = self.random.choice(self.names), self.random.choice(["a", "b"])
        kind = self.random.choice(
            ["state_change", "state_change", "failure", "success", "heartbeat", "rejected", "stopped"]
        )
        event: dict[str, Any] = {"type": kind, "breaker": name, "instance": instance}
        if kind == "state_change":
            event["to_state"] = self.random.choice(STATES)
        if kind == "heartbeat":
            event |= {
                "state": self.random.choice(STATES),
                "interval_s": 5,
                "labels": {"team": self.random.choice("xy")},
            }
        return event

    def orders(self) -> None:
        if breaker := Breaker.objects.order_by("-version").first():
            try:
                commanding.order(
                    self.who,
                    str(breaker.pk),
                    self.random.choice(["probe", "force_open", "release"]),
                    "a test",
                    at=self.now,
                )
            except Conflict:
                pass  # no live instance to reach

    def deletes(self) -> None:
        ids = list(Breaker.objects.order_by("pk").values_list("pk", flat=True))
        if len(ids) > 3:
            id = self.random.choice(ids)
            with bulk.writing():
                version = bulk.next_version()
                # Its alerts lose their breaker with it, which is a change of theirs.
                Alert.objects.filter(breaker_id=id).update(version=version)
                Breaker.objects.filter(pk=id).delete()
                Tombstone.objects.create(kind="breaker", object_id=str(id), version=version, at=self.now)
            hub.wake()

    def sweeps(self) -> None:
        silencing.sweep(self.now)

    def tallies(self) -> None:
        silencing.tally(self.now)

    def alerts(self) -> None:
        evaluating.evaluate(self.now)
        evaluating.sweep(self.now)

    def silences(self) -> None:
        what = self.random.choice([{"service": "orders"}, {"breaker": "b1"}, {"breaker": "b*"}])
        lasts = timedelta(seconds=self.random.choice([10, 60, 600]))
        hushing.silence(self.who, what, starts_at=None, ends_at=self.now + lasts, comment="a test", at=self.now)

    def handles(self) -> None:
        for alert in alert_queries.alerts_page(("firing",)).items[:1]:
            handling.acknowledge(self.who, alert.id, "seen", self.now)


@pytest.mark.parametrize("seed", range(3))
async def test_frames_lead_to_the_new_snapshot(
    connect: Callable[..., Any], ada: Actor, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(seed, ada)
    monkeypatch.setattr(hub, "clock", lambda: life.now)
    for _ in range(5):
        await threaded(life.posts)()
    lookers: list[Client] = [await connect() for _ in VIEWS]
    told = [[await looker.subscribe(topic, **more)] for looker, (topic, more) in zip(lookers, VIEWS, strict=True)]
    for _ in range(60):
        await threaded(life.happens)()
        if life.random.random() < 0.3:
            for looker, frames in zip(lookers, told, strict=True):
                frames += await looker.heard()
    await threaded(life.settles)()
    await hub.upkeep.follow_time()
    newest = await threaded(lambda: Board.objects.get().version)()
    await until(lambda: _all_told(newest), "the frames of the last change")
    for number, (looker, frames, (topic, more)) in enumerate(zip(lookers, told, VIEWS, strict=True)):
        frames += await looker.heard()
        assert len(frames) > 3, (topic, more)
        other = await connect()
        new = await other.subscribe(topic, **more)
        await other.close()
        assert new["data"]["next"] is None
        assert picture_of(frames).counts == new["data"]["counts"]
        expected = {item["id"]: item for item in new["data"]["items"]}
        assert picture_of(frames).shown() == expected
        # Lost order and repetition do no harm to cards; a snapshot begins anew.
        first = max(place for place, frame in enumerate(frames) if frame["op"] == "snapshot")
        rest = frames[first + 1 :] * 2
        life.random.shuffle(rest)
        mixed = [frames[first], *rest]
        assert picture_of(mixed).shown() == expected
        (tmp_path / f"{topic}-{number}.json").write_text(json.dumps({"frames": frames, "mixed": mixed, "after": new}))
    await threaded(run_node_tests)("picture.test.js", FRAMES=str(tmp_path))


def _all_told(version: int) -> bool:
    subscriptions = [one for socket in hub.sockets for one in socket.subscriptions.values()]
    return all(hub.sent_up_to(one).version >= version for one in subscriptions)

"""One incident for one cause: which openings belong together, who is told, and what people say about it."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from alerts import evaluating, handling, incident_queries, queries, recounting, responding, silencing
from alerts.domain.incidents import Case, Opening, place
from alerts.domain.suspects import next_suspect
from alerts.models import Alert, Incident, Notification, Rule
from breakers.access import Actor
from breakers.errors import Conflict, NotAllowed, NotFound
from breakers.models import Audit, Breaker, Outage
from tests.alerts.conftest import Scenario, clock

storage = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture(autouse=True)
def _destinations(settings: Settings) -> None:
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)


def opens(scenario: Scenario, at: str, *paths: str, dependency: str = "payments-db") -> None:
    """These breakers open, and alerting looks at them."""
    scenario.at(at)
    for path in paths:
        scenario.breaker(path, dependency=dependency)
        scenario.goes("open", path)
    evaluating.evaluate(scenario.now)


def told() -> list[str]:
    """What was sent, or waits: `10:00:00 opened checkout/pay`."""
    rows = Notification.objects.exclude(state="dropped").select_related("alert").order_by("pk")
    return [f"{row.created_at:%H:%M:%S} {row.kind} {row.alert.service}/{row.alert.breaker_name}" for row in rows]


def members() -> list[list[str]]:
    """The members of each incident that was not merged away, in order of opening."""
    rows = Incident.objects.filter(merged_into=None).order_by("pk")
    return [[row.breaker_name for row in each.members.order_by("started_at", "pk")] for each in rows]


def case(cause: str = "db", at: str = "10:00", members: Sequence[tuple[str, str, str]] = ()) -> Case:
    """An incident with members (service, dependency, when)."""
    found = Case(1, cause, clock(at), clock(at))
    for service, dependency, when in members:
        found.join(Opening(service, dependency, clock(when)))
    return found


@pytest.mark.parametrize(
    ("at", "live", "joins"),
    [("10:02", 0, True), ("10:02:01", 0, False), ("10:02:01", 1, True), ("11:00", 1, True), ("09:57", 2, False)],
)
def test_how_long_one_may_still_join(at: str, live: int, joins: bool) -> None:
    known = case(members=[("a", "db", "10:00"), ("b", "db", "10:00")])
    known.live = live
    found = place(Opening("c", "db", clock(at)), [known])
    assert (found.case is known) is joins
    assert found.cause == "db"


def test_half_an_hour_at_most_where_most_are_closed() -> None:
    known = case(members=[(service, "db", f"10:{minute:02}") for minute, service in enumerate("abcdefghijklmnop")])
    known.joined_at, known.live = clock("10:31"), 1
    assert place(Opening("z", "db", clock("10:30")), [known]).case is known
    assert place(Opening("z", "db", clock("10:30:01")), [known]).case is None


def test_along_the_edges_to_the_cause() -> None:
    """payments calls db, and both of its breakers' callers call payments."""
    behind = case("db", members=[("payments", "db", "10:00")])
    joins = place(Opening("checkout", "payments", clock("10:00:05")), [behind])
    assert (joins.case, joins.cause) == (behind, "db")
    effect = case("payments", members=[("checkout", "payments", "10:00")])
    widens = place(Opening("payments", "db", clock("10:00:59")), [effect])
    assert (widens.case, widens.cause) == (effect, "db")
    assert place(Opening("payments", "db", clock("10:01:01")), [effect]).case is None
    effect.by_hand = True
    assert place(Opening("payments", "db", clock("10:00:59")), [effect]).case is None


def test_two_that_were_one_all_along() -> None:
    cause, effect = (
        case("db", members=[("ledger", "db", "10:00")]),
        case("payments", members=[("checkout", "payments", "10:00")]),
    )
    found = place(Opening("payments", "db", clock("10:00:20")), [effect, cause])
    assert (found.case, found.swallows) == (cause, effect)


def test_who_comes_next() -> None:
    at = clock("03:11:58")
    opened = {("a", "db"): (at, 2), ("b", "db"): (at, 1), ("front", "mail"): (at - timedelta(seconds=9), 1)}
    assert next_suspect(opened, ["db"]) == "mail"
    assert next_suspect(opened, ["db", "mail"]) == ""


class TestStories:
    """With the database."""

    pytestmark = storage

    def test_thirty_openings_are_one_page_and_one_update_and_another_is_its_own(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "s0/b0")
        opens(scenario, "10:00:05", *[f"s{n % 7}/b{n}" for n in range(1, 30)])
        opens(scenario, "10:00:06", "billing/mail", dependency="smtp")
        assert told() == ["10:00:00 opened s0/b0", "10:00:06 opened billing/mail"]
        scenario.tried().at("10:00:34").sweeps()
        assert len(told()) == 2
        scenario.at("10:00:35").sweeps()
        assert told()[2:] == ["10:00:35 update s0/b0"]
        body = bytes(Notification.objects.latest("pk").body).decode()
        assert "payments-db: 30 breakers in 7 services, 30 still open (suspected cause, confidence high)" in body
        assert '"members_count":30' in body
        assert [len(some) for some in members()] == [30, 1]
        first = Incident.objects.earliest("pk")
        dropped = Notification.objects.filter(state="dropped")
        assert {row.reason for row in dropped} == {f"not sent: part of incident {first.pk}"}
        assert dropped.count() == 29
        assert set(Breaker.objects.values_list("incident", flat=True)) == {str(first.pk), str(first.pk + 1)}

    def test_then_one_update_in_five_minutes_at_most(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "a/a1")
        opens(scenario, "10:00:10", "a/a2")
        scenario.tried().at("10:00:40").sweeps()
        for minute in range(1, 6):
            opens(scenario, f"10:0{minute}:50", f"b/b{minute}")
            scenario.sweeps()
        scenario.at("10:05:40").sweeps()
        scenario.at("10:05:59").sweeps()
        assert told() == ["10:00:00 opened a/a1", "10:00:40 update a/a1", "10:05:50 update a/a1"]
        bodies = [bytes(row.body).decode() for row in Notification.objects.filter(kind="update").order_by("pk")]
        assert ["7 breakers" in body for body in bodies] == [False, True]

    def test_every_member_resolves_by_itself_and_the_last_ends_it(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "a/a1", "b/b1")
        scenario.tried().at("10:01").then("closed", "a/a1")
        scenario.at("10:02").sweeps()
        incident = Incident.objects.get()
        assert incident.resolved_at is None
        assert told() == ["10:00:00 opened a/a1", "10:02:00 resolved a/a1", "10:02:00 update b/b1"]
        assert Breaker.objects.get(name="a1").incident is None
        scenario.tried().at("10:08").then("closed", "b/b1")
        scenario.at("10:09").sweeps()
        incident.refresh_from_db()
        assert incident.resolved_at == clock("10:09")
        assert told()[3:] == ["10:09:00 resolved b/b1"]
        opens(scenario, "10:10", "a/a1")
        assert members() == [["a1", "b1"], ["a1"]]

    def test_the_end_tells_of_all_and_what_closed_meanwhile_needs_no_update(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "a/a1")
        opens(scenario, "10:00:05", "a/a2", "b/b1")
        scenario.tried().at("10:00:20")
        for path in ("a/a1", "a/a2", "b/b1"):
            scenario.then("closed", path)
        scenario.at("10:00:40").sweeps()
        assert told() == ["10:00:00 opened a/a1"]
        scenario.at("10:01:20").sweeps()
        assert told()[1:] == ["10:01:20 resolved a/a1"]
        body = bytes(Notification.objects.get(kind="resolved").body).decode()
        assert "payments-db: all 3 breakers in 2 services closed again after 20 s" in body

    def test_one_that_opens_again_inside_the_hold_is_told_with_the_update(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "a/a1")
        opens(scenario, "10:00:05", "a/a2")
        scenario.tried().at("10:00:20").then("closed", "a/a1")
        scenario.then("closed", "a/a2")
        scenario.at("10:00:40").sweeps()
        scenario.at("10:00:50").then("open", "a/a2")
        scenario.at("10:01:10").sweeps()
        assert told() == ["10:00:00 opened a/a1", "10:01:10 update a/a1"]
        assert "2 breakers in 1 service, 1 still open" in bytes(Notification.objects.latest("pk").body).decode()

    def test_what_tries_again_is_not_called_open(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "a/a1")
        opens(scenario, "10:00:05", "a/a2", "b/b1")
        first = str(Incident.objects.get().pk)
        assert incident_queries.incident(first, scenario.now).open_count == 3
        scenario.tried().at("10:00:20").then("half_open", "a/a1")
        scenario.then("closed", "a/a2")
        assert incident_queries.incident(first, scenario.now).open_count == 1
        scenario.at("10:00:35").sweeps()
        assert "3 breakers in 2 services, 1 still open" in bytes(Notification.objects.latest("pk").body).decode()

    def test_an_alert_says_how_many_instances_are_open_now(self, scenario: Scenario) -> None:
        scenario.breaker("dispatch/parcels", instances={"open": 1, "closed": 1})
        scenario.at("10:00").then("open", "dispatch/parcels")
        ident = str(scenario.alert().pk)
        assert queries.alert(ident).summary == "parcels opened in dispatch (1 of 2 instances)"
        version = queries.alert(ident).version
        Breaker.objects.update(instances={"open": 2})
        scenario.tried().sweeps()
        # Written, so that who follows live is told it too.
        assert queries.alert(ident).summary == "parcels opened in dispatch (2 of 2 instances)"
        assert queries.alert(ident).version > version
        assert [each.summary for each in queries.alerts_page(["firing"]).items] == [queries.alert(ident).summary]
        Breaker.objects.update(state="half_open", instances={"half_open": 2})
        scenario.sweeps()
        assert queries.alert(ident).summary == "parcels opened in dispatch (2 of 2 instances)", "as it was last"

    def test_a_post_mortem_tells_what_the_outages_tell(self, scenario: Scenario) -> None:
        """Not the end of the hold: and what opened again inside it is a trip more."""
        opens(scenario, "10:00", "a/a1", "b/b1")
        scenario.tried().at("10:00:40").then("closed", "b/b1")
        scenario.tried().at("10:01").then("closed", "a/a1")
        scenario.at("10:01:30").then("open", "a/a1")
        scenario.at("10:02").then("closed", "a/a1")
        # Another time, of the same breaker.
        Outage.objects.create(
            breaker=Breaker.objects.get(name="b1"), started_at=clock("10:10"), ended_at=clock("10:20")
        )
        scenario.at("10:03").sweeps()
        told = recounting.postmortem(str(Incident.objects.get().pk), clock("11:00"))
        assert (told.incident.closed_at, told.incident.resolved_at) == (
            "2026-11-23T10:02:00Z",
            "2026-11-23T10:03:00Z",
        )
        assert (told.lasted_s, told.open_minutes, told.trips) == (120, {"a": 1.5, "b": 0.7}, {"a": 2, "b": 1})
        assert [(line.at[11:19], line.what) for line in told.timeline if "closed" in line.what and not line.who] == [
            ("10:00:40", "b1 in b closed"),
            ("10:01:00", "a1 in a closed"),
            ("10:02:00", "a1 in a closed"),
        ]

    def test_what_an_opening_spoke_for_speaks_when_that_is_over(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "a/a1")
        breaker = Breaker.objects.get()
        Alert.objects.create(
            rule=Rule.objects.get(name="failure rate"), severity="warning", status="firing", breaker=breaker,
            subject_id=str(breaker.pk), service="a", breaker_name="a1", dependency="payments-db", summary="a1 fails",
            started_at=scenario.now, detected_at=scenario.now,
        )  # fmt: skip
        scenario.tried().at("10:01").then("closed", "a/a1")
        assert told() == ["10:00:00 opened a/a1"]
        scenario.at("10:02").sweeps()
        assert told()[1:] == ["10:02:00 resolved a/a1", "10:02:00 opened a/a1"]
        scenario.tried().at("10:03").then("open", "a/a1")
        scenario.tried().at("10:04").then("closed", "a/a1")
        scenario.at("10:05").sweeps()
        assert told()[3:] == ["10:03:00 opened a/a1", "10:05:00 resolved a/a1"], "what was told is not told again"

    def test_a_cascade_is_one_incident_with_its_end_as_the_cause(self, scenario: Scenario) -> None:
        opens(scenario, "10:00", "checkout/pay", dependency="payments")
        opens(scenario, "10:00:20", "ledger/book", dependency="payments-db")
        assert len(members()) == 2
        opens(scenario, "10:00:30", "payments/store", dependency="payments-db")
        assert members() == [["pay", "book", "store"]]
        view = incident_queries.incident(str(Incident.objects.get(merged_into=None).pk), scenario.now)
        assert view.suspect.dependency == "payments-db"
        assert [each.opened_at[11:19] for each in view.members] == ["10:00:00", "10:00:20", "10:00:30"]
        assert {row.incident for row in Breaker.objects.all()} == {view.id}

    def test_a_silenced_first_one_lets_the_next_one_speak(self, scenario: Scenario, grace: Actor) -> None:
        silencing.silence(
            grace, {"service": "a"}, starts_at=None, ends_at=clock("14:00"), comment="x", at=clock("09:00")
        )
        opens(scenario, "10:00", "a/a1")
        opens(scenario, "10:00:05", "b/b1", "c/c1")
        assert told() == ["10:00:05 opened b/b1"]
        assert [row.reason for row in Notification.objects.order_by("pk") if row.state == "dropped"] == [
            "not sent: silenced until 14:00 by grace",
            f"not sent: part of incident {Incident.objects.get().pk}",
        ]

    def test_acknowledged_with_all_that_joins_until_it_doubles(self, scenario: Scenario, grace: Actor) -> None:
        opens(scenario, "10:00", "a/a1", "a/a2")
        incident = Incident.objects.get()
        responding.acknowledge(grace, str(incident.pk), "on it", clock("10:00:10"))
        assert [row.status for row in Alert.objects.all()] == ["acknowledged"] * 2
        opens(scenario, "10:00:20", "a/a3")
        assert Alert.objects.get(breaker_name="a3").acknowledged_by == "grace"
        scenario.tried().at("10:01").sweeps()
        assert told() == ["10:00:00 opened a/a1"]
        assert Notification.objects.latest("pk").reason == "not sent: grace has it in hand"
        opens(scenario, "10:01:10", "b/b1")
        incident.refresh_from_db()
        assert incident.acknowledged_by is None
        assert Alert.objects.get(breaker_name="b1").status == "firing"
        scenario.at("10:06").sweeps()
        assert told()[1:] == ["10:06:00 update a/a1"]
        assert Audit.objects.latest("pk").verb == "incident.acknowledge"

    def test_split_and_merged_by_hand(self, scenario: Scenario, grace: Actor) -> None:
        opens(scenario, "10:00", "a/a1", "b/b1", "c/c1")
        scenario.tried().at("10:00:30").sweeps()
        scenario.tried()
        first = Incident.objects.get()
        alone = Alert.objects.get(breaker_name="c1")
        new = responding.split(grace, str(first.pk), [str(alone.pk)], clock("10:01"))
        assert members() == [["a1", "b1"], ["c1"]]
        assert told() == ["10:00:00 opened a/a1", "10:00:30 update a/a1", "10:01:00 opened c/c1"]
        assert Breaker.objects.get(name="c1").incident == str(new.pk)
        scenario.at("10:01:10").then("closed", "c/c1")
        scenario.at("10:01:20").then("open", "c/c1")
        assert members() == [["a1", "b1"], ["c1"]], "it stays where a person put it"
        merged = responding.merge(grace, str(first.pk), [str(new.pk)], clock("10:02"))
        assert (merged.pk, members()) == (first.pk, [["a1", "b1", "c1"]])
        new.refresh_from_db()
        assert (new.merged_into_id, new.resolved_at) == (first.pk, clock("10:02"))
        for refused in (
            lambda: responding.split(grace, str(first.pk), [], clock("10:03")),
            lambda: responding.split(grace, str(first.pk), list(map(str, Alert.objects.values_list("pk", flat=True))), clock("10:03")),
            lambda: responding.merge(grace, str(first.pk), [str(first.pk)], clock("10:03")),
            lambda: responding.acknowledge(grace, str(new.pk), "", clock("10:03")),
        ):  # fmt: skip
            with pytest.raises(Conflict):
                refused()
        with pytest.raises(NotFound):
            responding.split(grace, str(first.pk), ["999999"], clock("10:03"))

    def test_not_this(self, scenario: Scenario, grace: Actor) -> None:
        opens(scenario, "10:00", "checkout/pay", dependency="payments")
        opens(scenario, "10:00:10", "payments/store", dependency="payments-db")
        incident = Incident.objects.get()
        assert incident.cause == "payments-db"
        changed = responding.not_this(grace, str(incident.pk), clock("10:01"))
        assert (changed.cause, changed.refuted) == ("payments", ["payments-db"])
        opens(scenario, "10:01:10", "ledger/book", dependency="payments-db")
        assert members() == [["pay", "store"], ["book"]]
        assert responding.not_this(grace, str(incident.pk), clock("10:02")).cause == ""
        with pytest.raises(Conflict, match="nobody is suspected"):
            responding.not_this(grace, str(incident.pk), clock("10:03"))
        assert incident_queries.history(str(incident.pk))[-1][2] == "it is not payments; suspected now: nobody"

    def test_eve_may_do_nothing(self, scenario: Scenario, eve: Actor) -> None:
        opens(scenario, "10:00", "a/a1", "b/b1")
        ident, before = str(Incident.objects.get().pk), Audit.objects.count()
        for refused in (
            lambda: responding.acknowledge(eve, ident, "", scenario.now),
            lambda: responding.split(eve, ident, [], scenario.now),
            lambda: responding.merge(eve, ident, [], scenario.now),
            lambda: responding.not_this(eve, ident, scenario.now),
        ):
            with pytest.raises(NotAllowed, match="needs the role operator; eve is viewer"):
                refused()
        assert Audit.objects.count() == before

    def test_it_got_worse_part_became_all(self, scenario: Scenario, grace: Actor) -> None:
        opens(scenario, "10:00", "a/a1")
        handling.acknowledge(grace, str(scenario.alert().pk), "one host", clock("10:01"))
        scenario.tried().at("10:02").sweeps()
        assert told() == ["10:00:00 opened a/a1"]
        Breaker.objects.update(instances={"open": 10})
        scenario.at("10:03").sweeps()
        assert scenario.alert().acknowledged_by is None
        assert told()[1:] == ["10:03:00 update a/a1"]

    def test_an_acknowledgement_ends_after_four_hours(self, scenario: Scenario, grace: Actor) -> None:
        opens(scenario, "10:00", "a/a1")
        handling.acknowledge(grace, str(scenario.alert().pk), "mine", clock("10:01"))
        scenario.tried().at("14:00:59").sweeps()
        assert scenario.alert().status == "acknowledged"
        scenario.at("14:01").sweeps()
        assert (scenario.alert().status, told()[1:]) == ("firing", ["14:01:00 repeat a/a1"])

    def test_a_storm_of_twenty_causes_and_one_apart(self, scenario: Scenario, settings: Settings) -> None:
        settings.ALERT_URLS = ("https://a.example.org/", "https://b.example.org/")
        scenario.at("10:00")
        for number in range(400):
            path = f"s{number % 30}/b{number}"
            scenario.breaker(path, dependency=f"d{number % 20}")
            scenario.goes("open", path)
        opens(scenario, "10:00:05", "billing/mail", dependency="smtp")
        for second in ("10:00:10", "10:00:36", "10:02", "10:04", "10:06"):
            scenario.tried().at(second).sweeps()
        assert (Incident.objects.count(), Alert.objects.count()) == (21, 401)
        sent = Notification.objects.exclude(state="dropped").values_list("alert__incident", "destination", "kind")
        counted = Counter(sent)
        assert {count for (_, _, kind), count in counted.items() if kind == "opened"} == {1}
        assert max(count for (_, _, kind), count in counted.items() if kind == "update") <= 2
        assert len([key for key in counted if key[2] == "opened"]) == 21 * 2
        assert Notification.objects.filter(state="dropped").count() == (401 - 21) * 2

"""Rows that are kept from one commit to the next are never older than the store."""

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from breakers import administering, bulk, caching, silencing
from breakers.models import Breaker, Event, Instance, Transition
from breakers.workingset import WorkingSet
from tests.breakers.conftest import Scenario
from tests.breakers.test_recording import EXAMPLES, HAPPENINGS

pytestmark = pytest.mark.storage


@pytest.fixture
def scenario(transactional_db: None) -> Iterator[Scenario]:
    """A board whose commits are real ones."""
    caching._kept.clear()
    yield Scenario()
    caching._kept.clear()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that are read, in order."""
    tables: list[str] = []
    select = bulk.select

    def noted(sql: str, *more: object) -> list[object]:
        tables.append(sql.partition(" FROM ")[2].partition(" ")[0])
        return select(sql, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(bulk, "select", noted)
    return tables


@contextlib.contextmanager
def another_process() -> Iterator[None]:
    """What happens in here happens in a process that keeps rows of its own; this one's stay as they are."""
    kept = list(caching._kept)
    caching._kept.clear()
    yield
    caching._kept[:] = kept


def fails(scenario: Scenario, **more: object) -> None:
    scenario.posts({"type": "failure", "breaker": "payments", "instance": "a", **more})


def test_the_next_batch_reads_no_rows_again(scenario: Scenario, read: list[str]) -> None:
    scenario.moves("closed")
    del read[:]
    fails(scenario)
    assert [table for table in read if table in ("breakers_breaker", "breakers_instance")] == []
    with another_process():
        fails(scenario)
    assert {"breakers_breaker", "breakers_instance"} <= set(read)


def test_a_change_by_another_process_is_seen(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.moves("closed")
    with another_process():
        scenario.at("08:01")
        scenario.moves("open")
        fails(scenario, error={"type": "Elsewhere"})
    scenario.at("08:02")
    fails(scenario)
    scenario.moves("half_open", from_state="open")
    row = scenario.breaker()
    assert (row.state, row.failures_1m, row.last_error_type) == ("half_open", 2, "Elsewhere")
    assert scenario.headline()[-1] == "08:02:00 open → half_open"
    assert Transition.objects.filter(gap=True).count() == 0


def test_a_new_rule_is_seen(scenario: Scenario) -> None:
    scenario.moves("closed", instance="a")
    scenario.moves("closed", instance="b")
    administering.set_headline(scenario.ada, str(scenario.breaker().pk), "all", at=scenario.now)
    scenario.moves("open", instance="a")
    assert scenario.breaker().state == "closed"
    scenario.moves("open", instance="b")
    assert scenario.breaker().state == "open"


def test_a_removed_instance_is_seen(scenario: Scenario) -> None:
    scenario.moves("closed", instance="a")
    scenario.moves("open", instance="b")
    administering.remove_instance(scenario.ada, str(scenario.breaker().pk), "b", at=scenario.now)
    scenario.at("08:01")
    fails(scenario)
    assert (scenario.breaker().state, scenario.breaker().instances) == ("closed", {"closed": 1})


def test_silence_is_seen(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.beats("closed", interval_s=10)
    scenario.at("08:01")
    silencing.sweep(scenario.now)
    assert scenario.breaker().state == "stale"
    scenario.at("08:02")
    fails(scenario)
    assert (scenario.breaker().state, Instance.objects.get().state) == ("closed", "closed")


def test_a_minute_counted_anew_is_seen(scenario: Scenario) -> None:
    scenario.at("08:00")
    fails(scenario, count=5)
    scenario.at("08:02")
    silencing.tally(scenario.now)
    fails(scenario)
    assert scenario.breaker().failures_1m == 1


def test_a_batch_that_comes_to_nothing_leaves_nothing(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario.moves("closed")
    save = WorkingSet.save

    def breaks(working: WorkingSet, *more: object) -> None:
        save(working, *more)  # type: ignore[arg-type]
        raise RuntimeError("the process has no memory left")

    with monkeypatch.context() as broken:
        broken.setattr(WorkingSet, "save", breaks)
        with pytest.raises(RuntimeError):
            scenario.moves("open")
        with pytest.raises(RuntimeError):
            scenario.posts({"type": "failure", "breaker": "never", "count": 7})
    assert caching._kept == []
    fails(scenario)
    scenario.posts({"type": "failure", "breaker": "other"})
    assert [(row.name, row.state, row.failures_1m) for row in Breaker.objects.order_by("id")] == [
        ("payments", "closed", 1),
        ("other", "unknown", 1),
    ]
    assert scenario.headline() == ["08:00:00 unknown → closed"]


def test_a_repeat_among_new_ones_takes_nothing_with_it(scenario: Scenario) -> None:
    fails(scenario, id="one")
    answer = scenario.posts(
        {"type": "failure", "breaker": "payments", "instance": "a", "id": "one"},
        {"type": "failure", "breaker": "payments", "instance": "new", "id": "two"},
        {"type": "failure", "breaker": "payments", "instance": "a"},
    )
    assert (answer.accepted, answer.duplicates) == (2, 1)
    assert (scenario.breaker().failures_1m, Event.objects.count()) == (3, 3)
    again = scenario.posts({"type": "failure", "breaker": "payments", "instance": "new", "id": "two"})
    assert (again.accepted, again.duplicates, scenario.breaker().failures_1m) == (0, 1, 3)


def test_names_with_quotes_and_backslashes_are_stored_as_they_are(scenario: Scenario) -> None:
    name = 'a"b\\c{d},NULL'
    scenario.posts(
        {"type": "failure", "breaker": name, "instance": "NULL", "error": {"type": name, "message": "\n\t'"}}
    )
    event = Event.objects.get()
    assert (event.error_type, event.error_message) == (name, "\n\t'")
    scenario.posts({"type": "failure", "breaker": name, "instance": "NULL"})
    assert (Breaker.objects.get().name, Breaker.objects.get().last_error_type) == (name, name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=HAPPENINGS)
def test_whoever_keeps_rows_writes_the_same(scenario: Scenario, happenings: list) -> None:
    scenario.at("08:30")
    example = next(EXAMPLES)
    keeps, forgets = (f"kept {example}", f"forgotten {example}")
    for name in (keeps, forgets):
        for number, (second, instance, (kind, state)) in enumerate(happenings):
            told = {"state_change": {"to_state": state}, "heartbeat": {"state": state}}.get(kind, {})
            at = f"2026-11-23T08:{second // 60:02}:{second % 60:02}Z"
            if name == forgets:
                caching._kept.clear()
            scenario.posts(
                {"type": kind, "breaker": name, "instance": instance, "occurred_at": at, "sequence": number, **told}
            )

    def shown(name: str) -> list[object]:
        breaker = scenario.breaker(name)
        card = Breaker.objects.filter(pk=breaker.pk)
        steps = breaker.transitions.order_by("id")
        rows = [*card.values(), *breaker.copies.order_by("name").values(), *breaker.outages.order_by("id").values()]
        # What the two are called, and when they were written.
        differ = {"id", "breaker_id", "version", "dependency"}
        return [
            *({key: value for key, value in row.items() if key not in differ and value != name} for row in rows),
            *steps.values_list("instance_name", "from_state", "to_state", "at", "gap", "late"),
        ]

    assert shown(keeps) == shown(forgets)

"""Who is suspected, how much that is worth, and why: by single scenes, and by seeded stories whose cause is known."""

import itertools
from datetime import timedelta

import pytest

from alerts import evaluating, incident_queries
from alerts.domain.suspects import Edge, Scene, Suspect, suspect
from alerts.models import Incident
from benchmarks.causes import AFTERWARDS, BEGIN, KINDS, Answer, Board, Story, answers, tell
from breakers.models import Annotation, Breaker
from tests.alerts.conftest import Scenario, clock

LATER = clock("03:20")


def scene(*opened: Edge, beside: tuple[Edge, ...] = (), calm: tuple[Edge, ...] = (), **more: object) -> Scene:
    """Members that opened a second apart, in this order."""
    at = clock("03:11:58")
    return Scene(
        now=more.pop("now", LATER),  # type: ignore[arg-type]
        opened={edge: (at + timedelta(seconds=place), 1) for place, edge in enumerate(opened)},
        beside=dict.fromkeys(beside, at),
        calm=frozenset(calm),
        **more,  # type: ignore[arg-type]
    )


def said(found: Suspect) -> tuple[str, str]:
    return found.dependency, found.confidence


def test_one_that_all_who_call_it_cannot_reach() -> None:
    found = suspect("db", scene(("a", "db"), ("b", "db"), ("c", "db"), calm=(("a", "mail"), ("b", "s3"))))
    assert (said(found), found.reasons) == (
        ("db", "high"),
        (
            "3 of 3 services with calls to db opened",
            "its breakers opened first, at 03:11:58 UTC",
            "the 2 other dependencies of these services are well",
        ),
    )
    two = suspect("db", scene(("a", "db"), ("b", "db"), calm=(("a", "mail"),)))
    assert said(two) == ("db", "medium")
    alone = suspect("db", scene(("a", "db"), calm=(("a", "mail"),)))
    assert said(alone) == ("db", "low")


def test_those_that_reach_it_speak_against_it() -> None:
    callers = [(name, "db") for name in "abc"]
    found = suspect("db", scene(*callers, calm=(("d", "db"), ("e", "db"))))
    assert (said(found), found.reasons[0], found.reasons[-1]) == (
        ("db", "medium"),
        "3 of 5 services with calls to db opened",
        "d, e call db and are well",
    )


def test_two_at_once_in_the_same_services_are_sure_of_neither() -> None:
    services = "abc"
    for cause, other in (("db", "redis"), ("redis", "db")):
        members = [(name, cause) for name in services]
        found = suspect(cause, scene(*members, beside=tuple((name, other) for name in services)))
        assert said(found) == (cause, "medium")
        assert f"{other} opened too, in 3 of the same 3 services" in found.reasons
        assert not any("no other" in reason or "are well" in reason for reason in found.reasons)


def test_services_that_reach_nothing_may_have_no_network() -> None:
    members = [(name, "db") for name in "abc"]
    others = tuple((name, "redis") for name in "abc")
    found = suspect("db", scene(*members, beside=others, calm=(("d", "db"), ("d", "redis"))))
    assert said(found) == ("db", "low")
    assert "nothing that these services call is well: the fault may be in their own network" in found.reasons


CASCADE = (("web", "pay"), ("app", "pay"), ("pay", "coredb"), ("ops", "pay"))


def test_a_cascade_leads_through_the_map_to_its_end() -> None:
    found = suspect("coredb", scene(*CASCADE, calm=(("pay", "s3"), ("web", "mail"))))
    assert (said(found), found.reasons) == (
        ("coredb", "high"),
        (
            "the only service with calls to coredb opened",
            "3 more services reach it through pay",
            "the 2 other dependencies of these services are well",
        ),
    )


@pytest.mark.parametrize(
    "more",
    [
        {"calm": (("ledger", "coredb"),)},
        {"beside": (("pay", "s3"),)},
        {"changed": [("pay", clock("03:11:30"))]},
    ],
    ids=["others reach the end", "it reaches nothing else", "it was changed just before"],
)
def test_the_service_in_the_middle_is_suspected_where_more_speaks_against_it(more: dict[str, object]) -> None:
    found = suspect("coredb", scene(*CASCADE, **more))
    assert found.dependency == "pay"
    assert found.confidence != "high"
    assert suspect("coredb", scene(*CASCADE, **more), moves=False).dependency == "coredb"
    assert suspect("coredb", scene(*CASCADE, **more), ["pay"]).dependency == "coredb"


def test_a_service_with_calls_of_its_own_is_sure_when_those_had_time_to_open() -> None:
    members = [(name, "pay") for name in "abc"]
    calm = (("pay", "coredb"), ("a", "mail"))
    early = suspect("pay", scene(*members, calm=calm, now=clock("03:12:30")))
    later = suspect("pay", scene(*members, calm=calm, now=clock("03:13")))
    assert (said(early), said(later)) == (("pay", "medium"), ("pay", "high"))
    assert "what pay itself calls is well: coredb" in later.reasons
    deeper = suspect("pay", scene(*members, beside=(("pay", "coredb"),)))
    assert said(deeper) == ("pay", "medium")
    assert "pay itself calls coredb, where it opened too" in deeper.reasons


def test_nobody_is_suspected_when_a_person_cleared_all() -> None:
    assert suspect("", scene(("a", "db")), ["db"]) == Suspect("", "low", ("a person said that it is none of these",))
    assert suspect("db", scene(("a", "db")), ["s3"]).reasons[-1] == "a person said that it is not s3"


STORIES = 150


@pytest.fixture(scope="module")
def told() -> list[Answer]:
    return [each for seed in range(STORIES) for each in answers(tell(seed))]


@pytest.mark.parametrize("moment", ["first update", "end"])
def test_of_what_is_called_high_nineteen_of_twenty_are_right(told: list[Answer], moment: str) -> None:
    high = [each for each in told if (each.moment, each.said.confidence) == (moment, "high")]
    wrong = [(each.kind, each.said, each.behind) for each in high if not each.right]
    assert len(high) > 30
    assert len(wrong) <= len(high) * 0.05, wrong


def test_medium_is_right_more_often_than_not_and_low_promises_nothing(told: list[Answer]) -> None:
    right = {
        confidence: [each.right for each in told if each.said.confidence == confidence]
        for confidence in ("high", "medium", "low")
    }
    shares = {confidence: sum(some) / len(some) for confidence, some in right.items()}
    assert shares["high"] > shares["medium"] > 0.5 > shares["low"]
    assert {each.kind for each in told} == set(KINDS)


def test_most_cascades_are_found_and_called_high(told: list[Answer]) -> None:
    ends = [each for each in told if (each.kind, each.moment) == ("cascade", "end") and each.behind]
    assert sum(each.right and each.said.confidence == "high" for each in ends) > 0.7 * len(ends)


class TestOnTheBoard:
    """With the database."""

    pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]

    @pytest.mark.parametrize("kind", [each for each in KINDS if each != "noise"])
    def test_the_board_says_what_the_stories_say(self, scenario: Scenario, kind: str) -> None:
        story = next(story for story in map(tell, itertools.count()) if story.kind == kind)
        happenings = [each for each in story.happenings if each.lasts_s is None]
        story.happenings[:] = sorted(happenings, key=lambda each: each.after_s)
        expected = Board(story)
        scenario.now = BEGIN - timedelta(hours=1)
        lay_out(scenario, story)
        for each in story.happenings:
            expected.opens(each)
            # To the microsecond, as the board keeps it.
            scenario.now = BEGIN + timedelta(seconds=each.after_s)
            scenario.goes("open", "/".join(each.edge))
            evaluating.evaluate(scenario.now)
        now = scenario.now + AFTERWARDS
        found = {
            frozenset((each.service, each.dependency) for each in view.members): (
                view.suspect.dependency,
                view.suspect.confidence,
                view.suspect.reasons,
            )
            for view in incident_queries.incidents_page(now=now, limit=200).items
        }
        assert found
        assert found == {
            frozenset(case.opened): (
                case.cause,
                expected.ask(case, now).confidence,
                list(expected.ask(case, now).reasons),
            )
            for case in expected.cases
        }

    def test_the_reasons_are_those_of_the_moment_at_which_they_are_read(self, scenario: Scenario) -> None:
        scenario.at("10:00")
        for service in "abc":
            scenario.breaker(f"{service}/redis", dependency="redis", calls_1m=60)
        for service in "abc":
            scenario.breaker(f"{service}/db", dependency="db", calls_1m=60)
            scenario.goes("open", f"{service}/db")
        evaluating.evaluate(scenario.now)
        first = str(Incident.objects.get().pk)
        before = incident_queries.incident(first, scenario.now)
        assert (before.suspect.confidence, before.suspect.reasons[-1]) == (
            "high",
            "the other dependency of these services is well",
        )
        scenario.at("10:00:20")
        for service in "abc":
            scenario.goes("open", f"{service}/redis")
        evaluating.evaluate(scenario.now)
        after = incident_queries.incident(first, scenario.now)
        assert (after.suspect.confidence, after.suspect.reasons[-1]) == (
            "medium",
            "redis opened too, in 3 of the same 3 services",
        )
        kept = Incident.objects.get(pk=first)
        assert (kept.confidence, kept.reasons) == ("medium", after.suspect.reasons), "what is sent says the same"

    def test_a_deploy_is_held_against_the_service_in_the_middle(self, scenario: Scenario) -> None:
        scenario.at("10:00")
        Annotation.objects.create(
            kind="deploy", title="v7", at=clock("09:59:20"), service="pay", created_by="ci", created_at=scenario.now
        )
        for path, dependency in (("web/pay", "pay"), ("app/pay", "pay"), ("pay/coredb", "coredb")):
            scenario.breaker(path, dependency=dependency)
            scenario.goes("open", path)
        evaluating.evaluate(scenario.now)
        view = incident_queries.incident(str(Incident.objects.get().pk), scenario.now)
        assert (view.suspect.dependency, len(view.members)) == ("pay", 3)
        assert "pay was changed at 09:59:20 UTC, 40 s before" in view.suspect.reasons


def lay_out(scenario: Scenario, story: Story) -> None:
    """The map of a story, each breaker with calls or without."""
    for edge in story.edges:
        service, dependency = edge
        calls = 0 if edge in story.idle else 60
        scenario.breaker(f"{service}/{dependency}", dependency=dependency, calls_1m=calls)
    for name, at in story.changed:
        Annotation.objects.create(
            kind="deploy", title="deploy", at=at, service=name, created_by="ci", created_at=scenario.now
        )
    assert Breaker.objects.count() == len(story.edges)

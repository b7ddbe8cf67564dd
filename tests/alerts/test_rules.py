"""What each kind of rule finds in facts, at a moment. Pure: no database, no clock."""

from datetime import datetime

import pytest

from alerts.domain.matching import Matchers, Subject
from alerts.domain.rules import KINDS, Facts, Finding, Rule, applying, evaluate, sentence
from alerts.domain.rules.shapes import Minute
from tests.alerts.conftest import clock

SUBJECT = Subject("orders", "tracking-api", "tracking", (("team", "logistics"),))


def rule(kind: str, id: int = 1, **fields: object) -> Rule:
    """A rule as it comes."""
    about = KINDS[kind]
    parameters = {**about.defaults, **{name: fields.pop(name) for name in about.defaults if name in fields}}  # type: ignore[dict-item]
    return Rule(id, kind, kind, about.severity, about.for_s, about.keep_s, parameters=parameters, **fields)  # type: ignore[arg-type]


def found(kind: str, facts: Facts, at: str, *, firing: bool = False, **fields: object) -> Finding:
    """What a rule of this kind finds."""
    [(_, finding)] = evaluate(facts, [rule(kind, **fields)], clock(at), [1] if firing else [])
    return finding


def outage(begun: str, ended: str | None = None, failed: int = 0) -> tuple[datetime, datetime | None, int]:
    return clock(begun), clock(ended) if ended else None, failed


def test_the_same_facts_twice_are_the_same_findings() -> None:
    facts = Facts(SUBJECT, state="open", outages=(outage("10:00", failed=5),))
    assert found("stuck open, probes fail", facts, "10:20") == found("stuck open, probes fail", facts, "10:20")


def test_partly_open_is_not_open() -> None:
    facts = Facts(SUBJECT, state="closed", instances={"open": 1, "closed": 9})
    assert found("partly open", facts, "10:00").met is True
    assert found("partly open", facts, "10:00").summary == "tracking is open at 1 of 10 instances in orders"
    assert found("partly open", Facts(SUBJECT, state="open", instances={"open": 10}), "10:00").met is False
    assert found("partly open", Facts(SUBJECT, state="closed", instances={"closed": 10}), "10:00").met is False


@pytest.mark.parametrize(
    ("at", "failed", "reset_s", "met"),
    [
        ("10:09:59", 9, 0, False),
        ("10:10", 3, 0, True),
        ("10:10", 2, 0, False),
        ("10:10", 3, 90, False),
        ("10:15", 3, 90, True),
    ],
)
def test_stuck_because_probe_after_probe_fails(at: str, failed: int, reset_s: float, met: bool) -> None:
    facts = Facts(SUBJECT, state="open", reset_timeout_s=reset_s, outages=(outage("10:00", failed=failed),))
    assert found("stuck open, probes fail", facts, at).met is met


def test_stuck_looks_again_when_it_may_be() -> None:
    facts = Facts(SUBJECT, outages=(outage("10:00"),))
    assert found("stuck open, probes fail", facts, "10:01").look_at == clock("10:10")
    assert found("stuck open, no traffic", facts, "10:01").look_at == clock("10:15")
    over = Facts(SUBJECT, outages=(outage("10:00", "10:01", 9),))
    assert found("stuck open, probes fail", over, "11:00") == Finding(False)


@pytest.mark.parametrize(
    ("called", "probed", "met"),
    [
        (None, None, True),
        ("10:14", None, False),
        ("10:10", None, True),
        (None, "10:03", False),
        ("09:59", "09:58", True),
    ],
)
def test_stuck_because_nobody_calls(called: str | None, probed: str | None, met: bool) -> None:
    facts = Facts(
        SUBJECT,
        outages=(outage("10:00"),),
        called_at=clock(called) if called else None,
        probed_at=clock(probed) if probed else None,
    )
    finding = found("stuck open, no traffic", facts, "10:15")
    assert (finding.met, finding.evidence["offers"]) == (met, "probe")


def test_flapping_begins_at_four_and_ends_when_it_is_calm() -> None:
    starts = ("10:00", "10:02", "10:04", "10:06")
    facts = Facts(SUBJECT, outages=tuple(outage(at, f"{at}:30") for at in starts))
    assert found("flapping", facts, "10:06").summary == "tracking in orders flaps: it opened 4 times in 10 min"
    three = Facts(SUBJECT, outages=facts.outages[:3])
    assert found("flapping", three, "10:05").met is False
    assert found("flapping", facts, "10:14", firing=True).met is None, "it keeps its mind"
    assert found("flapping", facts, "10:22", firing=True).met is False
    still_open = Facts(SUBJECT, outages=(*facts.outages[:3], outage("10:06")))
    assert found("flapping", still_open, "10:22", firing=True).met is None


def test_reset_timers_are_no_flapping() -> None:
    facts = Facts(SUBJECT, outages=(outage("10:00", failed=50),))
    assert found("flapping", facts, "10:09").met is False
    slow = Facts(
        SUBJECT, reset_timeout_s=600, outages=tuple(outage(f"{h}:00", f"{h}:05") for h in ("09", "10", "11", "12"))
    )
    assert found("flapping", slow, "12:00").met is False, "the fourth in a hundred minutes"
    assert found("flapping", slow, "12:00", times=2).met is True


MINUTE = Minute(success=10, failure=8, timeout=2, rejected=20, slow=12, retry=30, fallback=25)


@pytest.mark.parametrize(
    ("kind", "value", "parameter"),
    [
        ("failure rate", 50.0, "percent"),
        ("slow rate", 60.0, "percent"),
        ("rejected share", 50.0, "percent"),
        ("fallback share", 62.5, "percent"),
        ("retry storm", 1.5, "ratio"),
    ],
)
def test_shares_of_the_last_minute(kind: str, value: float, parameter: str) -> None:
    facts = Facts(SUBJECT, minute=MINUTE)
    assert found(kind, facts, "10:00").evidence["value"] == value
    assert found(kind, facts, "10:00", **{parameter: value * 0.99}).met is True
    assert found(kind, facts, "10:00", **{parameter: value * 1.01}).met is False
    assert found(kind, facts, "10:00", firing=True, **{parameter: value * 1.01}).met is True, "it ends lower"
    assert found(kind, facts, "10:00", firing=True, **{parameter: value * 1.3}).met is False
    assert found(kind, facts, "10:00", calls=41).met is False, "too few to tell by"


def test_too_few_calls_are_no_recovery() -> None:
    few = Facts(SUBJECT, minute=Minute(success=3))
    assert found("failure rate", few, "10:00", firing=True).met is None
    assert found("failure rate", Facts(SUBJECT), "10:00", firing=True).met is False


def test_silent_instances_are_one_alert_a_service() -> None:
    facts = Facts(Subject("orders"), expected=8, stale=("a", "b"), unknown=())
    finding = found("silent", facts, "10:00")
    assert (finding.met, finding.severity) == (True, "warning")
    assert finding.summary == "orders: 2 of 8 instances are silent (a, b)"
    worse = found("silent", Facts(Subject("orders"), expected=8, unknown=tuple("abcdefg")), "10:00")
    assert (worse.severity, worse.summary) == (
        "critical",
        "orders: 7 of 8 instances are silent (a, b, c, d, e and 2 more)",
    )
    assert found("silent", Facts(Subject("orders"), expected=8), "10:00").met is False


@pytest.mark.parametrize(
    ("state", "until", "at", "met", "severity"),
    [
        ("forced_open", "10:30", "10:30:59", False, "warning"),
        ("forced_open", "10:30", "10:31", True, "warning"),
        ("forced_closed", "10:30", "10:31", True, "critical"),
        ("disabled", None, "10:29", False, "warning"),
        ("disabled", None, "10:30", True, "warning"),
    ],
)
def test_forced_too_long(state: str, until: str | None, at: str, met: bool, severity: str) -> None:
    facts = Facts(
        SUBJECT,
        instances={state: 1, "closed": 3},
        forced_since=clock("10:00"),
        wanted_until=clock(until) if until else None,
    )
    finding = found("forced too long", facts, at)
    assert (finding.met, finding.severity) == (met, severity)


def test_what_only_measures_was_not_forced() -> None:
    facts = Facts(SUBJECT, instances={"forced_closed": 1}, forced_since=clock("08:00"))
    assert found("forced too long", facts, "10:00").met is True
    plain = Facts(SUBJECT, instances={"forced_closed": 1}, forced_since=clock("08:00"), metrics_only=True)
    assert found("forced too long", plain, "10:00").met is False


def test_not_as_wanted() -> None:
    def judged(seen: str, until: str = "11:00") -> bool | None:
        facts = Facts(
            SUBJECT, wanted_action="force_closed", wanted_until=clock(until), wanted_by="ada", reported_state=seen
        )
        return found("not as wanted", facts, "10:00").met

    assert judged("open") is True
    assert judged("forced_closed") is False
    assert judged("open", until="10:00") is False, "its lease is over"
    assert found("not as wanted", Facts(SUBJECT, reported_state="open"), "10:00").met is False


@pytest.mark.parametrize(
    ("status", "verdict", "at", "met", "words"),
    [
        ("expired", None, "10:06", True, "was not confirmed before it expired"),
        ("failed", None, "10:06", True, "failed"),
        ("confirmed", "did_not_hold", "10:06", False, ""),
        ("confirmed", "held", "10:06", False, ""),
        ("pending", None, "10:06", False, ""),
        ("failed", None, "11:00", False, "failed"),
    ],
)
def test_a_command_that_did_nothing(status: str, verdict: str | None, at: str, met: bool, words: str) -> None:
    facts = Facts(SUBJECT, command=("reset", status, verdict, "ada", clock("10:00")))
    finding = found("command not applied", facts, at)
    assert (finding.met, finding.summary) == (met, f"reset of tracking in orders, ordered by ada, {words}")


@pytest.mark.parametrize(
    ("status", "verdict", "at", "met", "words"),
    [
        ("confirmed", "did_not_hold", "10:06", True, "was applied and did not hold"),
        ("confirmed", "did_not_hold", "11:00", False, "was applied and did not hold"),
        ("confirmed", "held", "10:06", False, ""),
        ("failed", "did_not_hold", "10:06", False, ""),
    ],
)
def test_a_command_that_was_applied_and_did_not_hold(status: str, verdict: str, at: str, met: bool, words: str) -> None:
    facts = Facts(SUBJECT, command=("reset", status, verdict, "ada", clock("10:00")))
    finding = found("command did not hold", facts, at)
    assert (finding.met, finding.summary) == (met, f"reset of tracking in orders, ordered by ada, {words}")


def test_nothing_from_anyone_is_our_ingest() -> None:
    heard = (clock("10:00"), clock("10:00:40"), clock("10:00:20"))
    assert found("nothing from anyone", Facts(Subject(), heard=heard, silent_services=3), "10:04").met is True
    assert found("nothing from anyone", Facts(Subject(), heard=heard, silent_services=2), "10:04").met is False
    apart = (clock("09:00"), clock("10:00"))
    assert found("nothing from anyone", Facts(Subject(), heard=apart, silent_services=2), "10:04").met is False
    assert found("nothing from anyone", Facts(Subject(), heard=heard[:1], silent_services=1), "10:04").met is False


def test_delivery_failing_and_being_late() -> None:
    failing = Facts(Subject(breaker="hooks"), open_since=clock("10:00"), last_error="answered 503")
    assert found("delivery failing", failing, "10:01").summary == "hooks does not take our messages: answered 503"
    assert found("delivery failing", Facts(Subject(breaker="hooks"), dead=2), "10:01").met is True
    assert found("delivery failing", Facts(Subject(breaker="hooks")), "10:01").met is False
    late = Facts(Subject(), oldest_transition_at=clock("10:00"), oldest_notice_at=clock("10:00"))
    assert found("we are late", late, "10:00:30").met is False
    assert (
        found("we are late", late, "10:00:31").summary
        == "alerts are late: changes wait to be looked at since 10:00:00 UTC"
    )
    assert found("we are late", late, "10:01:01").evidence["late"] == [
        "changes wait to be looked at since 10:00:00 UTC",
        "messages wait to be sent since 10:00:00 UTC",
    ]


def test_a_limit_that_was_reached() -> None:
    facts = Facts(Subject("orders"), limits={"events": clock("10:00"), "breakers": clock("09:00")})
    finding = found("limit reached", facts, "10:04")
    assert (finding.met, finding.summary) == (True, "orders ran into its limit of events")
    assert found("limit reached", facts, "10:06").met is False


def test_a_rule_of_ones_own_takes_the_built_in_ones_place_where_it_matches() -> None:
    built_in = rule("opened", 1, builtin=True)
    own = rule("opened", 2, matchers=Matchers(labels=(("team", "logistics"),)))
    other = rule("opened", 3, matchers=Matchers(service="checkout"))
    rules = [built_in, own, other]
    assert [each.id for each in applying(rules, SUBJECT)] == [2]
    assert [each.id for each in applying(rules, Subject("checkout"))] == [3]
    assert [each.id for each in applying(rules, Subject("billing"))] == [1]
    assert [each.id for each in applying([own, rule("opened", 4)], SUBJECT)] == [2, 4]


def test_every_kind_can_be_read_aloud() -> None:
    said = [sentence(kind.name, {}, Matchers(), kind.severity, kind.for_s, kind.keep_s) for kind in KINDS.values()]
    assert said[0] == "When any breaker is open: critical; resolved when that has not been so for 1 min."
    assert not [line for line in said if "{" in line]
    own = sentence("failure rate", {"percent": 20}, Matchers(service="checkout"), "critical", 60, 30)
    assert own == (
        "When any breaker of service checkout fails 20 % or more of its calls, with at least 20 calls a minute, for 1 min: "
        "critical; resolved when that has not been so for 30 s."
    )


def test_hostile_names_do_no_harm_in_a_summary() -> None:
    facts = Facts(Subject("orders", "x", "a\nb\u202e" + "c" * 300), state="closed", instances={"open": 1, "closed": 1})
    summary = found("partly open", facts, "10:00").summary
    assert "\n" not in summary
    assert "\u202e" not in summary
    assert len(summary) < 200

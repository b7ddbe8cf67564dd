"""Choosing: which rules speak for a subject, and what they say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from alerts.domain.matching import Subject
from alerts.domain.rules import board, commands, flapping, overrides, partly, silence, stuck, traffic
from alerts.domain.rules.shapes import Facts, Finding, Rule

Judge = Callable[[Facts, Rule, datetime, bool], Finding]

# The opening itself is no finding of the clock's: transitions tell it (`lifecycle.on_headline`).
JUDGES: Mapping[str, Judge] = {
    "partly open": partly.judge,
    "stuck open, probes fail": stuck.judge_probes,
    "stuck open, no traffic": stuck.judge_quiet,
    "flapping": flapping.judge,
    "failure rate": traffic.judge,
    "slow rate": traffic.judge,
    "rejected share": traffic.judge,
    "fallback share": traffic.judge,
    "retry storm": traffic.judge,
    "silent": silence.judge,
    "forced too long": overrides.judge_forced,
    "not as wanted": overrides.judge_wanted,
    "command not applied": commands.judge,
    "command did not hold": commands.judge_held,
    "nothing from anyone": board.judge_nothing,
    "delivery failing": board.judge_delivery,
    "we are late": board.judge_late,
    "limit reached": board.judge_limits,
}


def applying(rules: Iterable[Rule], subject: Subject) -> list[Rule]:
    """The rules of one kind that speak for the subject: those of someone's own that match; where none does, the built-in one."""
    own, built_in = [], []
    for rule in rules:
        if rule.builtin:
            built_in.append(rule)
        elif rule.matchers.matches(subject):
            own.append(rule)
    return own or [rule for rule in built_in if rule.matchers.matches(subject)]


def evaluate(
    facts: Facts, rules: Sequence[Rule], now: datetime, firing: Iterable[int] = ()
) -> list[tuple[Rule, Finding]]:
    """What the rules of one kind find. `firing`: ids of those whose alert is live, for conditions that end lower than they begin."""
    live = set(firing)
    return [(rule, JUDGES[rule.kind](facts, rule, now, rule.id in live)) for rule in applying(rules, facts.subject)]

"""Rules: what raises an alert. One file a family; each judges facts at a moment, and finds in the past what it would have raised.

`evaluate(facts, rules, now)` is pure: the same facts twice, the same findings.
"""

from alerts.domain.rules.catalogue import KINDS, Kind, Parameter, sentence
from alerts.domain.rules.choosing import applying, evaluate
from alerts.domain.rules.shapes import Facts, Finding, Rule

__all__ = [
    "KINDS",
    "Facts",
    "Finding",
    "Kind",
    "Parameter",
    "Rule",
    "applying",
    "evaluate",
    "sentence",
]

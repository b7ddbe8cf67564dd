"""Which subjects a rule or a silence means."""

import time

import pytest

from alerts.domain import matching
from alerts.domain.matching import Matchers, Subject, globbed

SUBJECT = Subject("checkout", "payments-db", "pay", (("team", "shop"), ("tier", "1")))


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("payments", "payments", True),
        ("payments", "payments-db", False),
        ("pay*", "payments-db", True),
        ("*db", "payments-db", True),
        ("p*t*b", "payments-db", True),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*b*", "acb", True),
        ("*ab*ab*", "abcab", True),
        ("*ab*ab*", "abab"[:3], False),
        ("p.y*", "payments", False),
        ("[p]*", "payments", False),
        ("*(a+)+$", "payments", False),
        ("a?c", "abc", False),
        ("a?c", "a?c", True),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a.c", "abc", False),
        ("a*b*c", "a-b\nb-c", True),
        ("Orders", "orders", False),
    ],
)
def test_a_star_and_nothing_else_is_special(pattern: str, text: str, fits: bool) -> None:
    assert globbed(pattern, text) is fits


def test_no_pattern_takes_long() -> None:
    begun = time.monotonic()
    assert not globbed("*a" * 100 + "b", "a" * 200)
    assert time.monotonic() - begun < 0.1


@pytest.mark.parametrize(
    ("given", "matches"),
    [
        ({}, True),
        ({"service": "checkout"}, True),
        ({"service": "check*", "dependency": "pay*", "breaker": "pay"}, True),
        ({"service": "orders"}, False),
        ({"labels": {"team": "*"}}, True),
        ({"labels": {"team": "shop", "tier": "2"}}, False),
        ({"labels": {"env": "*"}}, False),
    ],
)
def test_all_of_them_must_match(given: dict[str, object], matches: bool) -> None:
    matchers, wrong = matching.read(given)
    assert wrong == []
    assert matchers.matches(SUBJECT) is matches
    assert matching.written(matchers) == given


def test_what_is_no_matcher_is_said_by_its_field() -> None:
    _, wrong = matching.read({"servise": "x", "service": 1, "breaker": "\0", "labels": {"a": 1}})
    assert [field for field, _ in wrong] == [
        "matchers.servise",
        "matchers.service",
        "matchers.breaker",
        "matchers.labels",
    ]


def test_in_words() -> None:
    assert matching.said(Matchers(service="checkout", labels=(("team", "*"),))) == "service checkout, label team:*"
    assert matching.read_labels("team: logistics, tier:1, odd") == ({"team": "logistics", "tier": "1"}, ["odd"])

"""The query language of the wall: what it finds, and what it says where it can't be read."""

import pytest

from breakers.domain.searching import SearchError, Seen, holds, is_forced, is_timed, parse, written

MINUTE = 60_000_000
NOW = 1_000 * MINUTE


def seen(**more: object) -> Seen:
    fields = {
        "state": "open",
        "service": "payments",
        "name": "card-authorise",
        "dependency": "cards DB",
        "labels": {"team": "ops", "tier": "1"},
        "since": NOW - 6 * MINUTE,
        "forced": False,
        "incident": "12",
        "silenced": True,
    }
    return Seen(**(fields | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state:open",
        "state:closed,open",
        "STATE:Open",
        "service:payments",
        "service:pay*",
        "service:*MENT*",
        "breaker:card-authorise",
        'dependency:"cards DB"',
        "label.team:ops",
        "label.team:*",
        "label.team:dev,ops",
        "open>5m",
        "open<7m",
        "forced:no",
        "incident:yes",
        "incident:7,12",
        "-incident:no",
        "silenced:yes",
        "-forced:yes",
        "-state:closed",
        "-service:check*",
        "card",
        "CARD cards payments",
        '"cards db"',
        "c*d-auth",
        "state:open service:pay* label.team:ops open>5m card",
    ],
)
def test_it_is_found(query: str) -> None:
    assert holds(parse(query), seen(), NOW)


@pytest.mark.parametrize(
    "query",
    [
        "state:half-open",
        "-state:open",
        "service:pay",
        "service:PAYMENTS",
        'service:"pay*"',
        "label.team:dev",
        "label.owner:*",
        "open>6m",
        "open<6m",
        "closed>1s",
        "forced:yes",
        "incident:no",
        "incident:71",
        "-incident:yes",
        "silenced:no",
        "card search",
        '"card cards"',
        "card -payments",
    ],
)
def test_it_is_not_found(query: str) -> None:
    assert not holds(parse(query), seen(), NOW)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "sevice:pay",
            "unknown field 'sevice'; expected one of state, service, name, dependency, forced, incident, silenced, label.<key>"
            " (put it in quotes to find it as text)",
        ),
        (
            "state:opne",
            "unknown state 'opne'; expected one of open, forced_open, half_open, unknown, stale, disabled, forced_closed, closed",
        ),
        ("open>5x", "'5x' in 'open>5x' is no time; expected 30s, 5m, 2h or 1d"),
        ("service:", "'service:' has no value"),
        ("forced:maybe", "'forced:maybe' is neither forced:yes nor forced:no"),
        ("silenced:7", "'silenced:7' is neither silenced:yes nor silenced:no"),
        ("incident:db", "'incident:db' is neither incident:yes, nor incident:no, nor the number of one"),
        ("label.:ops", "'label.:ops' names no label; expected label.team:ops"),
        ('pay "card', "the quote in 'pay \"card' does not end"),
        ("a " * 21, "a query has at most 20 terms; this one has 21"),
        ("a" * 501, "a query has at most 500 characters; this one has 501"),
    ],
)
def test_what_can_not_be_read_is_said(query: str, sentence: str) -> None:
    with pytest.raises(SearchError) as error:
        parse(query)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "value", ["plain", "two words", 'a "quote"', "back\\slash", "http://x:80", "a,b", "st*r", "-x", ""]
)
def test_a_written_value_finds_itself_and_nothing_else(value: str) -> None:
    terms = parse(written("service", value)) if value else parse(written("", value))
    assert holds(terms, seen(service=value, name=""), NOW)
    if value:
        assert not holds(terms, seen(service=value + "x"), NOW)


def test_an_address_in_quotes_is_text() -> None:
    assert holds(parse('"http://cards:80"'), seen(name="http://cards:80"), NOW)
    with pytest.raises(SearchError):
        parse("http://cards:80")


def test_only_lasting_depends_on_the_time() -> None:
    assert [is_timed(parse(query)) for query in ("state:open", "card open>5m")] == [False, True]


def test_forced_is_seen_or_wanted() -> None:
    assert is_forced("forced_open", {}, None)
    assert is_forced("closed", {"closed": 3, "disabled": 1}, None)
    assert is_forced("open", {"open": 1}, "force_closed")
    assert not is_forced("open", {"open": 1}, None)

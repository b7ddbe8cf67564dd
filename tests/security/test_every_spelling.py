"""Every address with ids and parameters in spellings that nobody meant: a page says so, and never breaks."""

import inspect
import random
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import resolve

from tests.security.doors import all_doors
from tests.security.world import World

WORD = re.compile(r'"([a-z_]{1,16})"')
# Of the context of a page.
OURS = {"tab", "tabs", "now", "ada"}
# Read by what several pages share.
SHARED = {"at", "query", "from", "to", "range", "cursor", "next", "q", "by", "all"}
BAD = (
    "\0", "a\0b", "9" * 19, str(2**63), "9" * 400, "-1", "1e999", "nan", "٣", "1\n", "💥", "' OR 1=1 --", "%", "[(((", "a:b:c", "*" * 60,
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-02-30T99:99Z", "open>" + "9" * 30 + "d", "x" * 3_000, "../../etc/passwd",
)  # fmt: skip
ROUNDS = 8


@pytest.fixture
def ada(world: World) -> Client:
    return world.people["admin"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_spelling_of_an_id_is_another_or_breaks_a_page(world: World, ada: Client) -> None:
    for path in {door.path for door in all_doors() if "{" in door.path}:
        for bad in BAD:
            told = re.sub(r"\{\w+\}", quote(bad, safe=""), path)
            for method in (ada.get, ada.post):
                answer = method(told)
                assert 400 <= answer.status_code < 500, (method.__name__, told, answer.status_code)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_parameter_breaks_a_page(world: World, ada: Client) -> None:
    """Some of them at once, by chance that is the same each time: one that is refused hides what stands behind it."""
    dice = random.Random(5)
    for path in sorted({world.filled(door.path) for door in all_doors() if door.reads is not None}):
        address = path.partition("?")[0]
        names = sorted(_names(address))
        for _ in range(ROUNDS):
            asked = {name: dice.choice(BAD) for name in dice.sample(names, dice.randint(1, 4))}
            answer = ada.get(address, asked)
            assert answer.status_code < 500, (address, asked)


def test_the_names_of_parameters_are_found() -> None:
    assert {"field", "prefix", "query"} <= _names("/completions.json")
    assert {"range", "from", "to", "at"} <= _names("/breakers/1/")
    assert {"actor", "verb", "cursor"} <= _names("/audit/")


def _names(address: str) -> set[str]:
    """The parameters that this address may read: short words in its module's own text, and what several share."""
    file = inspect.getsourcefile(inspect.unwrap(resolve(address).func))
    assert file is not None
    return SHARED | {word for word in WORD.findall(Path(file).read_text()) if word not in OURS}

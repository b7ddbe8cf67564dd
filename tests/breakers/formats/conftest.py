"""What opossum and its Hystrix stream say, from a run of the real thing."""

import json
from typing import Any

import pytest

from tests.nodejs import run_node


@pytest.fixture(scope="session")
def opossum() -> dict[str, Any]:
    """`said`: breaker.toJSON() in each state; `frames`: the stream's, as sent."""
    made: dict[str, Any] = json.loads(run_node("opossum.cjs"))
    return made

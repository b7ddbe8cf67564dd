"""The list of faults tells the truth: each test that it names is there."""

import ast
import re

from tests.board import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_each_test_of_the_list_is_there() -> None:
    named = NAMED.findall((ROOT / "docs" / "faults.md").read_text())
    assert len(named) > 50
    missing = [f"{path}::{name}" for path, name in named if name not in functions_of(path)]
    assert missing == []


def functions_of(path: str) -> set[str]:
    """The names of what a file defines."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(each, functions)}

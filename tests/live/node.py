"""node --test, from pytest."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1] / "js"


def run_node_tests(*names: str, **environment: str) -> None:
    """Run these files of tests/js (all of them, where none is named); what failed is shown."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the browser's code was not tried")
    files = [str(TESTS / name) for name in names] or sorted(map(str, TESTS.glob("*.test.js")))
    run = subprocess.run(
        [node, "--test", *files], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr

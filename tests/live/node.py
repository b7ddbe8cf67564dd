"""node --test, from pytest."""

import os
import subprocess
from pathlib import Path

from tests.nodejs import node_and_npm

TESTS = Path(__file__).resolve().parents[1] / "js"


def run_node_tests(*names: str, **environment: str) -> None:
    """Run these files of tests/js (all of them, where none is named); what failed is shown."""
    node, _ = node_and_npm()
    files = [str(TESTS / name) for name in names] or sorted(map(str, TESTS.glob("*.test.js")))
    run = subprocess.run(
        [node, "--test", *files], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr

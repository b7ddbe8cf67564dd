"""Benchmarks: each starts by itself, without the board's settings. What they measure is measured elsewhere."""

import os
import subprocess
import sys

import pytest

from benchmarks.__main__ import BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_starts_and_takes_its_settings(name: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    settings = [word for word in BENCHMARKS[name] if word.startswith("--")]
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--help"], env=kept, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [setting for setting in settings if setting not in ran.stdout] == []

"""Lanes: which tests run side by side, and which need more of the machine. A file is sorted by what it says, so that a new one lands right.

A file starts whole boards where it, or the conftest.py beside it, imports `Board` of tests/board.py or marks itself `boards`.
All others are rows, pages and functions: the fast part. A test marked `alone` measures time: nothing runs beside it.
A file reads a calendar where it names zones, weekdays or dates; it is run with the clock moved, too (`python -m tests.clocks`).
"""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
STARTS_BOARDS = re.compile(r"^from tests\.board import .*\bBoard\b|\bmark\.boards\b", re.MULTILINE)
IS_SLOW = re.compile(r"\bmark\.slow\b")
MEASURES_TIME = re.compile(r"\bmark\.alone\b")
READS_A_CALENDAR = re.compile(r"ZoneInfo|weekday|[Cc]alendar|Europe/")


def starts_boards(path: Path) -> bool:
    """Whether the tests of this file start whole boards."""
    return bool(STARTS_BOARDS.search(_text(path)) or STARTS_BOARDS.search(_text(path.parent / "conftest.py")))


def measures_time(path: Path) -> bool:
    """Whether there is a test in this file beside which nothing may run."""
    return bool(MEASURES_TIME.search(_text(path)))


def reads_a_calendar(path: Path) -> bool:
    """Whether what this file finds may hang on the day."""
    return not starts_boards(path) and bool(READS_A_CALENDAR.search(_text(path)))


def files() -> list[Path]:
    """All files of tests."""
    return sorted(TESTS.rglob("test_*.py"))


def fast() -> list[str]:
    """The fast part, as pytest takes it."""
    return [_name(path) for path in files() if not starts_boards(path)]


def boards() -> list[str]:
    """Those that start boards."""
    return [_name(path) for path in files() if starts_boards(path)]


def long() -> list[str]:
    """Those of the fast part in which a test is slow."""
    return [name for name in fast() if IS_SLOW.search(_text(ROOT / name))]


def alone() -> list[str]:
    """Those in which a test must run alone."""
    return [_name(path) for path in files() if measures_time(path)]


def calendar() -> list[str]:
    """Those of the fast part that read a calendar."""
    return [_name(path) for path in files() if reads_a_calendar(path)]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""

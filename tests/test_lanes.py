"""A test lands in its lane by what its file says."""

from pathlib import Path

import pytest

from tests import lanes

MARKED = "import pytest\n\npytestmark = pytest.mark.{}\n"


@pytest.mark.parametrize(
    ("text", "starts_boards", "measures_time"),
    [
        ("from tests.board import Board\n", True, False),
        ("from tests.board import ROOT, Board\n", True, False),
        ("from tests.board import ROOT\n", False, False),
        ("from breakers.models import Board\n", False, False),
        (MARKED.format("boards"), True, False),
        (MARKED.format("alone"), False, True),
        (MARKED.format("slow"), False, False),
    ],
)
def test_a_new_file(tmp_path: Path, text: str, starts_boards: bool, measures_time: bool) -> None:
    (tmp_path / "test_new.py").write_text(text)
    assert lanes.starts_boards(tmp_path / "test_new.py") is starts_boards
    assert lanes.measures_time(tmp_path / "test_new.py") is measures_time


def test_a_conftest_that_starts_boards_starts_them_for_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.board import Board\n")
    (tmp_path / "test_new.py").write_text("def test_it(board): ...\n")
    assert lanes.starts_boards(tmp_path / "test_new.py")


def test_each_file_is_in_one_lane() -> None:
    every = [path.relative_to(lanes.ROOT).as_posix() for path in lanes.files()]
    assert sorted(lanes.fast() + lanes.boards()) == sorted(every)
    assert {"tests/browser/test_wall.py", "tests/demo/test_fleet.py"} <= set(lanes.boards())
    assert {"tests/pages/test_wall.py", "tests/security/test_every_address.py"} <= set(lanes.fast())
    assert {"tests/pages/test_rotas.py", "tests/alerts/test_rostering.py"} <= set(lanes.calendar()) <= set(lanes.fast())

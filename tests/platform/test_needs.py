"""What the tests need beside Python's packages: brought by root, else said in one line, at once."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.board import ROOT


def ask(places: Path, *there: str, user: int = 1000, apt: str = "exit 0") -> tuple[int, str, str]:
    """The status, and what is said, on a machine with these programs alone; `apt`: what its apt-get does."""
    bodies = {"id": f"echo {user}", "apt-get": f'echo "$@" >> {places}/asked\n{apt}', **dict.fromkeys(there, "exit 0")}
    for name, body in bodies.items():
        (places / name).write_text(f"#!/bin/sh\n{body}\n")
        (places / name).chmod(0o755)
    (places / "ls").symlink_to("/bin/ls")
    environ = {"PATH": str(places), "HOME": str(places)}
    done = subprocess.run(["/bin/sh", ROOT / ".ci" / "needs"], env=environ, capture_output=True, text=True, timeout=10)
    return done.returncode, done.stdout, done.stderr


def asked(places: Path) -> list[str]:
    """What apt-get was told to do."""
    return (places / "asked").read_text().splitlines() if (places / "asked").exists() else []


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser", "google-chrome"])
def test_where_all_is_there_nothing_is_said(tmp_path: Path, browser: str) -> None:
    assert ask(tmp_path, browser, "curl") == (0, "", "")
    assert asked(tmp_path) == []


def test_who_may_not_install_is_told_the_one_command(tmp_path: Path) -> None:
    said = "The tests need chromium curl. Install it first: sudo apt-get install --yes --no-install-recommends chromium curl\n"
    assert ask(tmp_path) == (1, "", said)
    assert asked(tmp_path) == []
    command = said.partition("first: ")[2].strip()
    assert command in (ROOT / "README.md").read_text()


def test_only_what_is_missing_is_named(tmp_path: Path) -> None:
    _, _, said = ask(tmp_path, "chromium")
    assert said.endswith("sudo apt-get install --yes --no-install-recommends curl\n")


def test_root_has_it_installed(tmp_path: Path) -> None:
    assert ask(tmp_path, user=0) == (0, "The tests need chromium curl: installing (apt-get) …\n", "")
    assert asked(tmp_path) == ["update -qq", "install --yes --no-install-recommends chromium curl -qq"]


def test_what_apt_complains_of_is_shown(tmp_path: Path) -> None:
    status, _, said = ask(tmp_path, user=0, apt="echo 'E: no network' >&2; exit 100")
    assert (status, said) == (
        1,
        "E: no network\nThe tests need chromium curl, and apt-get could not install it: see above.\n",
    )


def test_a_browser_that_playwright_brought_is_one(tmp_path: Path) -> None:
    (tmp_path / ".cache/ms-playwright/chromium-1200").mkdir(parents=True)
    assert ask(tmp_path, "curl") == (0, "", "")


def test_make_test_asks_before_it_installs_anything() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "test", "VENV=.venv-none"], cwd=ROOT, capture_output=True, text=True, timeout=30,
        env={key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MAKELEVEL"}},
    )  # fmt: skip
    assert planned.stdout.splitlines()[0] == "sh .ci/needs"

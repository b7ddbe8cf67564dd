"""The documents tell the truth: their examples run against a real board, their links lead somewhere, their settings exist."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from breakers.domain import formats
from dashboard import env
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver, receiver
from tests.board import ROOT, Board
from tests.docs.examples import Example, examples, matches

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_EXAMPLES = [path for path in DOCUMENTS[1:] if examples(ROOT, path)]
BOUNDARY = "=-=-= example"
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)|(?:src|srcset)=\"(?!https?://)([^\"]+)\"")
SETTING = re.compile(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def told() -> Iterator[Receiver]:
    """A receiver of the board's alerts."""
    with receiver() as hook:
        yield hook


@pytest.fixture(scope="module")
def board(told: Receiver) -> Iterator[Board]:
    """A board for the examples; each document has services of its own."""
    with Board(ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as running:
        yield running


def run(board: Board, path: Path) -> None:
    """Run a document's examples, one after the other, and compare what they print with what it says."""
    found = examples(ROOT, path)
    paths = os.pathsep.join([str(ROOT / "clients" / "python" / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["bash", "-c", script(board, found)],
        cwd=ROOT,
        env={**board.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "error", "TOKEN": board.token("viewer")},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, f"{path.name}: {done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"
    printed = dict(re.findall(rf"^{BOUNDARY} (\d+)\n(.*?)(?=^{BOUNDARY}|\Z)", done.stdout, re.MULTILINE | re.DOTALL))
    assert [int(line) for line in printed] == [example.line for example in found]
    for example in found:
        if example.answer is not None:
            answer = json.loads(printed[str(example.line)])
            assert matches(example.answer, answer), f"{example} printed {json.dumps(answer, indent=2)}"


def script(board: Board, found: list[Example]) -> str:
    """The examples as one shell script, so that what one sets the next one has."""
    lines = ["set -euo pipefail"]
    for example in found:
        text = example.text.replace("127.0.0.1:8000", f"127.0.0.1:{board.port}")
        if example.language == "python":
            text = f"'{sys.executable}' - <<'END_OF_PYTHON'\n{text}END_OF_PYTHON"
        else:
            text = text.replace(".venv/bin/python", sys.executable)
        lines += [f"echo; echo '{BOUNDARY} {example.line}'", text]
    return "\n".join(lines)


def test_the_readme_connects_a_service(board: Board) -> None:
    run(board, ROOT / "README.md")
    headers = {"Authorization": f"Bearer {board.token('viewer')}"}
    answer = httpx.get(f"{board.url}/api/v1/breakers?service=orders", headers=headers)
    shown = {card["name"]: (card["state"], card["dependency"]) for card in answer.json()["items"]}
    # The script has ended, and its client said so: nobody is left to tell a state.
    assert shown == {"stock": ("open", "stock"), "delivery-tracking": ("unknown", "tracking-api")}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.name)
def test_its_examples_run_and_answer_as_it_says(board: Board, path: Path) -> None:
    run(board, path)


def test_a_receiver_gets_what_the_document_shows_and_can_check_it(board: Board, told: Receiver) -> None:
    event = {"type": "state_change", "breaker": "delivery-tracking", "dependency": "tracking-api", "to_state": "open"}
    headers = {"Authorization": f"Bearer {board.service('orders')}"}
    before = len(told.requests)
    httpx.post(f"{board.url}/api/v1/events", headers=headers, json={**event, "labels": {"team": "orders"}})
    request = told.wait_for(before + 1, 20)[-1]
    [shown] = re.findall(r"^```json body\n(.*?)^```", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE | re.DOTALL)
    assert matches(json.loads(shown), json.loads(request.body)), request.body
    names: dict[str, Any] = {}
    checking = next(each.text for each in examples(ROOT, ROOT / "docs/alerts.md") if each.language == "python")
    exec(checking, names)  # noqa: S102 (our own document)
    assert names["is_the_board"](request.headers, request.body, SECRET)
    assert not names["is_the_board"](request.headers, request.body + b" ", SECRET)


def test_the_destinations_that_documents_name_can_be_used() -> None:
    named = " ".join(re.findall(r"ALERT_URLS=\"([^\"]+)\"", "".join(path.read_text() for path in DOCUMENTS)))
    assert named
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "dashboard.settings", "ALERT_URLS": named}
    done = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_its_links_lead_somewhere(path: Path) -> None:
    links = [one or other for one, other in LINK.findall(path.read_text())]
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "docs/operations.md"])
def test_its_settings_are_those_of_the_environment(name: str) -> None:
    told = set(re.findall(r"`([A-Z_]+)`", "".join(SETTING.findall((ROOT / name).read_text()))))
    known = set(re.findall(r"environ(?:\.get\(|, )\"([A-Z_]+)\"", Path(env.__file__).read_text()))
    assert told == known if name == "docs/operations.md" else told <= known


def test_its_formats_are_those_that_are_taken() -> None:
    section = (ROOT / "docs/webhook.md").read_text().partition("## What others already emit")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == list(formats.known())


def test_an_answer_is_compared_by_its_shape() -> None:
    assert matches({"a": 1, "b": "…", "c": [{"…": "…"}]}, {"a": 1, "b": None, "c": [{"x": 1}]})
    assert matches("bbk_…", "bbk_123")
    assert not matches({"a": 1}, {"a": 1, "b": 2})
    assert not matches({"a": 1, "…": "…"}, {"b": 2})
    assert not matches([], [1])
    assert not matches("bbk_…", "bbt_123")

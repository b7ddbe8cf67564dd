"""The demo's fleet as it runs, beside a board that writes down what it hears. Chaos is off: the tests do the breaking."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest

from demo import shop
from tests.demo.recording import RecordingBoard
from tests.servers import wait_for

ROOT = Path(__file__).resolve().parents[2]


class Fleet:
    """The running shop."""

    def __init__(self, board: RecordingBoard, directory: Path) -> None:
        (directory / "demo-keys.json").write_text(json.dumps({name: name for name in shop.SERVICES}))
        self.board = board
        self._log = directory / "fleet.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "BREAKERBOARD_URL": board.url,
                    "DATA_DIR": str(directory),
                    "DEMO_CHAOS": "0",
                },
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def lines(self) -> list[dict[str, Any]]:
        """All that it logged."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def processes(self) -> list[psutil.Process]:
        """The starter and everything it started."""
        starter = psutil.Process(self.process.pid)
        return [starter, *starter.children(recursive=True)]

    def make(self, dependency: str, act: str) -> None:
        """Ask a dependency's control, as a person does with curl."""
        controls = {line["event"].split()[0]: line["control"] for line in self.lines() if "control" in line}
        with urlopen(Request(f"{controls[dependency]}/{act}", method="POST"), timeout=5) as answer:
            assert answer.status == 200

    def kill9(self) -> None:
        """End the starter without a word."""
        self.process.kill()
        self.process.wait(10)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory() as directory, RecordingBoard() as board:
        running = Fleet(board, Path(directory))
        try:
            wait_for(lambda: "the shop is open" in running._log.read_text(), 40, "the shop to open")
            yield running
        finally:
            running.kill9()
            board.shutdown()

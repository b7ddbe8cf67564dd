"""Outages of the board, and the real client at real breakers in real processes: afterwards the board must tell what happened.

    python -m tests.journeys.outages [--way kill|freeze|cut|deaf] [--seconds 300] [--seed 1] [--instances 3]

Each process writes down its own truth (`service.py`). When all is calm again, each lane, count and number of the board's API is
compared with it. Without `--way` each kind of outage has its turn. Without DATABASE_URL on SQLite.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from dashboard.supervising import tie_to_parent
from tests.board import Board
from tests.managing import ROOT
from tests.servers import wait_for

WAYS = ("kill", "freeze", "cut", "deaf")
OUTCOMES = ("success", "failure", "timeout", "rejected")
SILENT = ("stale", "unknown")
# Between a change and its two witnesses, the library's listener of the truth and that of the client.
APART = timedelta(seconds=0.5)
HEARD_WITHIN = 10.0


class Proxy:
    """Stands between the services and the board. `cut`: nothing gets through. `deaf`: the board hears, and its answers are lost."""

    def __init__(self, port: int) -> None:
        self.mode = "open"
        self._to = port
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def change(self, mode: str) -> None:
        """From now on. What is connected when the way opens again stays as dead as it was."""
        if mode == "cut":
            self._drop()
        self.mode = mode

    def close(self) -> None:
        """End it, and every connection through it."""
        self._listener.close()
        self._drop()

    def _drop(self) -> None:
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.mode == "cut":
                    client.close()
                    continue
                try:
                    board = socket.create_connection(("127.0.0.1", self._to), 5)
                except OSError:
                    client.close()
                    continue
                board.settimeout(None)
                self._sockets |= {client, board}
                threading.Thread(target=self._pass, args=(client, board, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(board, client, True), daemon=True).start()

    def _pass(self, here: socket.socket, there: socket.socket, is_answer: bool) -> None:
        lost = False
        with suppress(OSError):
            while data := here.recv(65_536):
                lost = lost or (is_answer and self.mode == "deaf")
                if not lost:
                    there.sendall(data)
        if not lost:
            with suppress(OSError):
                there.shutdown(socket.SHUT_RDWR)
        self._sockets -= {here}
        here.close()


class Fleet:
    """The processes of one service, and what they wrote down."""

    def __init__(self, board: Board, name: str, instances: int, seed: int, directory: Path) -> None:
        self.name = name
        self.proxy = Proxy(board.port)
        self._seed, self._directory = seed, directory
        self._environ = {**board.environ, "BREAKERBOARD_URL": self.proxy.url, "BREAKERBOARD_KEY": board.service(name)}
        self._environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'clients' / 'python' / 'src'}"
        self.instances = [f"{name}-{number}" for number in range(instances)]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for instance in self.instances:
            self.start(instance)

    def start(self, instance: str) -> None:
        """Start one of them, for the first time or again."""
        command = [sys.executable, "-m", "tests.journeys.service", instance, str(self._path(instance)), str(self._seed)]
        self._running[instance] = subprocess.Popen(
            command, env=self._environ, cwd=ROOT, preexec_fn=tie_to_parent(os.getpid(), deaf=False)
        )

    def kill(self, instance: str) -> None:
        """End one without a word."""
        self._running[instance].kill()
        self._running[instance].wait()

    def quiet(self) -> None:
        """No more calls; until every process has said that the board has all of it."""
        for process in self._running.values():
            process.send_signal(signal.SIGUSR1)
        for instance in self.instances:
            wait_for(lambda name=instance: self.stats(name), 40, f"{instance} to be flushed", every=0.1)

    def truth(self, instance: str) -> list[dict[str, Any]]:
        """What one has written down so far."""
        lines = self._path(instance).read_text().splitlines() if self._path(instance).exists() else []
        return [json.loads(line) for line in lines] or [{}]

    def stats(self, instance: str) -> dict[str, Any] | None:
        """What the client of one thinks that it sent, once its calls have ended."""
        told = [line["stats"] for line in self.truth(instance) if line.get("flushed")]
        return told[-1] if told else None

    def close(self) -> None:
        """End them."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
        self.proxy.close()

    def _path(self, instance: str) -> Path:
        return self._directory / f"{instance}.jsonl"


class Telling:
    """What the board says of a service, by its API."""

    def __init__(self, board: Board, service: str) -> None:
        headers = {"Authorization": f"Bearer {board.token('admin')}"}
        self._api = httpx.Client(base_url=f"{board.url}/api/v1", headers=headers, timeout=30)
        self.service = service

    def close(self) -> None:
        """No more questions."""
        self._api.close()

    def get(self, path: str, **params: Any) -> Any:
        """An answer."""
        answer = self._api.get(path, params=params)
        answer.raise_for_status()
        return answer.json()

    def order(self, breaker: str, action: str, **more: Any) -> None:
        """A command, and wait until it is confirmed."""
        asked = self._api.post(f"/breakers/{self.breakers()[breaker]}/commands", json={"action": action, **more})
        asked.raise_for_status()
        wait_for(
            lambda: self.get(f"/commands/{asked.json()['id']}")["status"] == "confirmed",
            20,
            f"{action} to be confirmed",
        )

    def breakers(self) -> dict[str, str]:
        """Ids by name."""
        return {card["name"]: card["id"] for card in self.get("/breakers", service=self.service)["items"]}

    def sources(self) -> dict[str, dict[str, Any]]:
        """The service's instances as posters."""
        [item] = self.get("/sources", service=self.service)["items"] or [{"sources": []}]
        return {source["name"]: source for source in item["sources"]}

    def heard_since(self, at: datetime, instances: list[str]) -> bool:
        """Whether each of them was heard after this moment."""
        found = self.sources()
        return all(name in found and moment(found[name]["last_heard_at"]) > at for name in instances)


def moment(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text)


def lane_of(spans: list[dict[str, Any]]) -> list[tuple[str, datetime]]:
    """The states that were told, with their beginnings: silence is ours and not the service's."""
    lane: list[tuple[str, datetime]] = []
    for span in spans:
        if span["state"] not in SILENT and (not lane or lane[-1][0] != span["state"]):
            lane.append((span["state"], moment(span["from"])))
    return lane


def differences(telling: Telling, fleet: Fleet, begun: datetime, restarts: Counter[str], forced: str = "") -> list[str]:
    """Whatever the board says that is not what happened."""
    found: list[str] = []
    truths = {instance: fleet.truth(instance) for instance in fleet.instances}
    until = datetime.now(UTC) + timedelta(seconds=1)
    for breaker, id in telling.breakers().items():
        told = telling.get(f"/breakers/{id}/timeline", **{"from": begun, "to": until, "instances": 1, "points": 1_000})
        counted = Counter(
            line["outcome"]
            for t in truths.values()
            for line in t
            if line.get("breaker") == breaker and "outcome" in line
        )
        for kind in OUTCOMES:
            shown = sum(bucket[kind] for bucket in told["buckets"])
            if shown != counted[kind]:
                found.append(f"{breaker}: {shown} × {kind}, in truth {counted[kind]}")
        lanes = {lane["instance"]: lane_of(lane["spans"]) for lane in told["lanes"]}
        for instance, truth in truths.items():
            real = [
                (line["state"], datetime.fromtimestamp(line["at"], UTC))
                for line in truth
                if line.get("breaker") == breaker and "state" in line
            ]
            real = [step for place, step in enumerate(real) if not place or real[place - 1][0] != step[0]]
            drawn = lanes.get(instance, [])
            if breaker == forced:
                # Under the order the library itself is open.
                drawn = [("open" if state == "forced_open" else state, at) for state, at in drawn]
            same = [state for state, _ in drawn] == [state for state, _ in real] and all(
                abs(shown - at) <= APART for (_, shown), (_, at) in zip(drawn, real, strict=True)
            )
            if not same:
                found.append(f"{breaker}, {instance}: drawn {in_words(drawn)}; in truth {in_words(real)}")
    sources = telling.sources()
    for instance in truths:
        source, stats = sources[instance], fleet.stats(instance) or {}
        said = {name: source[name] for name in ("missing", "restarts", "late", "early")}
        true = {"missing": 0, "restarts": restarts[instance], "late": 0, "early": 0}
        if said != true:
            found.append(f"{instance}: sources say {said}; in truth {true}")
        if source["duplicates"] < stats["duplicates"] or stats["dropped"] or stats["refused"]:
            found.append(f"{instance}: {source['duplicates']} duplicates on the board; the client says {stats}")
    return found


def in_words(lane: list[tuple[str, datetime]]) -> str:
    """A lane on one line."""
    return " ".join(f"{state}@{at:%M:%S.%f}"[:-3] for state, at in lane)


@contextmanager
def outage(way: str, board: Board, fleet: Fleet) -> Iterator[None]:
    """The board is away, in this way, while the body runs."""
    if way == "kill":
        board.kill9()
        yield
        board.start()
    elif way == "freeze":
        frozen = board.processes()
        for process in frozen:
            process.suspend()
        try:
            yield
        finally:
            for process in frozen:
                process.resume()
    else:
        fleet.proxy.change(way)
        yield
        fleet.proxy.change("open")


def play(
    board: Board, way: str, seconds: float, *, seed: int = 1, instances: int = 2, restart: bool = False
) -> list[str]:
    """One outage; what the board tells falsely when it is over."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bb-truth-")))
        begun = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=10)
        fleet = Fleet(board, f"{way}-{seed}-{random.randrange(10**6)}", instances, seed, directory)
        stack.callback(fleet.close)
        telling, restarts = stack.enter_context(closing(Telling(board, fleet.name))), Counter[str]()
        wait_for(lambda: telling.heard_since(begun, fleet.instances), 40, "all to be heard", every=0.2)
        time.sleep(4)
        with outage(way, board, fleet):
            time.sleep(seconds)
        back = datetime.now(UTC)
        wait_for(
            lambda: telling.heard_since(back, fleet.instances), HEARD_WITHIN, f"all to be heard after {way}", every=0.2
        )
        if restart:
            time.sleep(3)
            fleet.kill(fleet.instances[0])
            fleet.start(fleet.instances[0])
            restarts[fleet.instances[0]] += 1
        time.sleep(4)
        fleet.quiet()
        return differences(telling, fleet, begun, restarts)


def main() -> int:
    """By hand: longer outages, any seed."""
    asked = argparse.ArgumentParser(prog="python -m tests.journeys.outages")
    asked.add_argument("--way", choices=WAYS)
    asked.add_argument("--seconds", type=float, default=300)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--instances", type=int, default=3)
    args = asked.parse_args()
    environ = {"DATABASE_URL": os.environ["DATABASE_URL"]} if os.environ.get("DATABASE_URL") else {}
    false = 0
    with Board(**environ) as board:
        for way in [args.way] if args.way else WAYS:
            found = play(board, way, args.seconds, seed=args.seed, instances=args.instances)
            print(f"{way} for {args.seconds:g} s: {'all as it was' if not found else f'{len(found)} falsehoods'}")
            for line in found:
                print(f"  {line}")
            false += len(found)
    return bool(false)


if __name__ == "__main__":
    sys.exit(main())

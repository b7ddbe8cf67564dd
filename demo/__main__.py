"""Starts the shop beside a board that runs: the dependencies, the services with all their instances, the chaos.

    python -m demo        after `manage.py up`; `make demo` does both

All of it is one process tree in one process group, and ends with this process, however that ends.
DEMO_CHAOS=0 leaves the dependencies alone.
"""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

from demo import joining, shop
from demo.joining import CannotJoin
from demo.living import PARENT, End, log_to_stdout

HOST = "127.0.0.1"
CLIENT = joining.ROOT / "clients" / "python" / "src"
STAGGER_S = 0.15  # between two starts: two cores are enough for the board and the shop
AGAIN_AFTER_S = 5.0  # a process that ended by itself is started again
STOP_WITHIN_S = 0.8  # the services take half a second to say goodbye; nothing here needs more
PORT_STEP, PORT_TRIES = 100, 50

log = logging.getLogger(__name__)


class Process:
    """One program of the shop, started again when it dies."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        self.name = name
        self._command = [sys.executable, "-m", *command]
        self._environ = {**environ, PARENT: str(os.getpid())}
        self._again_at = 0.0
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        self.running = subprocess.Popen(self._command, env=self._environ, stdin=subprocess.DEVNULL, cwd=joining.ROOT)

    def look(self) -> None:
        """Where it ended, say so, and start it again some seconds later."""
        if self.running is None:
            if time.monotonic() >= self._again_at:
                self.start()
        elif (status := self.running.poll()) is not None:
            log.warning("%s ended with status %s; started again in %g s", self.name, status, AGAIN_AFTER_S)
            self.running, self._again_at = None, time.monotonic() + AGAIN_AFTER_S

    def tell_to_stop(self) -> None:
        """SIGTERM."""
        if self.running is not None:
            self.running.terminate()

    def stop(self, deadline: float) -> None:
        """Wait for its end; kill it at the deadline."""
        if self.running is None:
            return
        try:
            self.running.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()


def fleet(board: str, keys: Mapping[str, str], chaos: bool) -> Iterator[Process]:
    """Every process of the shop, in the order of their start."""
    environ = {**os.environ, "BREAKERBOARD_URL": board, "PYTHONPATH": paths()}
    for name, about in shop.DEPENDENCIES.items():
        port = free_port(about.port)
        environ[shop.url_setting(name)] = f"http://{HOST}:{port}"
        environ[shop.control_setting(name)] = control = f"http://{HOST}:{port + 1}"
        log.info("%s answers on port %d", name, port, extra={"about": {"control": control}})
        yield Process(name, ["demo.dependency", name, str(port)], environ)
    for name, service in shop.SERVICES.items():
        for instance in shop.instances(service):
            yield Process(instance, ["demo.service", name, instance], environ | {"BREAKERBOARD_KEY": keys[name]})
    if chaos:
        yield Process("chaos", ["demo.chaos"], environ)


def free_port(wanted: int) -> int:
    """The wanted port where it and the next one are free, else one a few hundreds above."""
    for port in range(wanted, wanted + PORT_STEP * PORT_TRIES, PORT_STEP):
        if _is_free(port) and _is_free(port + 1):
            return port
    raise CannotJoin(f"none of the {PORT_TRIES} ports {wanted}, {wanted + PORT_STEP} … is free on {HOST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def paths() -> str:
    """Where the processes find the demo and the client."""
    return os.pathsep.join(filter(None, [str(joining.ROOT), str(CLIENT), os.environ.get("PYTHONPATH", "")]))


def run(processes: list[Process], end: End) -> None:
    """Start one after the other, then start again what ends by itself, until told to stop."""
    for process in processes:
        if end.wait(STAGGER_S):
            return
        process.start()
    log.info("the shop is open: %d processes", len(processes))
    while not end.wait(0.5):
        for process in processes:
            process.look()


def main() -> None:
    """Run the shop until told to stop."""
    log_to_stdout()
    end = End(at_once=True)
    board = joining.board_url()
    try:
        keys = joining.keys(board, shop.SERVICES)
        processes = list(fleet(board, keys, os.environ.get("DEMO_CHAOS") != "0"))
    except CannotJoin as error:
        log.error("the demo can't start: %s", error)
        sys.exit(1)
    end.at_once = False
    run(processes, end)
    for process in processes:
        process.tell_to_stop()
    deadline = time.monotonic() + STOP_WITHIN_S
    for process in processes:
        process.stop(deadline)
    log.info("the shop is closed")


if __name__ == "__main__":
    main()

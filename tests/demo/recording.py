"""A board that writes down what a fleet tells it, and hands out one command an instance at a time. Real HTTP, no database."""

import json
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Event = dict[str, Any]


class RecordingBoard(ThreadingHTTPServer):
    """Takes every event; `key` names the service, so that a service's key is its name."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.changed = threading.Condition()
        self.events: list[Event] = []
        self.results: dict[str, Event] = {}
        self._commands: dict[str, list[Event]] = defaultdict(list)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def record(self, service: str, events: list[Event]) -> None:
        """They happened."""
        with self.changed:
            self.events += [{**event, "service": service} for event in events]
            self.changed.notify_all()

    def order(self, instance: str, breaker: str, action: str) -> str:
        """Have this waiting for the instance; the command's id."""
        with self.changed:
            command = {"id": f"order-{len(self.events)}", "breaker": breaker, "action": action, "instance": instance}
            self._commands[instance].append({**command, "reason": "a drill", "requested_by": "ada"})
            self.changed.notify_all()
        return command["id"]

    def poll(self, instance: str, seconds: float) -> list[Event]:
        """The commands waiting for the instance, as soon as there are some."""
        with self.changed:
            self.changed.wait_for(lambda: self._commands[instance], seconds)
            return self._commands.pop(instance, [])

    def settle(self, command: str, result: Event) -> None:
        """A command's result came."""
        with self.changed:
            self.results[command] = result
            self.changed.notify_all()

    def until(self, found: Any, seconds: float, what: str) -> Any:
        """What `found(events)` returns once it is true."""
        end = time.monotonic() + seconds
        with self.changed:
            while not (value := found(self.events)):
                left = end - time.monotonic()
                assert left > 0, f"not within {seconds} s: {what}"
                self.changed.wait(left)
        return value

    def handle_error(self, request: object, client_address: object) -> None:
        """Services are killed while they talk to it."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a service."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RecordingBoard

    def do_POST(self) -> None:
        """Events, and results of commands."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/v1/events":
            self.server.record(self.headers["Authorization"].removeprefix("Bearer "), body["events"])
            self.answer(202, {"accepted": len(body["events"]), "duplicates": 0, "rejected": [], "commands": []})
        else:
            self.server.settle(self.path.split("/")[4], body)
            self.answer(200, {})

    def do_GET(self) -> None:
        """The long poll."""
        asked = parse_qs(urlsplit(self.path).query)
        self.answer(200, {"commands": self.server.poll(asked["instance"][0], float(asked["wait"][0]))})

    def answer(self, status: int, body: Event) -> None:
        """Send it as JSON."""
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

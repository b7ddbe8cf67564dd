"""A board of the tests: a real HTTP server on 127.0.0.1 that keeps what it is sent.

It can be told to answer something else, to hang, to lose an answer, to refuse single events,
to hold polls and to hand out commands. Tests wait on it for a condition, never for a time.
"""

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LIMIT_S = 10


class Board:
    def __init__(self):
        self.changed = threading.Condition()
        self.events = []  # each once, as a real board stores them
        self.posts = []  # (status, events) of every request, answered or not
        self.results = []  # (command id, body)
        self.polls = []  # instances that asked
        self.script = deque()  # what to answer to the next posts: (status, body, headers)
        self.failing = None  # what to answer to every post
        self.refuse = lambda event: False
        self.lose_answers = 0
        self.let_go = threading.Event()
        self.let_go.set()
        self.piggyback = []
        self._ids = set()
        self._waiting = []
        self._orders = 0
        self.closed = False
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.board = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self):
        self.let_go.set()
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def hang(self):
        self.let_go.clear()

    def until(self, condition, what="", limit_s=LIMIT_S):
        """Wait until the condition holds, and give its value."""
        end = time.monotonic() + limit_s
        with self.changed:
            while not (value := condition()):
                left = end - time.monotonic()
                assert left > 0, f"not within {limit_s} s: {what or condition}; events: {self.told()}"
                self.changed.wait(min(left, 0.01))
        return value

    def of(self, *types, breaker=None):
        with self.changed:
            return [e for e in self.events if e["type"] in types and breaker in (None, e["breaker"])]

    def count(self, *types, breaker=None):
        return sum(event.get("count", 1) for event in self.of(*types, breaker=breaker))

    def changes(self, breaker=None):
        ordered = sorted(self.of("state_change", breaker=breaker), key=lambda event: event["sequence"])
        return [(event["from_state"], event["to_state"]) for event in ordered]

    def told(self):
        """The types in order, heartbeats left out: for the messages of failing tests."""
        return [(event["type"], event.get("count", 1)) for event in self.events if event["type"] != "heartbeat"]

    def state(self, breaker):
        """What the newest heartbeat of a breaker said."""
        beats = self.of("heartbeat", breaker=breaker)
        return max(beats, key=lambda event: event["sequence"])["state"] if beats else None

    def order(self, action, breaker="tracking", by="poll", **more):
        """Give a command out; its id."""
        with self.changed:
            self._orders += 1
            command = {
                "id": f"c{self._orders}",
                "breaker": breaker,
                "action": action,
                "reason": "a drill",
                "requested_by": "ada",
                "until": None,
                **more,
            }
            (self.piggyback if by == "post" else self._waiting).append(command)
            self.changed.notify_all()
        return command["id"]

    def deliver_again(self, command_id, breaker="tracking", **more):
        with self.changed:
            again = {"id": command_id, "breaker": breaker, "reason": "", "requested_by": "ada", "until": None, **more}
            self._waiting.append(again)
            self.changed.notify_all()

    def result(self, command_id):
        """The first result that came for a command."""
        return self.until(lambda: [b for i, b in self.results if i == command_id], f"a result of {command_id}")[0]

    def take_post(self, events):
        with self.changed:
            if self.script:
                status, body, headers = self.script.popleft()
            elif self.failing is not None:
                status, body, headers = self.failing, {}, {}
            else:
                status, body, headers = self.store(events)
            self.posts.append((status, events))
            lost = self.lose_answers > 0
            self.lose_answers -= lost
            self.changed.notify_all()
        return None if lost else (status, body, headers)

    def store(self, events):
        rejected, duplicates = [], 0
        for index, event in enumerate(events):
            if self.refuse(event):
                rejected.append({"index": index, "code": "bad", "detail": "refused by the test"})
            elif event["id"] in self._ids:
                duplicates += 1
            else:
                self._ids.add(event["id"])
                self.events.append(event)
        commands, self.piggyback = self.piggyback, []
        body = {"accepted": len(events) - len(rejected) - duplicates, "duplicates": duplicates}
        status = 422 if rejected and len(rejected) == len(events) else 202
        return status, {**body, "rejected": rejected, "commands": commands}, {}

    def take_result(self, command_id, body):
        with self.changed:
            self.results.append((command_id, body))
            self.changed.notify_all()

    def poll(self, instance, wait_s):
        end = time.monotonic() + wait_s
        with self.changed:
            self.polls.append(instance)
            self.changed.notify_all()
            while not self._waiting and not self.closed and time.monotonic() < end:
                self.changed.wait(end - time.monotonic())
            given, self._waiting = self._waiting, []
            return given


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hung up is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        """Quiet."""

    def do_POST(self):
        board = self.server.board
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        board.let_go.wait()
        if self.headers["Authorization"] != "Bearer a-key":
            self.answer(401, {"detail": "no such key"})
        elif self.path == "/api/v1/events":
            answer = board.take_post(body["events"])
            if answer is None:
                self.close_connection = True
            else:
                self.answer(*answer)
        else:
            board.take_result(self.path.split("/")[4], body)
            self.answer(200, {})

    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        self.answer(200, {"commands": self.server.board.poll(asked["instance"][0], float(asked["wait"][0]))})

    def answer(self, status, body, headers=()):
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

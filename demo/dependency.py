"""One HTTP dependency: answers its callers, and misbehaves on request.

    python -m demo.dependency payments 21020      # it answers on 21020; its control is on 21021

Dead means dead: nothing listens on its port and every open connection is cut. The control lives on, on a port of its own.
"""

import json
import logging
import math
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from demo import acts, shop
from demo.acts import Act, BadAct
from demo.living import End, log_to_stdout

HOST = "127.0.0.1"
LOOK_EVERY_S = 0.2
# What happens on the best of days, in shares of the calls.
USUAL_FAILURES, USUAL_UNKNOWN = 0.004, 0.01

log = logging.getLogger(__name__)


class Listener(ThreadingHTTPServer):
    """A server that can be closed as a crash closes one: with all its connections."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, handler: type["Handler"]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__((HOST, port), handler)
        threading.Thread(target=self.serve_forever, args=(LOOK_EVERY_S,), daemon=True).start()

    def server_bind(self) -> None:
        """Bind, and look up no name: the base class asks the resolver for one."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Keep it in mind, then serve it in a thread."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """It ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are what this server is for."""

    def die(self) -> None:
        """Stop listening, cut every connection."""
        self.shutdown()
        self.server_close()
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the caller was quicker


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, status: int, body: object) -> None:
        """Send it as JSON."""
        raw = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Callers are not logged: there are dozens a second."""


class Dependency:
    """The server, the act under way, and when that ends."""

    def __init__(self, about: shop.Dependency, port: int) -> None:
        self._about, self._port = about, port
        self._changing = threading.Lock()
        self._act, self._ends_at = Act(), math.inf
        self._listener: Listener | None = None

    def begin(self, act: Act) -> bool:
        """Do this from now on; False where a person's act is under way and chaos asks."""
        with self._changing:
            if act.by == "chaos" and self._act.by == "hand" and self._act != Act():
                return False
            self._act, self._ends_at = act, time.monotonic() + act.for_s
        log.log(logging.INFO if act.mode == "healthy" else logging.WARNING, "%s %s", self._about.name, act)
        self.look()
        return True

    def look(self) -> None:
        """Let an act end whose time is over; listen, or not, as the act wants it."""
        with self._changing:
            if time.monotonic() >= self._ends_at:
                self._act, self._ends_at = Act(), math.inf
                log.info("%s %s again", self._about.name, self._act)
            if self._act.mode == "dead" and self._listener is not None:
                self._listener.die()
                self._listener = None
            elif self._act.mode != "dead" and self._listener is None:
                try:
                    self._listener = Listener(self._port, handler(do_GET=self._serve))
                except OSError as error:
                    log.debug("port %s is taken for the moment: %s", self._port, error)

    def shown(self) -> dict[str, object]:
        """What the control tells."""
        left = self._ends_at - time.monotonic()
        return {
            "dependency": self._about.name,
            "mode": self._act.mode,
            "told": f"{self._about.name} {self._act}",
            "ends_in_s": None if math.isinf(left) else round(max(0.0, left), 1),
            "by": self._act.by,
        }

    def control(self, request: Handler) -> None:
        """Answer a control request: GET shows, POST changes."""
        if request.command == "POST":
            try:
                act = acts.read(request.path)
            except BadAct as bad:
                request.answer(422, {"detail": str(bad)})
                return
            if not self.begin(act):
                request.answer(409, {"detail": f"a person has asked for something else: {self._act}"})
                return
        request.answer(200, self.shown())

    def _serve(self, request: Handler) -> None:
        act = self._act
        meant = act.caller in ("", request.headers["User-Agent"]) and random.uniform(0, 100) < act.share
        time.sleep(random.lognormvariate(math.log(self._about.usual_ms), 0.35) / 1000)
        if act.mode == "slow" and meant:
            time.sleep(act.delay_ms / 1000)
        chance = random.random()
        if (act.mode == "failing" and meant) or chance < USUAL_FAILURES:
            request.answer(503, {"detail": f"{self._about.name} has no database connection left"})
        elif chance > 1 - USUAL_UNKNOWN:
            request.answer(404, {"detail": f"{request.path} is not known"})
        else:
            request.answer(200, self._about.answer)


def handler(**methods: Callable[[Handler], None]) -> type[Handler]:
    """A handler class whose methods (`do_GET`, `do_POST`) are these functions."""
    return type("ThisHandler", (Handler,), {name: lambda self, call=call: call(self) for name, call in methods.items()})


def main(name: str, port: str) -> None:
    """Serve until told to stop."""
    log_to_stdout()
    end = End()
    dependency = Dependency(shop.DEPENDENCIES[name], int(port))
    dependency.look()
    Listener(int(port) + 1, handler(do_GET=dependency.control, do_POST=dependency.control))
    threading.Thread(target=look_often, args=(dependency, end), daemon=True).start()
    end.wait_for_it()


def look_often(dependency: Dependency, end: End) -> None:
    """Acts end by themselves."""
    while not end.wait(LOOK_EVERY_S):
        dependency.look()


if __name__ == "__main__":
    main(*sys.argv[1:])

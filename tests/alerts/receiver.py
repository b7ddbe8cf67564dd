"""A receiver of webhooks on a real socket, that can misbehave in every way that a program on the net can."""

import contextlib
import gzip
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers import wait_for


@dataclass(frozen=True)
class Request:
    """What arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


Behaviour = Callable[[socket.socket, threading.Event], None]


@dataclass
class Receiver:
    """Answers with the next of `script`, then with `then`."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    script: list[Behaviour] = field(default_factory=list)
    then: Behaviour = lambda connection, stop: say(connection, 200, b"thanks")
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook/s3cret-token"

    def wait_for(self, count: int, seconds: float = 10) -> list[Request]:
        """The requests, once there are so many."""
        return wait_for(lambda: self.requests if len(self.requests) >= count else None, seconds, f"{count} requests")


def say(connection: socket.socket, status: int, body: bytes = b"", headers: str = "") -> None:
    """One whole answer."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
    connection.sendall(head.encode() + body)


def answers(status: int, body: bytes = b"", headers: str = "") -> Behaviour:
    """A plain answer."""
    return lambda connection, stop: say(connection, status, body, headers)


def hangs(connection: socket.socket, stop: threading.Event) -> None:
    """Read it, say nothing."""
    stop.wait(60)


def closes(connection: socket.socket, stop: threading.Event) -> None:
    """Read it, hang up."""


def drips_headers(connection: socket.socket, stop: threading.Event) -> None:
    """A byte of the head each 0.1 s: no single read ever waits long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not stop.wait(0.1):
        connection.sendall(b"x")


def drips_body(connection: socket.socket, stop: threading.Event) -> None:
    """A good status, then a body that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not stop.wait(0.1):
        connection.sendall(b"x")


def floods(connection: socket.socket, stop: threading.Event) -> None:
    """A body of a gigabyte, as fast as it is taken."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    while not stop.is_set():
        connection.sendall(b"x" * 65_536)


# Made before anyone measures: it takes 10 MB to make.
BOMB = gzip.compress(b"\0" * 10_000_000)


def bombs(connection: socket.socket, stop: threading.Event) -> None:
    """10 MB in 10 kB."""
    say(connection, 200, BOMB, "Content-Encoding: gzip\r\n")


def babbles(connection: socket.socket, stop: threading.Event) -> None:
    """No HTTP."""
    connection.sendall(b"\0\1\2 hello\r\n\r\n")


def says_999(connection: socket.socket, stop: threading.Event) -> None:
    """A status that is none, with NUL in what follows."""
    connection.sendall(b"HTTP/1.1 999 Wh\0t\r\nX-Odd: a\0b\r\nContent-Length: 2\r\n\r\nok")


def hangs_up_in_the_head(connection: socket.socket, stop: threading.Event) -> None:
    """Half an answer."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")


def endless_head(connection: socket.socket, stop: threading.Event) -> None:
    """99 headers of 64 KB."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(99):
        connection.sendall(b"X-%d: " % number + b"y" * 65_536 + b"\r\n")


@contextlib.contextmanager
def receiver(chain: Path | None = None, *, outdated: bool = False) -> Iterator[Receiver]:
    """One that listens, until the end of the block; over TLS where it has a certificate and key in one file.

    outdated: it knows TLS 1.0 and nothing newer.
    """
    server = socket.create_server(("127.0.0.1", 0))
    context = None
    if chain is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        if outdated:
            _make_outdated(context)
    one = Receiver(port=server.getsockname()[1])
    threads: list[threading.Thread] = []

    def serve() -> None:
        while not one.stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            thread = threading.Thread(target=_serve_one, args=(one, connection, context), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=serve, daemon=True)
    accepting.start()
    try:
        yield one
    finally:
        one.stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for thread in [accepting, *threads]:
            thread.join(5)


def _make_outdated(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        # Python advises against it, and so do we.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")


def certificate(directory: Path, name: str, days: int) -> Path:
    """A self-signed certificate for `name` that is good for so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Of its own: among several that are trusted, they are told apart by it.
    serial = x509.random_serial_number()
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {serial:x}"[:64])])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = directory / "chain.pem"
    path.write_bytes(
        built.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def _serve_one(one: Receiver, connection: socket.socket, context: ssl.SSLContext | None) -> None:
    one.connections += 1
    with contextlib.suppress(OSError), context.wrap_socket(connection, True) if context else connection as connection:
        request = _read(connection)
        if request is None:
            return
        behaviour = one.script.pop(0) if one.script else one.then
        one.requests.append(request)
        behaviour(connection, one.stop)


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65_536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65_536)
    return Request(first.split()[1], headers, body, time.monotonic())

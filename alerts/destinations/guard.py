"""The guard: one outgoing request, bounded in time and size, that reaches no address it must not.

A name is resolved once, every address of it is judged, and the connection goes to a judged one; the URL, the Host header and
the certificate's check stay by name. No redirects, no proxies, no cookies, no connection kept for the next.
"""

import base64
import socket
import ssl
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from alerts.destinations import failures, names, tls
from alerts.destinations.addresses import forbidden
from alerts.destinations.base import DEADLINE_S, MOST_KEPT, MOST_READ
from alerts.domain.wording import plain
from alerts.errors import DeliveryError

CONNECT_S = 3.0
# Of the ports from 1024 on, these belong to stores; below, only the web's two.
STORES = frozenset({3306, 5432, 6379, 9200, 11211, 27017})
WEB = frozenset({80, 443})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `text` is its first KiB without control characters, `body` as much as was asked for.

    `is_cut`: the connection broke in the middle of it.
    """

    status_code: int
    headers: Mapping[str, str]
    text: str
    address: str
    body: bytes = b""
    is_cut: bool = False


def parse(url: str, *, trusted: bool) -> httpx.URL:
    """The URL, taken apart. Errors: DeliveryError, permanent, with a sentence that holds no part of it but its scheme and port."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise DeliveryError("the URL can't be read", permanent=True) from None
    try:
        # Asked for, it is turned back into letters: not every name that begins with xn-- has some.
        _ = parts.host
    except UnicodeError:
        raise DeliveryError("the URL's host is no valid internationalised name", permanent=True) from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise DeliveryError(
            f"the URL begins with '{plain(parts.scheme, 20)}'; expected http:// or https://", permanent=True
        )
    if "%" in parts.host:
        # httpx writes what no name can hold in this way.
        raise DeliveryError("the URL's host is no name and no address", permanent=True)
    if trusted:
        return parts
    if parts.userinfo:
        raise DeliveryError("the URL holds a name or password; expected none", permanent=True)
    port = _port(parts)
    if port not in WEB and (not 1024 <= port <= 65_535 or port in STORES):
        raise DeliveryError(f"port {port} is not one that a webhook may use", permanent=True)
    return parts


def judge(addresses: Iterable[str], *, allow_private: bool) -> None:
    """Let them pass, all of them, or raise a permanent DeliveryError."""
    for address in addresses:
        if why := forbidden(address, allow_private=allow_private):
            raise DeliveryError(
                f"the address {address} is {why}: it must not be reached",
                permanent=True,
                forbidden=True,
                address=address,
            )


def check(url: str, *, allow_private: bool) -> list[str]:
    """Look at a URL that somebody sets up; warnings, where a name does not resolve now.

    Errors: DeliveryError, permanent, `forbidden` where its address must not be reached. The address is looked at first: it is
    the graver reason.
    """
    if number := _number(_host_as_written(url)):
        # Some of its spellings are no URL to us, and an address to others.
        judge([number], allow_private=allow_private)
    parts = parse(url, trusted=True)
    warnings = []
    try:
        addresses = names.resolve(parts.host, _port(parts))
    except DeliveryError as error:
        warnings.append(f"{error}: it is looked up again at every try")
    else:
        judge(addresses, allow_private=allow_private)
    parse(url, trusted=False)
    return warnings


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    trusted: bool = False,
    allow_private: bool = False,
    deadline_s: float = DEADLINE_S,
) -> Answer:
    """POST once. Any status is an answer; where none came, DeliveryError says why and whether it may have arrived."""
    parts = parse(url, trusted=trusted)
    backend = _Backend(trusted, allow_private, time.monotonic() + deadline_s)
    return _asked(_Request("POST", headers, body, MOST_READ), backend, parts, deadline_s)


def get(
    url: str, headers: Mapping[str, str], *, most: int, allow_private: bool, deadline_s: float = DEADLINE_S
) -> Answer:
    """GET once, of the body `most` bytes and one more at most: who gets more knows that it is too long. Errors: DeliveryError."""
    parts = parse(url, trusted=False)
    backend = _Backend(False, allow_private, time.monotonic() + deadline_s)
    answer = _asked(_Request("GET", headers, b"", most + 1), backend, parts, deadline_s)
    if answer.is_cut:
        raise DeliveryError("the connection broke in the middle of the answer", address=answer.address)
    return answer


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    headers: Mapping[str, str]
    body: bytes
    most: int


def _asked(request: _Request, backend: "_Backend", parts: httpx.URL, deadline_s: float) -> Answer:
    try:
        with httpcore.ConnectionPool(network_backend=backend, ssl_context=_ssl_context(), retries=0) as pool:
            return _exchange(pool, backend, parts, request)
    except DeliveryError:
        raise
    except Exception as error:
        raise failures.told(error, backend.sent, backend.address, deadline_s) from None


def _exchange(pool: httpcore.ConnectionPool, backend: "_Backend", parts: httpx.URL, request: _Request) -> Answer:
    sent = [(name.encode(), value.encode()) for name, value in _all_headers(parts, request).items()]
    url = httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path)
    timeouts = {"connect": CONNECT_S, "read": DEADLINE_S, "write": DEADLINE_S, "pool": CONNECT_S}
    with pool.stream(
        request.method, url, headers=sent, content=request.body, extensions={"timeout": timeouts}
    ) as response:
        got = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        text, is_cut = bytearray(), False
        try:
            for chunk in response.iter_stream():
                text += chunk
                if len(text) >= request.most:
                    break
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError):
            # The status was said; to who only wants that, the rest of the answer does not matter.
            is_cut = True
        kept = plain(text[:MOST_KEPT].decode("utf-8", "replace"), MOST_KEPT)
        return Answer(response.status, got, kept, backend.address, bytes(text[: request.most]), is_cut)


def _all_headers(parts: httpx.URL, request: _Request) -> dict[str, str]:
    host = parts.netloc.decode("ascii")
    extra = {}
    if parts.userinfo:
        named = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        extra["Authorization"] = f"Basic {named}"
    return {
        "Host": host,
        **({"Content-Length": str(len(request.body))} if request.method == "POST" else {}),
        "Accept-Encoding": "identity",
        "Connection": "close",
        **extra,
        **request.headers,
    }


def _host_as_written(url: str) -> str:
    """The host, with full-width digits as digits and without the dot at its end; empty where there is none to be seen."""
    try:
        host = urlsplit(unicodedata.normalize("NFKC", url)).hostname or ""
    except ValueError:
        return ""
    return host.rstrip(".")


def _number(host: str) -> str | None:
    """The address that a number stands for in any of its spellings: 127.1, 0177.0.0.1, 0x7f000001; None for a name."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host.isascii() and " " not in host else None
    except (OSError, ValueError):
        return None


def _port(parts: httpx.URL) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


@cache
def _ssl_context() -> ssl.SSLContext:
    # Made once: reading the authorities' file takes some 20 ms. A file named by SSL_CERT_FILE is heeded.
    return tls.modern(httpx.create_ssl_context())


class _Backend(httpcore.NetworkBackend):
    """Connects to judged addresses only, and lets no wait go beyond the deadline."""

    def __init__(self, trusted: bool, allow_private: bool, deadline: float) -> None:
        self._trusted = trusted
        self._allow_private = allow_private
        self._sockets = httpcore.SyncBackend()
        self.deadline = deadline
        self.address = ""
        # Something of the request left us.
        self.sent = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = names.resolve(host, port, min(names.RESOLVE_S, self.left()))
        if not self._trusted:
            judge(addresses, allow_private=self._allow_private)
        until = time.monotonic() + (timeout or CONNECT_S)
        for place, address in enumerate(addresses):
            self.address = address
            # A silent first address leaves time for the next.
            share = max((until - time.monotonic()) / (len(addresses) - place), 0.01)
            try:
                stream = self._sockets.connect_tcp(address, port, self.left(share), None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses) - 1:
                    raise
            else:
                return _Stream(stream, self)
        raise httpcore.ConnectError("the name has no address")

    def left(self, wanted: float | None = None) -> float:
        """How long the next wait may be. Errors: httpcore.ReadTimeout when there is no time left."""
        rest = self.deadline - time.monotonic()
        if rest <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return rest if wanted is None else min(wanted, rest)


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends at the one deadline: a drip of bytes does not renew it."""

    def __init__(self, stream: httpcore.NetworkStream, backend: _Backend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._backend.sent = True
        self._stream.write(buffer, self._backend.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._backend.left(timeout))
        return _Stream(secured, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

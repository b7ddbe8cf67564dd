"""Names: the addresses of a host, asked of the system's resolver, bounded in time.

A look-up can't be called off: one that hangs keeps its thread for as long as the resolver likes. So a name gets one at a time, and
those that hang leave threads for the others.
"""

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from alerts.errors import DeliveryError

RESOLVE_S = 3.0
# As many as hands that deliver.
THREADS = 16

_resolvers = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")
_asked: dict[tuple[str, int], "Future[list[Any]]"] = {}
_asking = threading.Lock()


def resolve(host: str, port: int, timeout: float = RESOLVE_S) -> list[str]:
    """The addresses of a name. Errors: DeliveryError."""
    try:
        return list(dict.fromkeys(str(found[4][0]) for found in _look_up(host, port).result(timeout)))
    except FutureTimeout:
        raise DeliveryError(f"the name did not resolve within {timeout:.0f} s") from None
    except (OSError, ValueError):
        raise DeliveryError("the name does not resolve") from None


def _look_up(host: str, port: int) -> "Future[list[Any]]":
    """The answer to come. Who asks while one is awaited gets that one; what was answered is not kept."""
    with _asking:
        for name in [name for name, asked in _asked.items() if asked.done()]:
            del _asked[name]
        if (host, port) not in _asked:
            _asked[host, port] = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        return _asked[host, port]

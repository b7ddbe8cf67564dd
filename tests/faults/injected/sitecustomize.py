"""A resolver that misbehaves, by the name that is asked for: in every process of a board that has this directory on its PYTHONPATH."""

import os
import socket
import sys
import time
from typing import Any

HANGS, UNKNOWN, TURNS = "hangs.test", "unknown.test", "turns.test"
# This very machine, once there is no file any more at the place that the variable names.
SLOW, SLOW_WHILE = "slow.test", "RESOLVER_IS_SLOW_WHILE"
PUBLIC, INSIDE = "93.184.216.34", "169.254.169.254"
HANGS_FOR = 30.0  # s

_real = socket.getaddrinfo


def getaddrinfo(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
    """Answers late or no, or answers the web process one thing and the workers another."""
    if host == HANGS:
        time.sleep(HANGS_FOR)
        raise socket.gaierror(socket.EAI_AGAIN, "no server answered")
    if host == UNKNOWN:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    if host == TURNS:
        return _real(INSIDE if "worker" in sys.argv else PUBLIC, port, *rest, **named)
    if host == SLOW:
        while os.path.exists(os.environ[SLOW_WHILE]):
            time.sleep(0.02)
        return _real("127.0.0.1", port, *rest, **named)
    return _real(host, port, *rest, **named)


if __name__ == "sitecustomize":
    # A test that reads the names above keeps its own.
    socket.getaddrinfo = getaddrinfo

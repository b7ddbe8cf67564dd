"""Peers: Alertmanager and Healthchecks under the same load, where they are installed; else it says that they are not.

    python -m benchmarks.peers [--alertmanager PATH] [--healthchecks URL --pid PID] [--seconds 5]

Alertmanager is started here (a binary on the PATH, or given). Healthchecks needs a site of its own: give the URL of one
check's ping, and the process id of the server for its CPU.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.load import Run, post_for
from tests.servers import free_port, wait_for

CONNECTIONS = 64


def post(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """One request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def alerts(count: int) -> bytes:
    """A post of so many alerts of 300 sources."""
    now = datetime.now(UTC).isoformat()
    made = [
        {
            "labels": {"alertname": "failure", "breaker": f"breaker-{n % 100}", "instance": f"instance-{n % 3}"},
            "startsAt": now,
        }
        for n in range(count)
    ]
    return post("/api/v2/alerts", json.dumps(made).encode())


def alertmanager(binary: str, seconds: float) -> None:
    """One alert a request, and 100."""
    port, gossip = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="bb-am-") as directory:
        config = Path(directory) / "config.yml"
        config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        command = [
            binary, f"--config.file={config}", f"--storage.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}",
            f"--cluster.listen-address=127.0.0.1:{gossip}", "--log.level=error",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: _listens(port), 20, "Alertmanager to listen")
            for count in (1, 100):
                body = alerts(count)
                tell(
                    f"Alertmanager, {count} alerts a request",
                    post_for(port, seconds, CONNECTIONS, lambda b=body: b, psutil.Process(process.pid)),
                    count,
                )  # type: ignore[misc]
        finally:
            process.terminate()
            process.wait(10)


def healthchecks(url: str, pid: int, seconds: float) -> None:
    """A ping with a body."""
    place = urlsplit(url)
    body = post(place.path, b"failure of breaker-1: timed out after 1000 ms", "text/plain")
    run = post_for(place.port or 80, seconds, CONNECTIONS, lambda: body, psutil.Process(pid))
    tell("Healthchecks, a ping", run, 1)


def tell(name: str, run: Run, count: int) -> None:
    """One row."""
    print(
        f"| {name} | {run.rate:,.0f} | {run.cpu_us / count:.0f} | {run.percentile_ms(0.99):.1f} | {run.errors or ''} |"
    )


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Measure what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--alertmanager", default=shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    )
    parser.add_argument("--healthchecks")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--seconds", type=float, default=5)
    asked = parser.parse_args()
    print("| what | requests/s | CPU µs an event | p99 ms | errors |\n| --- | --- | --- | --- | --- |")
    if asked.alertmanager:
        alertmanager(asked.alertmanager, asked.seconds)
    else:
        print("| Alertmanager | not measured: no `alertmanager` on the PATH | | | |")
    if asked.healthchecks and asked.pid:
        healthchecks(asked.healthchecks, asked.pid, asked.seconds)
    else:
        print("| Healthchecks | not measured: no site of it was given | | | |")


if __name__ == "__main__":
    main()

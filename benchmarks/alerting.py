"""Alerting: from the post of an opening to the first byte at the receiver, on an idle board (P7).

python -m benchmarks.alerting [--alerts 100]
"""

import argparse
import json
import statistics
import time

import httpx

from tests.alerts.receiver import receiver
from tests.board import Board

SPACING = 0.15  # s between openings: idle


def latencies(alerts: int) -> list[float]:
    """Milliseconds from the post to the receiver, for so many openings of as many breakers."""
    with receiver() as hook, Board(ALERT_URLS=hook.url) as board:
        headers = {"Authorization": f"Bearer {board.service('bench')}"}
        posted = {}
        with httpx.Client(base_url=board.url, headers=headers) as client:
            for number in range(-3, alerts):
                event = {"type": "state_change", "breaker": f"b{number}", "from_state": "closed", "to_state": "open"}
                posted[f"b{number}"] = time.monotonic()
                client.post("/api/v1/events", json=event).raise_for_status()
                time.sleep(SPACING)
        arrived = {json.loads(each.body)["alert"]["breaker"]["name"]: each.at for each in hook.wait_for(alerts + 3, 30)}
    # The first three warm the workers' imports and connections.
    return [1e3 * (arrived[f"b{number}"] - posted[f"b{number}"]) for number in range(alerts)]


def main() -> None:
    """Print the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=100)
    found = sorted(latencies(parser.parse_args().alerts))
    p99 = found[min(len(found) - 1, int(0.99 * len(found)))]
    print("| what | p50 ms | p99 ms | max ms |\n| --- | --- | --- | --- |")
    print(
        f"| post → alert at the receiver, {len(found)} openings | {statistics.median(found):.0f} | {p99:.0f} | {found[-1]:.0f} |"
    )


if __name__ == "__main__":
    main()

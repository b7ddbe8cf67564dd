"""Chaos: makes the dependencies slow, failing and dead in turn, by their controls.

An opening shows something of everything within the first minutes; then a round repeats in which most of the wall is calm.
Each act ends by itself in the dependency. Where a person has asked for something else, chaos gives way.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from itertools import count
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from demo import shop
from demo.acts import Act
from demo.living import End, log_to_stdout

log = logging.getLogger(__name__)

Plan = tuple[tuple[float, str, Act], ...]  # seconds from its begin, dependency, act

OPENING_S = 120.0
OPENING: Plan = (
    (8, "payments", Act("slow", for_s=22, by="chaos")),
    (45, "inventory", Act("dead", for_s=20, by="chaos")),
    (85, "geo", Act("failing", for_s=20, share=75, by="chaos")),
)
ROUND_S = 300.0
ROUND: Plan = (
    (20, "tracking-api", Act("failing", for_s=30, by="chaos")),
    # One instance cannot reach it, the others can: the fault is not the dependency's.
    (85, "payments", Act("failing", for_s=30, caller="checkout-2", by="chaos")),
    # Too slow for those who wait half a second, not for those who wait longer.
    (140, "geo", Act("slow", for_s=40, delay_ms=900, by="chaos")),
    (200, "inventory", Act("dead", for_s=20, by="chaos")),
    (250, "payments", Act("failing", for_s=25, share=70, by="chaos")),
)


def acts() -> Iterator[tuple[float, str, Act]]:
    """All acts for ever, with seconds from the start."""
    yield from OPENING
    for number in count():
        begin = OPENING_S + number * ROUND_S
        yield from ((begin + at, dependency, act) for at, dependency, act in ROUND)


def tell(dependency: str, act: Act) -> None:
    """Ask the dependency for this act."""
    url = os.environ[shop.control_setting(dependency)] + act.target()
    try:
        with urlopen(Request(url, method="POST"), timeout=5):  # noqa: S310 (the starter's own address)
            pass
    except HTTPError as refused:
        log.info("chaos leaves %s alone: %s", dependency, json.load(refused)["detail"])
    except OSError as error:
        log.warning("the control of %s does not answer: %s", dependency, error)


def play(end: End) -> None:
    """Every act at its time."""
    start = time.monotonic()
    for at, dependency, act in acts():
        if end.wait(max(0.0, start + at - time.monotonic())):
            return
        tell(dependency, act)


def main() -> None:
    """Play until told to stop."""
    log_to_stdout()
    end = End()
    threading.Thread(target=play, args=(end,), daemon=True).start()
    end.wait_for_it()


if __name__ == "__main__":
    main()

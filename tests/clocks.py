"""`python -m tests.clocks`: what reads a calendar, with the clock moved to the nights and days on which calendars go wrong.

Arguments go to each run of pytest; files named among them are run in the place of those that tests/lanes.py knows. One clock by
hand: `pytest --clock "2027-01-01T00:00:30 Asia/Kolkata" …`. Python's clocks are moved and tick on; those of other programs
(Valkey, OpenSSL, the machine) are not: what hangs on both says `machine_clock`, and is left out.
"""

import os
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import time_machine

from tests import lanes
from tests.running import run

# In each of these zones; a night in which clocks are set belongs to a zone, and the others live through the tests' own, Berlin's.
ZONES = ("UTC", "Asia/Kolkata", "America/St_Johns")
MOMENTS = ("2027-01-17T12:00:00", "2027-01-01T00:00:30", "2028-02-29T12:00:00", "2027-12-31T23:59:15")
SET_FORWARD = {"UTC": "2027-03-28T00:59:30", "Asia/Kolkata": "2027-03-28T06:29:30", "America/St_Johns": "2027-03-14T01:59:30"}  # fmt: skip
SET_BACK = {"UTC": "2027-10-31T00:59:30", "Asia/Kolkata": "2027-10-31T06:29:30", "America/St_Johns": "2027-11-07T01:59:30"}  # fmt: skip


def clocks() -> list[str]:
    """Every moment in every zone."""
    return [f"{at} {zone}" for zone in ZONES for at in (*MOMENTS, SET_FORWARD[zone], SET_BACK[zone])]


def move(clock: str) -> None:
    """Python's clocks in this process show this moment, and the local time is that zone's, from now on."""
    at, _, zone = clock.partition(" ")
    os.environ["TZ"] = zone
    time.tzset()
    time_machine.travel(datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)), tick=True).start()


def main(arguments: list[str]) -> int:
    """Run under each clock; not 0 where one failed."""
    named = any(Path(argument.partition("::")[0]).exists() for argument in arguments)
    words = [] if named else lanes.calendar()
    closing = {}
    failed = 0
    for clock in clocks():
        spread = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile", "-m", "not machine_clock"]
        status, closing[clock] = run([*words, *spread, "--clock", clock, *arguments], {})
        failed = failed or status
    print()
    for clock, line in closing.items():
        print(f"{clock}: {line}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Listening: since when, and up to when, all that posts reach were there to hear. Our own trouble is nobody's silence.

Each web process leaves a sign of life every few seconds. While one is missing, somebody may be posting to it in vain: nobody is
judged silent beyond its last sign, until it works again or is given up.
"""

import os
import socket
from datetime import datetime, timedelta

from breakers import bulk
from breakers.domain.silence import SECOND
from breakers.models import Board, Pulse
from breakers.models.fields import to_us

PART = "intake:"
_OURS = "part >= 'intake:' AND part < 'intake;'"
# A process whose last sign is older is missing; after so long it is given up.
MISSING_AFTER = timedelta(seconds=10)
GIVEN_UP_AFTER = timedelta(seconds=60)
GIVEN_UP_US = 60 * SECOND
# The oldest last sign of a process that is not given up; its parameter: the sign that is too old.
LEAST = f"SELECT min(at) FROM breakers_pulse WHERE {_OURS} AND at > %s"  # noqa: S608
_HOST = socket.gethostname()[:20].replace(":", "-")


def name_of_process() -> str:
    """The part that this process signs as."""
    return f"{PART}{_HOST}:{os.getpid()}"


def listen(at: datetime, *, pause_s: float = 15, part: str | None = None, stood_still: bool = False) -> None:
    """The intake says that it is there. After a pause, its own or one of the whole board, silence counts from now.

    part: which process signs. stood_still: it knows of itself that it did nothing for a while.
    """
    with bulk.writing():
        board = Board.objects.get()
        paused = board.intake_pulse_at is None or (at - board.intake_pulse_at).total_seconds() > pause_s
        if part is not None:
            Pulse.objects.update_or_create(part=part, defaults={"at": at})
        if paused or stood_still or (part is not None and _some_are_missing(at, part)):
            board.listening_since = at
        board.intake_pulse_at = at
        board.save(update_fields=["intake_pulse_at", "listening_since"])


def leave(part: str) -> None:
    """This process ends on purpose: nobody waits for its next sign."""
    bulk.run("DELETE FROM breakers_pulse WHERE part = %s", [part])


def horizon(at: datetime) -> int:
    """Up to which moment all of us are known to have listened."""
    now = to_us(at)
    [[least, pulse]] = bulk.select(
        f"SELECT ({LEAST}), intake_pulse_at FROM breakers_board",  # noqa: S608
        [now - GIVEN_UP_US],
    )
    if least is None:
        # Nobody signs: nobody listens. A board that never had an intake has no trouble.
        least = pulse
    return now if least is None else min(now, int(least))


def _some_are_missing(at: datetime, own: str) -> bool:
    """Whether a process of ours stands still, or has just died and left its clients to find another. The dead are forgotten."""
    missing = False
    others = Pulse.objects.filter(part__gte=PART, part__lt="intake;", at__lte=at - MISSING_AFTER).exclude(part=own)
    for other in others:
        missing = True
        if other.at <= at - GIVEN_UP_AFTER or _is_dead(other.part):
            other.delete()
    return missing


def _is_dead(part: str) -> bool:
    """Whether it is known to be: a process of this machine that is no more."""
    host, _, number = part.removeprefix(PART).rpartition(":")
    if host != _HOST or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False

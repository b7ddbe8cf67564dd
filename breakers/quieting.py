"""Quieting: what silence makes of an instance's row, and how each silence is kept, so that history can be drawn again.

Part of the recording: called inside its transaction, never alone.
"""

from collections.abc import Sequence

from breakers import bulk
from breakers.domain.headlines import GONE
from breakers.domain.silence import Quiet
from breakers.domain.states import SILENT, State
from breakers.rows import InstanceRow, Step

_begin = "INSERT INTO breakers_quiet (instance_id, started_at, unknown_at, gone_at) VALUES (%s, %s, %s, %s)"
_go_on = "UPDATE breakers_quiet SET unknown_at = %s, gone_at = %s WHERE instance_id = %s AND ended_at IS NULL"


def is_silent(copy: InstanceRow) -> bool:
    """Whether silence hides what it told last; one that told nothing yet is unknown for another reason."""
    return copy.state == State.STALE or (copy.state == State.UNKNOWN and copy.reported_state is not None)


def fall(copy: InstanceRow, silence: Quiet) -> list[Step]:
    """The steps that this silence makes of a live instance, those not drawn yet; they are written into its row."""
    steps: list[Step] = []
    stages: list[tuple[int | None, str]] = []
    if copy.reported_state is not None:
        if copy.state not in SILENT:
            stages.append((silence.start, State.STALE))
        if copy.state != State.UNKNOWN:
            stages.append((silence.unknown, State.UNKNOWN))
    stages.append((silence.gone, GONE))
    was_silent = is_silent(copy)
    for at, state in stages:
        if at is None:
            continue
        at = max(at, copy.since)
        steps.append(Step(copy, copy.state, state, at, after=copy.since))
        if state == GONE:
            copy.left_at = at
        else:
            copy.state = state
        copy.since, copy.changed = at, True
    if steps:
        # One that told no state is unknown all the while: only its leaving is kept.
        start = silence.start if copy.reported_state is not None else steps[0].at
        told = [silence.unknown, silence.gone]
        if not was_silent or not bulk.run(_go_on, [*told, copy.id]):
            bulk.run(_begin, [copy.id, start, *told])
    return steps


def take_away(copy: InstanceRow, at: int) -> Step:
    """An instance that a person takes out of the counts."""
    step = Step(copy, copy.state, GONE, max(at, copy.since), after=copy.since)
    if not is_silent(copy) or not bulk.run(
        "UPDATE breakers_quiet SET gone_at = %s WHERE instance_id = %s AND ended_at IS NULL", [step.at, copy.id]
    ):
        bulk.run(_begin, [copy.id, step.at, step.at, step.at])
    # As if it had said so itself: what it told before, and arrives late, does not bring it back.
    copy.left_at = copy.since = step.at
    copy.stopped, copy.changed = True, True
    return step


def end(copy: InstanceRow, at: int) -> None:
    """It is heard again; `at`: from when on it is drawn as told."""
    bulk.run(
        "UPDATE breakers_quiet SET ended_at = %s, heard_at = %s WHERE instance_id = %s AND ended_at IS NULL",
        [at, copy.heard_at, copy.id],
    )
    copy.quiet_until = max(copy.quiet_until or 0, copy.heard_at)


def cut(copy: InstanceRow, moments: Sequence[int]) -> None:
    """Something was told late of these moments, perhaps within a silence that is over: it ends with the first of them."""
    for silence in of_instance(copy.id, min(moments)):
        within = [at for at in moments if silence.end is not None and silence.start <= at < silence.end]
        if within:
            bulk.run(
                "UPDATE breakers_quiet SET ended_at = %s WHERE instance_id = %s AND started_at = %s AND ended_at = %s",
                [min(within), copy.id, silence.start, silence.end],
            )


def of_instance(instance_id: int, start: int) -> list[Quiet]:
    """The silences of an instance that touch what is at or after `start`."""
    rows = bulk.select(
        "SELECT started_at, unknown_at, gone_at, ended_at, heard_at FROM breakers_quiet"
        " WHERE instance_id = %s AND (ended_at IS NULL OR ended_at >= %s) ORDER BY started_at",
        [instance_id, start],
    )
    return [Quiet(*row) for row in rows]

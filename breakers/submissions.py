"""What the edges hand to the intake, and what they get back."""

from typing import Any

import msgspec

from breakers.domain.reports import Refusal, Report


class Submission(msgspec.Struct):
    """One request, checked: what it posts, for which service, under which idempotency key."""

    service_id: int
    reports: list[Report]
    refusals: list[Refusal]
    request_key: bytes | None = None
    body_digest: bytes | None = None
    # What a foreign format knows and we do not need: accepted, and not kept.
    dropped: int = 0
    # Bytes of the body, unpacked: what it weighs while it waits.
    size: int = 0
    # It tells of alerts of a monitoring system: what their news is, the recording knows (`firing.py`).
    alerts: bool = False


class Answer(msgspec.Struct):
    """What became of a submission. `conflict`: its idempotency key was seen before with another body."""

    accepted: int
    duplicates: int
    rejected: list[Refusal]
    commands: list[dict[str, Any]]
    conflict: bool = False

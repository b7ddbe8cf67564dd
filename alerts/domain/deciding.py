"""Deciding: whether a notification goes to its destination, with the reason that the log, the page and the test all say."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerts.domain.matching import Matchers, Subject

LATE_AFTER_S = 15 * 60


class Reason(StrEnum):
    """Why it goes, or does not."""

    OPENED = "OPENED"
    WORSE = "WORSE"
    REPEAT = "REPEAT"
    ESCALATED = "ESCALATED"
    STILL_TRUE = "STILL_TRUE"
    RESOLVED = "RESOLVED"
    CORRECTED = "CORRECTED"
    RESENT = "RESENT"
    DESTINATION_OFF = "DESTINATION_OFF"
    NEVER_TOLD = "NEVER_TOLD"
    SILENCED = "SILENCED"
    INHIBITED = "INHIBITED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    LATE = "LATE"
    OVERTAKEN = "OVERTAKEN"
    DIGESTED = "DIGESTED"


SENTENCES: dict[str, str] = {
    Reason.OPENED: "the alert fires",
    Reason.WORSE: "it got worse",
    Reason.REPEAT: "nobody has it in hand yet",
    Reason.ESCALATED: "nobody took it in hand in time",
    Reason.STILL_TRUE: "it is still so, and nothing holds it back any more",
    Reason.RESOLVED: "the alert is resolved, and this destination may have heard of it",
    Reason.CORRECTED: "what this destination was told before has proved wrong",
    Reason.RESENT: "sent again by hand",
    Reason.DIGESTED: "in a digest: more came in a minute than people can read",
    Reason.DESTINATION_OFF: "not sent: the destination is switched off",
    Reason.NEVER_TOLD: "not sent: this destination never got the alert itself",
    Reason.SILENCED: "not sent: silenced",
    Reason.INHIBITED: "not sent: another alert speaks for it",
    Reason.ACKNOWLEDGED: "not sent: somebody has it in hand",
    Reason.LATE: "not sent on its own: reported late, and over for more than 15 minutes; a line of the next digest",
    Reason.OVERTAKEN: "not sent on its own: it was over before it could be sent; one message says both",
    Reason.DIGESTED: "in a digest: more came in a minute than people can read",
}
SENDS: dict[str, Reason] = {
    "opened": Reason.OPENED,
    "update": Reason.WORSE,
    "repeat": Reason.REPEAT,
    "escalation": Reason.ESCALATED,
    "resolved": Reason.RESOLVED,
}


@dataclass(frozen=True, slots=True)
class Hush:
    """A silence at work: what it means, until when, by whom."""

    id: int
    matchers: Matchers
    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class About:
    """What a notification is about. `inhibited_by`: who speaks for it; `ended_at` and `known_at`: of what was over before it was told."""

    kind: str
    subject: Subject
    inhibited_by: str = ""
    acknowledged_by: str | None = None
    worse: bool = False
    held_back: bool = False
    ended_at: datetime | None = None
    overtaken: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """How this destination stands to the alert. `told`: an earlier notice left for it and may have arrived."""

    on: bool = True
    told: bool = False
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to send, and why; `said`: the sentence for those who look, where the reason's own does not say it all."""

    send: bool
    reason: Reason
    said: str = ""

    @property
    def sentence(self) -> str:
        """What the page says."""
        return self.said or SENTENCES[self.reason]


def weigh(about: About, silences: Iterable[Hush], last: Last, now: datetime) -> Decision:
    """The first that matches. Telling is what is held back, never recording or resolving."""
    if not last.on:
        return Decision(False, Reason.DESTINATION_OFF)
    if about.kind == "resolved":
        return Decision(last.told, Reason.RESOLVED if last.told else Reason.NEVER_TOLD)
    hush = min((each for each in silences if each.matchers.matches(about.subject)), key=_longest, default=None)
    if hush is not None:
        return Decision(False, Reason.SILENCED, f"not sent: silenced until {until(hush.until, now)} by {hush.by}")
    if about.inhibited_by:
        return Decision(False, Reason.INHIBITED, f"not sent: {about.inhibited_by}")
    if about.acknowledged_by and not about.worse:
        return Decision(False, Reason.ACKNOWLEDGED, f"not sent: {about.acknowledged_by} has it in hand")
    if about.ended_at is not None and (now - about.ended_at).total_seconds() > LATE_AFTER_S:
        return Decision(False, Reason.LATE)
    if about.overtaken:
        return Decision(False, Reason.OVERTAKEN)
    if about.held_back:
        return Decision(True, Reason.STILL_TRUE)
    return Decision(True, Reason.WORSE if about.worse else SENDS.get(about.kind, Reason.OPENED))


def decide(kind: str, *, destination_on: bool, told: bool, by_hand: bool = False) -> Decision:
    """The last look before it leaves: what was decided when it was written down may have changed since."""
    if not destination_on:
        return Decision(False, Reason.DESTINATION_OFF)
    if kind == "resolved" and not told:
        return Decision(False, Reason.NEVER_TOLD)
    if by_hand:
        return Decision(True, Reason.RESENT)
    return Decision(True, SENDS.get(kind, Reason.OPENED))


def until(at: datetime, now: datetime) -> str:
    """14:00 today, the date before it on another day. UTC."""
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%d %b %H:%M}"


def _longest(hush: Hush) -> tuple[float, int]:
    return -hush.until.timestamp(), hush.id

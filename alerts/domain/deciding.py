"""Deciding: whether a notification goes to its destination, with the reason that the log, the page and the test all say."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why it goes, or does not."""

    OPENED = "OPENED"
    RESOLVED = "RESOLVED"
    RESENT = "RESENT"
    DESTINATION_OFF = "DESTINATION_OFF"
    NEVER_TOLD = "NEVER_TOLD"
    DIGESTED = "DIGESTED"


SENTENCES: dict[str, str] = {
    Reason.OPENED: "the alert fires",
    Reason.RESOLVED: "the alert is resolved, and this destination may have heard of it",
    Reason.RESENT: "sent again by hand",
    Reason.DESTINATION_OFF: "not sent: the destination is switched off",
    Reason.NEVER_TOLD: "not sent: this destination never got the alert itself",
    Reason.DIGESTED: "in a digest: more came in a minute than people can read",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to send, and why."""

    send: bool
    reason: Reason


def decide(kind: str, *, destination_on: bool, told: bool, by_hand: bool = False) -> Decision:
    """The first that matches. `told`: an earlier notice of the alert left for this destination and may have arrived."""
    if not destination_on:
        return Decision(False, Reason.DESTINATION_OFF)
    if kind == "resolved" and not told:
        return Decision(False, Reason.NEVER_TOLD)
    if by_hand:
        return Decision(True, Reason.RESENT)
    if kind == "resolved":
        return Decision(True, Reason.RESOLVED)
    return Decision(True, Reason.OPENED)

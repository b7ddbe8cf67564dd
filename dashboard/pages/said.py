"""Said: commands, events and deliveries in words. Twins of those that change on a page stand in helpers/said.js."""

from dataclasses import dataclass

from breakers.queries.shapes import DeliveryView, EventView
from dashboard.pages.words import age, short, tenths, whole, word

VERBS = {
    "probe": "Probe",
    "reset": "Reset",
    "force_open": "Force open",
    "force_closed": "Force closed",
    "disable": "Disable",
    "release": "Release",
}
VERDICTS = {"held": "Held", "did_not_hold": "Did not hold", "unproved": "Unproved"}
DELIVERIES = {"due": "on its way", "sent": "delivered", "dead": "gave up", "dropped": "not sent"}
EVENTS = {
    "state_change": "State change",
    "failure": "Failure",
    "timeout": "Timeout",
    "rejected": "Refused",
    "success": "Success",
    "slow": "Slow call",
    "retry": "Retry",
    "fallback": "Fallback",
    "ignored": "Ignored error",
    "heartbeat": "Heartbeat",
    "reset": "Counters cleared",
    "stopped": "Stopped",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a delivery; `at` null: not there yet."""

    name: str
    word: str
    at: str | None


def verb_word(action: str) -> str:
    """The word for an action."""
    return VERBS.get(action, action)


def verdict_word(verdict: str) -> str:
    """The word for a verdict."""
    return VERDICTS.get(verdict, verdict)


def delivery_word(state: str) -> str:
    """How far a notification came."""
    return DELIVERIES.get(state, state)


def event_word(kind: str) -> str:
    """The word for a type of event."""
    return EVENTS.get(kind, kind)


def event_detail(event: EventView) -> str:
    """What an event tells beyond its type."""
    parts = []
    if event.to_state:
        parts.append(f"{word(event.from_state)} → {word(event.to_state)}" if event.from_state else word(event.to_state))
    if event.error:
        parts.append(": ".join(text for text in (event.error.get("type"), event.error.get("message")) if text))
    if event.duration_ms is not None:
        parts.append(f"{short(event.duration_ms)} ms")
    if reason := _reason(event.reason):
        parts.append(reason)
    return " · ".join(parts)


def evidence_words(evidence: dict[str, object] | None) -> str:
    """What a verdict or a line of history rests on."""
    if not evidence:
        return ""
    if "watched_s" in evidence or "calls" in evidence:
        return _traffic(evidence)
    return " · ".join(
        f"{key.replace('_', ' ')}: {_value(value)}" for key, value in evidence.items() if value not in ("", None)
    )


def steps(delivery: DeliveryView) -> list[Step]:
    """The way of a command to one instance: pending, delivered, applied, confirmed; or where it ended."""
    way = [
        Step("delivered", "received", delivery.delivered_at),
        Step("applied", "applied", delivery.applied_at),
        Step("confirmed", "confirmed", delivery.confirmed_at),
    ]
    if delivery.status in ("failed", "expired"):
        return [*(step for step in way if step.at), Step(delivery.status, delivery.status, None)]
    if delivery.verdict:
        way.append(Step(delivery.verdict, verdict_word(delivery.verdict).lower(), None))
    return way


def _traffic(evidence: dict[str, object]) -> str:
    calls, failures, many = evidence.get("calls"), evidence.get("failures"), evidence.get("instances")
    reopened, watched = evidence.get("reopened_after_s"), evidence.get("watched_s")
    parts = []
    if isinstance(reopened, int | float):
        parts.append(f"re-opened after {age(reopened)}")
    if isinstance(calls, int):
        over = f" over {whole(many)} instances" if isinstance(many, int) and many > 1 else ""
        parts.append(f"{whole(calls)} call{'s' * (calls != 1)}{over}")
        if calls and isinstance(failures, int):
            parts.append(f"{whole(failures)} failed{_share(failures, calls)}")
    if isinstance(watched, int | float):
        parts.append(f"watched for {age(watched)}")
    return ", ".join(parts)


def _share(failures: int, calls: int) -> str:
    """What share failed, in words that never round a failure, or a success, away."""
    rate = 100 * failures / calls
    if not failures or failures == calls:
        return ""
    return " (under 0.1 %)" if rate < 0.1 else " (over 99.9 %)" if rate > 99.9 else f" ({tenths(rate)} %)"


def _reason(reason: object) -> str:
    if isinstance(reason, str):
        return reason
    return str(reason.get("text") or reason.get("metric") or "") if isinstance(reason, dict) else ""


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return str(value)

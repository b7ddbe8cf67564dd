"""History: spans of the past, held for as long as a rule wants, and joined where it would have been one alert."""

from collections.abc import Iterable
from datetime import datetime, timedelta

# To None: it is still so.
Span = tuple[datetime, datetime | None]


def held(spans: Iterable[Span], for_s: float, keep_s: float, now: datetime) -> list[Span]:
    """When an alert would have lived: from the end of `for` to the end of the condition, joined inside the hold."""
    patience, hold = timedelta(seconds=for_s), timedelta(seconds=keep_s)
    found: list[Span] = []
    for begun, ended in sorted(spans, key=lambda span: span[0]):
        last = found[-1] if found else None
        if last is not None and (last[1] is None or begun <= last[1] + hold):
            found[-1] = (last[0], None if last[1] is None or ended is None else max(last[1], ended))
        elif (ended or now) - begun >= patience:
            found.append((begun + patience, ended))
    return found


def while_in(steps: Iterable[tuple[datetime, str]], states: Iterable[str]) -> list[Span]:
    """The spans in which something was in one of these states, from its steps in order."""
    wanted, found, begun = set(states), list[Span](), None
    for at, state in steps:
        if state in wanted and begun is None:
            begun = at
        elif state not in wanted and begun is not None:
            found.append((begun, at))
            begun = None
    return [*found, (begun, None)] if begun is not None else found

"""The 170 services that Apprise speaks to. Always as plain text: else markup in a breaker's name would be taken at its word."""

import logging
import re
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from alerts.destinations.base import DEADLINE_S, Message, Notice, Receipt, Target
from alerts.domain.wording import plain
from alerts.errors import DeliveryError
from alerts.shapes import moment

# Imported where it is sent: 13 MB, and whatever its state, an alert must be raised and its notification written down.
if TYPE_CHECKING:
    import apprise

STATUS = re.compile(r"\berror\s*=\s*(\d{3})\b")
# Refusals that trying again won't change, and those that a person may mend in a quarter of an hour.
FOR_GOOD = frozenset({400, 405, 406, 410, 413, 415, 422})
MENDABLE = frozenset({401, 403, 404})
MENDING_S = 15 * 60
# Apprise knows no deadline inside a read: calls that hang past ours go on in their threads. No more than these.
MOST_HANGING = 16

_hanging = threading.BoundedSemaphore(MOST_HANGING)


class Text(msgspec.Struct, frozen=True):
    """What is stored and sent."""

    title: str
    body: str


def compose(notice: Notice) -> bytes:
    """Title and text for people."""
    alert = notice.alert
    lines = [
        f"Dependency: {plain(alert.dependency)}",
        f"Severity: {plain(alert.severity)}",
        f"Since: {alert.started_at}",
    ]
    if notice.kind == "resolved":
        lines.append(f"Resolved: {alert.resolved_at or moment(notice.at)}")
    word = "Resolved" if notice.kind == "resolved" else "Firing"
    return msgspec.json.encode(Text(f"{word}: {notice.summary}", "\n".join([*lines, notice.url])))


def known(url: str) -> bool:
    """Whether Apprise can make something of the URL."""
    apprise = _library()
    return isinstance(apprise.Apprise.instantiate(url, suppress_exceptions=True), apprise.NotifyBase)


def send(target: Target, message: Message) -> Receipt:
    """Notify. Errors: DeliveryError, its sentence ours: Apprise's own may hold the URL."""
    apprise = _library()
    service = apprise.Apprise()
    if not service.add(target.url):
        raise DeliveryError("Apprise can't make anything of the URL", permanent=True)
    text = msgspec.json.decode(message.body, type=Text)
    result = _bounded(service, text)
    if result:
        return Receipt()
    if result.status == apprise.AppriseResultStatus.TIMEOUT:
        raise DeliveryError(f"no answer within {DEADLINE_S:.0f} s", arrived=True)
    said = STATUS.search(" ".join(str(entry) for entry in result.logs()))
    code = int(said[1]) if said else None
    if code is None:
        raise DeliveryError("Apprise could not deliver it")
    raise DeliveryError(
        f"answered {code}",
        status_code=code,
        permanent=code in FOR_GOOD,
        patience_s=MENDING_S if code in MENDABLE else None,
    )


def _library() -> Any:
    """Apprise, silenced: it writes URLs that it can't read into the log, secrets and all."""
    import apprise

    logging.getLogger("apprise").propagate = False
    return apprise


def _bounded(service: "apprise.Apprise", text: Text) -> "apprise.AppriseResult":
    if not _hanging.acquire(blocking=False):
        raise DeliveryError(f"{MOST_HANGING} earlier calls by Apprise still hang: not tried")
    done = threading.Event()
    results: list[apprise.AppriseResult] = []

    def call() -> None:
        try:
            results.append(
                service.notify(
                    title=text.title,
                    body=text.body,
                    body_format="text",
                    timeout=DEADLINE_S,
                )
            )
        finally:
            _hanging.release()
            done.set()

    threading.Thread(target=call, name="apprise", daemon=True).start()
    if not done.wait(DEADLINE_S):
        raise DeliveryError(f"no answer within {DEADLINE_S:.0f} s", arrived=True)
    if not results:
        raise DeliveryError("Apprise failed")
    return results[0]

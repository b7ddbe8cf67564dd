"""Refusing: what was not taken is remembered, for who integrates: counts by service and code, and the last few with a sample.

A witness looks at the answers on their way out, so that every kind of refusal is seen, whoever made it. Nothing is written here:
notes gather in memory, a bounded number of samples a second, and `chores.py` has them written once a second at most.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from breakers import bulk
from breakers.bodies import Message, Receive, Scope, Send
from breakers.domain.keeping import EVERYTHING, Keeping
from breakers.domain.reports import Refusal as Refused
from breakers.domain.samples import sample
from breakers.keys import KeyOwner
from breakers.models import Refusal
from breakers.models.fields import to_us
from breakers.models.source import NOBODY

# Of each service, between two writes and in the store.
MOST_AT_ONCE = 10
KEPT = 50
DETAIL = 500
SOME_REJECTED = b'"rejected":[{'


class Note(msgspec.Struct):
    """One refused request or event, as it was met: the sample is made later, off the loop."""

    service_id: int
    at: datetime
    status: int
    code: str
    detail: str
    path: str
    address: str
    body: bytes
    encoding: str
    index: int | None
    keeping: Keeping


class _Told(msgspec.Struct):
    """What matters of an answer."""

    detail: str = ""
    code: str = ""
    rejected: list[Refused] = []


read_answer = msgspec.json.Decoder(_Told).decode


class Refusals:
    """What waits to be written; any thread may add to it. `waiting` is set while there is something."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[tuple[int, str], tuple[int, datetime]] = {}
        self._notes: dict[int, list[Note]] = {}
        self.waiting = threading.Event()

    def note(
        self,
        service_id: int,
        status: int,
        answer: bytes,
        scope: Scope,
        body: bytes,
        keeping: Keeping = EVERYTHING,
    ) -> None:
        """An answer that refuses a request, or some of its events. keeping: what may be kept of the service's texts."""
        told = read_answer(answer)
        at = self._clock()
        headers = dict(scope["headers"])
        path = scope["path"][:200]
        address = (scope.get("client") or ("",))[0]
        encoding = headers.get(b"content-encoding", b"").decode("latin-1")
        found = told.rejected or [Refused(-1, told.code or str(status), told.detail + _about_the_key(status, headers))]
        with self._lock:
            for each in found:
                count, _ = self._counts.get((service_id, each.code), (0, at))
                self._counts[service_id, each.code] = (count + 1, at)
            notes = self._notes.setdefault(service_id, [])
            for each in found[: MOST_AT_ONCE - len(notes)]:
                index = each.index if each.index >= 0 else None
                notes.append(
                    Note(service_id, at, status, each.code, each.detail, path, address, body, encoding, index, keeping)
                )
        self.waiting.set()

    def write(self) -> None:
        """Into the store, with what is there; what can't be written now is kept. Errors: StoreUnavailable."""
        with self._lock:
            counts, self._counts = self._counts, {}
            notes, self._notes = self._notes, {}
            self.waiting.clear()
        if not counts:
            return
        rows = [_row(note) for some in notes.values() for note in some]
        try:
            with bulk.writing():
                add_counts([(*key, count, to_us(at)) for key, (count, at) in sorted(counts.items())])
                Refusal.objects.bulk_create(rows)
                for service_id in notes:
                    kept = Refusal.objects.filter(service_id=service_id).order_by("-id").values("id")[KEPT:]
                    oldest = kept.first()
                    if oldest is not None:
                        Refusal.objects.filter(service_id=service_id, id__lte=oldest["id"]).delete()
        except Exception:
            self._take_back(counts, notes)
            raise

    def _take_back(self, counts: dict[tuple[int, str], tuple[int, datetime]], notes: dict[int, list[Note]]) -> None:
        with self._lock:
            for key, (count, at) in counts.items():
                newer, last_at = self._counts.get(key, (0, at))
                self._counts[key] = (count + newer, last_at)
            for service_id, some in notes.items():
                self._notes[service_id] = [*some, *self._notes.get(service_id, [])][-MOST_AT_ONCE:]
            self.waiting.set()


class Witness:
    """Stands between a request and the edge: sees the start of the body go in, and the answer come out."""

    __slots__ = ("_body", "_receive", "_refusals", "_scope", "_send", "_status", "_whose")

    def __init__(
        self, refusals: Refusals, scope: Scope, receive: Receive, send: Send, whose: Callable[[Scope], KeyOwner | None]
    ) -> None:
        self._refusals, self._scope, self._receive, self._send, self._whose = refusals, scope, receive, send, whose
        self._body = b""
        self._status = 0

    async def receive(self) -> Message:
        """The next piece of the request."""
        message = await self._receive()
        if not self._body:
            self._body = message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        """The next piece of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif self._status >= 400 or SOME_REJECTED in message["body"]:
            owner = self._whose(self._scope)
            service_id, keeping = (owner.service_id, owner.keeping) if owner else (NOBODY, EVERYTHING)
            self._refusals.note(service_id, self._status, message["body"], self._scope, self._body, keeping)
        await self._send(message)


def _about_the_key(status: int, headers: dict[bytes, bytes]) -> str:
    """What can be said of a key that is not good, without saying it."""
    if status != 401 or b"authorization" not in headers:
        return ""
    scheme, _, key = headers[b"authorization"].decode("latin-1").strip().partition(" ")
    if scheme.lower() != "bearer":
        # Nothing of it is shown: without a scheme, or behind one that is misspelt, it may be the key itself.
        return "; the header has no scheme 'Bearer' before the key"
    if key.startswith("bbt_"):
        return "; this is a token of the operators' API, an ingest key begins with bbk_"
    if not key.startswith("bbk_"):
        return "; an ingest key begins with bbk_, this one does not"
    return f"; it has {len(key)} characters"


def _row(note: Note) -> Refusal:
    # Of someone whose key says nothing the body is not read; what was sent stays with its sender.
    shown = sample(note.body, note.encoding, note.index, note.keeping) if note.status != 401 else ""
    detail = note.keeping.kind(note.detail.replace("\x00", "\ufffd")[: 2 * DETAIL])[:DETAIL]
    return Refusal(
        service_id=note.service_id,
        at=note.at,
        status=note.status,
        code=note.code[:40],
        detail=detail,
        sample=shown,
        path=note.path.replace("\x00", "\ufffd"),
        address=note.address[:64],
    )


add_counts = bulk.add_up(
    "breakers_refusalcount",
    {"service_id": "bigint", "code": "text"},
    {"count": "bigint", "last_at": "bigint"},
    largest=("last_at",),
)

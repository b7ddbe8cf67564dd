"""The webhook: the hot edge. A small ASGI application in front of Django's handler, which costs fifteen times the rest.

`POST /api/v1/events` and `/events/{format}`, `GET /api/v1/commands` and `POST /api/v1/commands/{id}/result`, all with an ingest key.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qs

import msgspec
import structlog

from breakers import bodies, commanding, keys
from breakers.bodies import Scope, Send
from breakers.database_thread import DatabaseThreads
from breakers.domain import reports
from breakers.domain.plain import plain
from breakers.domain.reports import NAME_LENGTH, BadBody, Refusal
from breakers.errors import BreakersError, Invalid, NotFound, StoreUnavailable
from breakers.intake import Intake
from breakers.keys import KeyOwner
from breakers.models.fields import to_us
from breakers.polling import Polls, TooManyPolls
from breakers.problems import send_answer, send_problem, written, written_problem
from breakers.readers import EVENTS, Reader, reader
from breakers.recording import Answer, Submission

COMMANDS = "/api/v1/commands"
KEY_REMEMBERED = 5.0  # s; a revoked key is refused within 10
MOST_KEYS_REMEMBERED = 10_000
# A body over this is unpacked and decoded off the loop, so that others are served meanwhile.
HEAVY = 64 << 10
LONGEST_WAIT = 30
JSON = b"application/json"
# Headers of posts that take the long way.
UNCOMMON = frozenset({b"content-encoding", b"idempotency-key", b"ce-specversion", b"ce-id"})
FAILED = "the board failed to take this request; its log says why"
# Gets the status, and the rest of the answer as it stands on the wire.
Told = Callable[[int, bytes], None]

log = structlog.get_logger(__name__)
encode = msgspec.json.Encoder().encode


class _Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None, **more: object) -> None:
        super().__init__(detail)
        self.status, self.retry_after, self.more = status, retry_after, more


class Webhook:
    """The hot edge of one web process."""

    def __init__(self) -> None:
        self.intake = Intake()
        self._threads = DatabaseThreads(2, "edge")
        self.polls = Polls(self._threads)
        # By the whole header: most posts of a service send the same one.
        self._owners: dict[bytes, tuple[KeyOwner, float]] = {}

    async def start(self) -> None:
        """Begin to take requests."""
        self.intake.start(asyncio.get_running_loop())
        self.polls.start()

    async def stop(self) -> None:
        """Answer what waits, store what was taken."""
        self.polls.stop()
        await asyncio.to_thread(self.intake.stop)
        self._threads.stop()

    def takes(self, scope: Scope) -> bool:
        """Whether this request is ours; everything else is Django's."""
        path: str = scope["path"]
        if path == EVENTS or path.startswith(f"{EVENTS}/"):
            return True
        if not path.startswith(COMMANDS):
            return False
        return path == COMMANDS or (path.endswith("/result") and path.count("/") == 5)

    async def __call__(self, scope: Scope, receive: bodies.Receive, send: Send) -> None:
        """Answer one request."""
        try:
            path: str = scope["path"]
            if path.startswith(EVENTS):
                _require_method(scope, "POST")
                body = await self._events(scope, receive)
                await send_answer(send, 202, body, JSON)
            elif path == COMMANDS:
                _require_method(scope, "GET")
                await send_answer(send, 200, await self._poll(scope, receive), JSON)
            else:
                _require_method(scope, "POST")
                await send_answer(send, 200, await self._result(scope, receive, path.split("/")[4]), JSON)
        except bodies.Disconnected:
            return
        except _Refused as refused:
            await send_problem(send, refused.status, str(refused), refused.retry_after, **refused.more)
        except BadBody as bad:
            await send_problem(send, bad.status, str(bad))
        except TooManyPolls as error:
            await send_problem(send, 429, str(error), 1)
        except StoreUnavailable as error:
            await send_problem(send, 503, str(error), error.retry_after)
        except Invalid as error:
            await send_problem(send, 422, str(error), errors=error.errors)
        except NotFound as error:
            await send_problem(send, 404, str(error))
        except BreakersError as error:
            await send_problem(send, 400, str(error))
        except Exception:
            log.exception("request failed", path=scope["path"])
            await send_problem(send, 500, FAILED)

    def express(self, headers: list[tuple[bytes, bytes]], body: bytes, done: Told) -> bool:
        """Take a post of the commonest kind without a task of its own: `done` gets status and answer after the commit.

        False: it needs the long way, and nothing was done. Whatever is not plainly right is told there.
        """
        told = dict(headers)
        if told.get(b"content-type") != JSON or not UNCOMMON.isdisjoint(told) or len(body) > HEAVY:
            return False
        known = self._owners.get(told.get(b"authorization", b""))
        if known is None or known[1] <= time.monotonic() or known[0].paused:
            return False
        try:
            submission = _submission(known[0].service_id, body, "", reports.read_json, "")
            if submission.refusals or not submission.reports:
                return False
            self.intake.post(submission, partial(_tell, done))
        except (BadBody, StoreUnavailable):
            return False
        return True

    async def _events(self, scope: Scope, receive: bodies.Receive) -> bytes:
        headers = _headers(scope)
        try:
            owner = await self._owner(headers)
            read = reader(scope["path"], headers, scope["query_string"])
        except (_Refused, BadBody):
            await _drop(receive)
            raise
        body = await bodies.read(receive)
        key = headers.get(b"idempotency-key", b"").decode("latin-1")
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if len(body) > HEAVY or encoding:
            submission = await asyncio.to_thread(_submission, owner.service_id, body, encoding, read, key)
        else:
            submission = _submission(owner.service_id, body, encoding, read, key)
        if submission.refusals and not submission.reports and not submission.dropped:
            raise _Refused(422, _summary(submission.refusals), rejected=submission.refusals)
        answer = await self.intake.submit(submission)
        return _answered(answer, key)

    async def _poll(self, scope: Scope, receive: bodies.Receive) -> bytes:
        headers = _headers(scope)
        owner = await self._owner(headers)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        instance = query.get("instance", [""])[-1]
        if not instance:
            raise _Refused(422, "'instance' is missing; a poll is for one instance")
        _require_name(instance)
        wait = query.get("wait", ["0"])[-1]
        if not (wait.isascii() and wait.isdigit() and len(wait) < 6):
            raise _Refused(422, f"'wait' is '{wait[:60]}'; expected seconds from 0 to {LONGEST_WAIT}")
        found = await self.polls.wait(
            owner.service_id, instance, min(int(wait), LONGEST_WAIT), receive, lambda: self._owner(headers)
        )
        return encode({"commands": found})

    async def _result(self, scope: Scope, receive: bodies.Receive, command_id: str) -> bytes:
        owner = await self._owner(_headers(scope))
        body = await bodies.read(receive)
        try:
            told = msgspec.json.decode(body, type=_Result)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Refused(400, f"the body is no result: {error}") from error
        _require_name(told.instance)
        detail = told.detail[:2_000].replace("\x00", "\ufffd")
        now = datetime.now(UTC)
        await self._threads.run(
            commanding.report_result, owner.service_id, command_id, told.instance, told.status, detail, now
        )
        return encode({"id": command_id, "instance": told.instance, "status": told.status})

    async def _owner(self, headers: dict[bytes, bytes]) -> KeyOwner:
        """Whom the request's key speaks for; remembered for a moment. Errors: 401, 403 (paused)."""
        header = headers.get(b"authorization", b"")
        known = self._owners.get(header)
        now = time.monotonic()
        if known is None or known[1] <= now:
            scheme, _, key = header.decode("latin-1").partition(" ")
            key = key.strip()
            if scheme.lower() != "bearer" or not key:
                raise _Refused(401, "no ingest key; send 'Authorization: Bearer bbk_…'")
            owner = await self._threads.run(keys.check_key, key, datetime.now(UTC))
            if owner is None:
                self._owners.pop(header, None)
                raise _Refused(401, "the ingest key is unknown or revoked")
            if len(self._owners) >= MOST_KEYS_REMEMBERED:
                self._owners.clear()
            known = self._owners[header] = (owner, now + KEY_REMEMBERED)
        if known[0].paused:
            raise _Refused(403, "the service is paused: its events are not taken until it is resumed")
        return known[0]


def _tell(done: Told, outcome: Answer | Exception) -> None:
    """The answer to a post that came by express."""
    try:
        if isinstance(outcome, Exception):
            raise outcome
        done(202, ONE_TAKEN if outcome == _ONE else written(_answered(outcome, ""), JSON))
    except _Refused as refused:
        done(refused.status, written_problem(refused.status, str(refused), refused.retry_after, **refused.more))
    except StoreUnavailable as error:
        done(503, written_problem(503, str(error), error.retry_after))
    except Exception:
        log.exception("request failed", path=EVENTS)
        done(500, written_problem(500, FAILED))


class _Result(msgspec.Struct):
    """What a service says became of a command."""

    instance: str
    status: str
    detail: str = ""


def _submission(service_id: int, body: bytes, encoding: str, read: Reader, key: str) -> Submission:
    """The body, unpacked, decoded and checked. Errors: BadBody."""
    raw = bodies.unpacked(body, encoding)
    if read is reports.read_json and not key and (found := plain(raw, to_us(datetime.now(UTC)))):
        return Submission(service_id, found, [])
    batch = reports.check(read(raw), to_us(datetime.now(UTC)), idempotency_key=key or None)
    submission = Submission(service_id, batch.reports, batch.refusals, dropped=batch.dropped)
    if key:
        submission.request_key = reports.key_of(key)
        submission.body_digest = hashlib.blake2b(raw, digest_size=16).digest()
    return submission


def _answered(answer: Answer, key: str) -> bytes:
    if answer.conflict:
        raise _Refused(409, f"the idempotency key '{key[:60]}' was used before with another body")
    if answer.rejected and not answer.accepted and not answer.duplicates:
        raise _Refused(422, _summary(answer.rejected), rejected=answer.rejected)
    return encode(
        {
            "accepted": answer.accepted,
            "duplicates": answer.duplicates,
            "rejected": answer.rejected,
            "commands": answer.commands,
        }
    )


_ONE = Answer(1, 0, [], [])
ONE_TAKEN = written(_answered(_ONE, ""), JSON)


def _summary(refusals: list[Refusal]) -> str:
    first = refusals[0]
    more = f", and {len(refusals) - 1} more" if len(refusals) > 1 else ""
    return f"event {first.index}: {first.detail}{more}"


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _require_name(instance: str) -> None:
    if len(instance) > NAME_LENGTH or "\x00" in instance:
        raise _Refused(422, f"'instance' is {instance[:60]!a}; expected at most {NAME_LENGTH} characters, and no NUL")


def _require_method(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        raise _Refused(405, f"{scope['method']} is not taken here; expected {method}")


async def _drop(receive: bodies.Receive) -> None:
    """Read the body of a request that is refused anyway, so that its sender sees the answer."""
    try:
        await bodies.read(receive)
    except BadBody:
        return

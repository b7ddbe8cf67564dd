"""The webhook: the hot edge. A small ASGI application in front of Django's handler, which costs fifteen times the rest.

`POST /api/v1/events` and `/events/{format}`, `GET /api/v1/commands` and `POST /api/v1/commands/{id}/result`, all with an ingest key.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qs

import msgspec
import structlog
from django.conf import settings

from breakers import bodies, commanding, key_uses, keys
from breakers.bodies import Scope, Send
from breakers.chores import Chores
from breakers.database_thread import DatabaseThreads
from breakers.domain.reports import NAME_LENGTH, BadBody, Refusal, read_json, unmarked
from breakers.domain.signatures import ID, SIGNATURE, BadSignature
from breakers.errors import BreakersError, Invalid, NotFound, OverLimit, StoreUnavailable, Unreadable
from breakers.intake import Intake
from breakers.keys import KeyOwner
from breakers.limiting import Limiter
from breakers.polling import Polls, TooManyPolls
from breakers.problems import problem_json, send_answer, send_problem, written, written_problem
from breakers.readers import EVENTS, reader
from breakers.refusing import SOME_REJECTED, Refusals, Witness
from breakers.submissions import Answer
from breakers.taking import request_key, take

COMMANDS = "/api/v1/commands"
KEY_REMEMBERED = 5.0  # s; a revoked key is refused within 10
MOST_KEYS_REMEMBERED = 10_000
# A body over this is unpacked and decoded off the loop, so that others are served meanwhile.
HEAVY = 64 << 10
HEAVY_AT_ONCE = 2
LONGEST_WAIT = 30
JSON = b"application/json"
# Headers of posts that take the long way.
UNCOMMON = frozenset({b"content-encoding", b"idempotency-key", b"ce-specversion", b"ce-id", ID, SIGNATURE})
FAILED = "the board failed to take this request; its log says why"
# Gets the status, and the rest of the answer as it stands on the wire.
Told = Callable[[int, bytes], None]

log = structlog.get_logger(__name__)
encode = msgspec.json.Encoder().encode


class _Refused(Exception):
    """An answer that is an error."""

    def __init__(
        self, status: int, detail: str, retry_after: int | None = None, allow: str | None = None, **more: object
    ) -> None:
        super().__init__(detail)
        self.status, self.retry_after, self.allow, self.more = status, retry_after, allow, more


class Webhook:
    """The hot edge of one web process."""

    def __init__(self) -> None:
        self.intake = Intake()
        self._threads = DatabaseThreads(2, "edge")
        self._heavy = asyncio.Semaphore(HEAVY_AT_ONCE)
        self.polls = Polls(self._threads)
        self.limiter = Limiter(settings.REDIS_URL, settings.WEB_PROCESSES, self._threads)
        # By the key itself, whatever stands around it in the header: one key is one entry.
        self._owners: dict[bytes, tuple[KeyOwner, float]] = {}
        self.refusals = Refusals()
        self._chores = Chores(self.refusals)

    async def start(self) -> None:
        """Begin to take requests."""
        self.intake.start(asyncio.get_running_loop())
        self.polls.start()
        self.limiter.start()
        self._chores.start()

    async def stop(self) -> None:
        """Answer what waits, store what was taken."""
        self.polls.stop()
        await asyncio.gather(asyncio.to_thread(self.intake.stop), asyncio.to_thread(self._chores.stop))
        await self.limiter.stop()
        await asyncio.to_thread(self._threads.stop)

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
                witness = Witness(self.refusals, scope, receive, send, self._whose)
                receive, send = witness.receive, witness.send
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
        except asyncio.CancelledError:
            # The server ends, and waits no longer for the database: it would answer 500 for us. Here the task ends too.
            stopped = StoreUnavailable("the board stops before this was answered; ask again")
            await send_problem(send, 503, str(stopped), stopped.retry_after)
        except _Refused as refused:
            await send_problem(send, refused.status, str(refused), refused.retry_after, refused.allow, **refused.more)
        except BadBody as bad:
            await send_problem(send, bad.status, str(bad))
        except TooManyPolls as error:
            await send_problem(send, 429, str(error), 1)
        except StoreUnavailable as error:
            await send_problem(send, 503, str(error), error.retry_after)
        except BadSignature as bad:
            await send_problem(send, 403, str(bad), None, None, code=bad.code, **bad.more)
        except OverLimit as error:
            await send_problem(send, 429, str(error), error.retry_after)
        except Unreadable as error:
            log.error("a signing secret can't be read", why=str(error))
            await send_problem(send, 503, "the board can't read this service's signing secret; its log says why", 60)
        except Invalid as error:
            await send_problem(send, 422, str(error), errors=error.errors)
        except NotFound as error:
            await send_problem(send, 404, str(error))
        except BreakersError as error:
            await send_problem(send, 400, str(error))
        except Exception:
            log.exception("request failed", path=scope["path"])
            await send_problem(send, 500, FAILED)

    def express(self, scope: Scope, body: bytes, done: Told) -> bool:
        """Take a post of the commonest kind without a task of its own: `done` gets status and answer after the commit.

        False: it needs the long way, and nothing was done. Whatever is not plainly right is told there.
        """
        headers = _headers(scope)
        if headers.get(b"content-type") != JSON or not UNCOMMON.isdisjoint(headers) or len(body) > HEAVY:
            return False
        known = self._owners.get(_key(headers))
        if known is None or known[1] <= time.monotonic():
            return False
        owner = known[0]
        if owner.paused or owner.signing is not None or not key_uses.has_seen(owner.key_id, _address(scope)):
            return False
        try:
            submission = take(owner, headers, body, read_json)
            if submission.refusals or not submission.reports:
                return False
            self.intake.require_room()
            self.limiter.admit(owner.service_id, owner.limits)
            self.limiter.spend(owner.service_id, len(submission.reports))
            self.limiter.weigh(owner.service_id, len(body))
            self.intake.post(submission, partial(self._tell, done, owner, scope, body))
        except (BadBody, BreakersError):
            return False
        return True

    def _tell(self, done: Told, owner: KeyOwner, scope: Scope, body: bytes, outcome: Answer | Exception) -> None:
        """The answer to a post that came by express."""
        if outcome == _ONE:
            done(202, ONE_TAKEN)
            return
        status, answer, retry_after = _told(outcome)
        if status >= 400 or SOME_REJECTED in answer:
            self.refusals.note(owner.service_id, status, answer, scope, body, owner.keeping)
        done(status, written(answer, JSON) if status < 400 else written_problem(status, answer, retry_after))

    async def _events(self, scope: Scope, receive: bodies.Receive) -> bytes:
        headers = _headers(scope)
        try:
            owner = await self._owner(headers, scope)
            read = reader(scope["path"], headers, scope["query_string"])
            self.limiter.admit(owner.service_id, owner.limits)
            self.intake.require_room()
        except (_Refused, BadBody, BreakersError):
            await _drop(receive)
            raise
        body = await bodies.read(receive)
        self.limiter.weigh(owner.service_id, len(body))
        if len(body) > HEAVY or b"content-encoding" in headers:
            # A few at a time: each may need many times its own size while it is read.
            async with self._heavy:
                submission = await asyncio.to_thread(take, owner, headers, body, read)
        else:
            submission = take(owner, headers, body, read)
        if submission.size > len(body):
            self.limiter.weigh(owner.service_id, submission.size - len(body))
        self.limiter.spend(owner.service_id, len(submission.reports) + len(submission.refusals))
        if submission.refusals and not submission.reports and not submission.dropped:
            raise _Refused(422, _summary(submission.refusals), rejected=submission.refusals)
        answer = await self.intake.submit(submission)
        return _answered(answer, headers)

    async def _poll(self, scope: Scope, receive: bodies.Receive) -> bytes:
        headers = _headers(scope)
        owner = await self._owner(headers, scope)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        instance = query.get("instance", [""])[-1]
        if not instance:
            raise _Refused(422, "'instance' is missing; a poll is for one instance")
        _require_name(instance)
        wait = query.get("wait", ["0"])[-1]
        if not (wait.isascii() and wait.isdigit() and len(wait) < 6):
            raise _Refused(422, f"'wait' is '{wait[:60]}'; expected seconds from 0 to {LONGEST_WAIT}")
        found = await self.polls.wait(
            owner.service_id, instance, min(int(wait), LONGEST_WAIT), receive, lambda: self._owner(headers, scope)
        )
        return encode({"commands": found})

    async def _result(self, scope: Scope, receive: bodies.Receive, command_id: str) -> bytes:
        owner = await self._owner(_headers(scope), scope)
        body = await bodies.read(receive)
        try:
            told = msgspec.json.decode(unmarked(body), type=_Result)
        except msgspec.ValidationError as error:
            raise Invalid(("body", f"the body is no result: {error}")) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Refused(400, f"the body is not JSON: {error}") from error
        _require_name(told.instance)
        detail = told.detail[:2_000].replace("\x00", "\ufffd")
        now = datetime.now(UTC)
        await self._threads.run(
            commanding.report_result, owner.service_id, command_id, told.instance, told.status, detail, now
        )
        return encode({"id": command_id, "instance": told.instance, "status": told.status})

    def _whose(self, scope: Scope) -> KeyOwner | None:
        """Whom a request came from, as far as its key was good a moment ago."""
        known = self._owners.get(_key(_headers(scope)))
        return known[0] if known else None

    async def _owner(self, headers: dict[bytes, bytes], scope: Scope) -> KeyOwner:
        """Whom the request's key speaks for; remembered for a moment. Errors: 401, 403 (paused), 429 (an address that guesses)."""
        key = _key(headers)
        known = self._owners.get(key)
        now = time.monotonic()
        if known is None or known[1] <= now:
            if not key:
                raise _Refused(401, "no ingest key; send 'Authorization: Bearer bbk_…'")
            address = _address(scope)
            if known is None:
                self.limiter.require_tries(address)
            owner = await self._threads.run(keys.check_key, key.decode("latin-1"), datetime.now(UTC), address)
            if owner is None:
                self._owners.pop(key, None)
                self.limiter.failed_key(address)
                raise _Refused(401, "the ingest key is unknown or revoked")
            if len(self._owners) >= MOST_KEYS_REMEMBERED:
                self._owners.clear()
            known = self._owners[key] = (owner, now + KEY_REMEMBERED)
        elif known[0].paused:
            # What is remembered may let a post in a moment too long; it keeps none out that an admin has let in again.
            owner = await self._threads.run(keys.check_key, key.decode("latin-1"), datetime.now(UTC))
            if owner is not None:
                known = self._owners[key] = (owner, now + KEY_REMEMBERED)
        if not key_uses.has_seen(known[0].key_id, _address(scope)):
            key_uses.note_address("key", known[0].key_id, _address(scope), datetime.now(UTC))
        if known[0].paused:
            raise _Refused(403, "the service is paused: its events are not taken until it is resumed")
        return known[0]


class _Result(msgspec.Struct):
    """What a service says became of a command."""

    instance: str
    status: str
    detail: str = ""


def _answered(answer: Answer, headers: dict[bytes, bytes]) -> bytes:
    if answer.conflict:
        key = request_key(headers)
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


def _told(outcome: Answer | Exception) -> tuple[int, bytes, int | None]:
    """Status, body and Retry-After of the answer to a post that went through the intake."""
    try:
        if isinstance(outcome, Exception):
            raise outcome
        return 202, _answered(outcome, {}), None
    except _Refused as refused:
        return refused.status, problem_json(refused.status, str(refused), **refused.more), refused.retry_after
    except StoreUnavailable as error:
        return 503, problem_json(503, str(error)), error.retry_after
    except Exception:
        log.exception("request failed", path=EVENTS)
        return 500, problem_json(500, FAILED), None


_ONE = Answer(1, 0, [], [])
ONE_TAKEN = written(_answered(_ONE, {}), JSON)


def _summary(refusals: list[Refusal]) -> str:
    first = refusals[0]
    more = f", and {len(refusals) - 1} more" if len(refusals) > 1 else ""
    return f"event {first.index}: {first.detail}{more}"


def _key(headers: dict[bytes, bytes]) -> bytes:
    """What stands behind `Bearer`; empty where there is no such header."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else b""


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _require_name(instance: str) -> None:
    if len(instance) > NAME_LENGTH or "\x00" in instance:
        raise _Refused(422, f"'instance' is {instance[:60]!a}; expected at most {NAME_LENGTH} characters, and no NUL")


def _require_method(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        raise _Refused(405, f"{scope['method']} is not taken here; expected {method}", allow=method)


async def _drop(receive: bodies.Receive) -> None:
    """Read the body of a request that is refused anyway, so that its sender sees the answer."""
    try:
        await bodies.read(receive)
    except BadBody:
        return

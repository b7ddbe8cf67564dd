"""The socket's edge: the handshake, what a client may ask for and how often. The hub does the rest."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
from channels.auth import AuthMiddleware
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from channels.sessions import CookieMiddleware, SessionMiddleware
from django.conf import settings

from breakers.access import Role
from breakers.errors import Invalid
from dashboard.live.credentials import (
    Identity,
    bearer,
    identify_screen,
    identify_session,
    identify_token,
    origin_allowed,
)
from dashboard.live.hub import hub
from dashboard.live.messages import Error, Subscribe, Unsubscribe, event, wish
from dashboard.live.sockets import NO_ROLE, SIGNED_OUT, TOO_MANY, Socket
from dashboard.live.topics import UnknownTopic, parse_topic

PATH = "/ws/live/"
MOST_TOPICS = 32
MOST_SOCKETS = 20  # of one user or token
MOST_IN_ALL = 4_000  # of this process: some 40 kB each
AGAIN_AFTER = b"10"  # s
LONGEST_FRAME = 16_384
OF_SCREENS = {"wall", "cells", "doubts"}
OPS_A_SECOND = 20
OPS_AT_ONCE = 40
TOO_BIG = 1009


class LiveConsumer(AsyncConsumer):
    """One connection, from the handshake to its end."""

    def __init__(self) -> None:
        self.socket: Socket | None = None
        self._tokens = float(OPS_AT_ONCE)
        self._counted_at = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Whatever ends the connection, the hub forgets it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.socket is not None:
                hub.leave(self.socket)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Straight to the handler: none uses a database connection of the shared thread, so there is none to close there."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        """Accept, and close with a code that says why where the credential does not do: a browser can't read a refusal."""
        await hub.start()
        identity = await self._identify()
        await self.send({"type": "websocket.accept"})
        if identity is None:
            await self._refuse(SIGNED_OUT)
        elif identity.role < Role.VIEWER:
            await self._refuse(NO_ROLE)
        elif sum(socket.identity.owner == identity.owner for socket in hub.sockets) >= MOST_SOCKETS:
            await self._refuse(TOO_MANY)
        else:
            self.socket = Socket(self.base_send, identity, self.scope["abort"])
            await hub.join(self.socket)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Note what the client wishes; the work is done in tasks of the socket."""
        socket, text = self.socket, message.get("text")
        if socket is None or socket.gone:
            return
        if not self._may_ask():
            hub.upkeep.close(socket, TOO_MANY)
        elif len(text or message.get("bytes") or "") > LONGEST_FRAME:
            hub.upkeep.close(socket, TOO_BIG)
        else:
            self._grant(socket, text)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """The connection is over."""
        raise StopConsumer

    def _grant(self, socket: Socket, text: str | None) -> None:
        if text is None:
            socket.say(event(Error("bad_frame", "frames are JSON text; this one is binary")))
            return
        try:
            asked = wish(text)
            topic = parse_topic(asked.topic)
        except UnknownTopic as error:
            socket.say(event(Error("unknown_topic", str(error))))
            return
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            socket.say(event(Error("bad_frame", f"this frame can't be read: {error}")))
            return
        if not isinstance(asked, Subscribe):
            (hub.unsubscribe if isinstance(asked, Unsubscribe) else hub.pause)(socket, topic)
            return
        if socket.identity.screen_id is not None and topic.kind not in OF_SCREENS:
            detail = f"a screen's link opens the wall only, not '{topic.name}'"
            socket.say(event(Error("not_allowed", detail, topic.name)))
            return
        topics = socket.subscriptions.keys() | socket.paused.keys()
        if topic.name not in topics and len(topics) >= MOST_TOPICS:
            detail = f"this socket has {MOST_TOPICS} topics, which is the most; unsubscribe from one first"
            socket.say(event(Error("too_many_topics", detail, topic.name)))
            return
        try:
            hub.subscribe(socket, topic, asked)
        except Invalid as error:
            socket.say(event(Error("bad_filter", str(error), topic.name)))

    def _may_ask(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._tokens = min(OPS_AT_ONCE, self._tokens + (now - self._counted_at) * OPS_A_SECOND) - 1
        self._counted_at = now
        return self._tokens >= 0

    async def _identify(self) -> Identity | None:
        token = bearer(self.scope)
        if token is not None:
            address = str((self.scope.get("client") or ("",))[0])
            return await hub.reader.read(identify_token, token, datetime.now(UTC), address)
        user, screen = self.scope["user"], self.scope["cookies"].get(settings.SCREEN_COOKIE_NAME)
        if screen and not user.is_authenticated:
            return await hub.reader.read(identify_screen, screen, datetime.now(UTC))
        return await hub.reader.read(identify_session, user, self.scope["session"])

    async def _refuse(self, code: int) -> None:
        await self.send({"type": "websocket.close", "code": code})


async def live_application(scope: Any, receive: Any, send: Any) -> None:
    """The live socket as an ASGI application for `websocket` scopes: path and Origin first, then who it is."""
    known = scope["path"] == PATH
    if not known or not origin_allowed(scope, needed=bearer(scope) is None):
        await receive()
        await send({"type": "websocket.close"})  # before the accept: HTTP 403
        return
    if len(hub.sockets) >= MOST_IN_ALL:
        await receive()
        await _turn_away(scope, send)
        return
    await _signed_in({**scope, "abort": _abort_of(send)}, receive, send)


async def _turn_away(scope: Any, send: Any) -> None:
    """HTTP 503, where the server knows how to answer a handshake with it; else 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"retry-after", AGAIN_AFTER), (b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})


_consumer = LiveConsumer.as_asgi()
_with_session = CookieMiddleware(SessionMiddleware(AuthMiddleware(_consumer)))


async def _signed_in(scope: Any, receive: Any, send: Any) -> None:
    # A token stands for itself: no session is looked up beside it.
    await (_with_session if bearer(scope) is None else _consumer)(scope, receive, send)


def _abort_of(send: Any) -> Any:
    """How to cut the connection off. ASGI has no word for it, and closing waits for a client that takes nothing."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    return getattr(transport, "abort", lambda: None)

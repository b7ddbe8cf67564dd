"""The web process: the hot edge first, sockets beside it, Django for the pages and the operators' API."""

import asyncio
import gc
import os
import signal
import warnings
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

# Whitenoise reads its files from a plain iterator: they are small, and browsers keep them for good.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
django_application = get_asgi_application()

from breakers.webhook import Webhook  # noqa: E402  (apps first)
from dashboard.bounding import bounded  # noqa: E402
from dashboard.live.consumers import live_application  # noqa: E402
from dashboard.live.hub import hub  # noqa: E402
from dashboard.living import show_life  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ENCRYPTED = {"http": "https", "websocket": "wss"}

webhook = Webhook()
alive: list[asyncio.Task[None]] = []


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Who answers what."""
    kind = scope["type"]
    if settings.SECURE_COOKIES and kind in ENCRYPTED:
        # The site's address says so, whatever a header claims: what ends the encryption in front of us may pass on none.
        scope["scheme"] = ENCRYPTED[kind]
    if kind == "http":
        if webhook.takes(scope):
            await webhook(scope, receive, send)
        elif (bound := await bounded(scope, receive, send)) is not None:
            await django_application(scope, bound, send)  # type: ignore[arg-type]
    elif kind == "websocket":
        await live_application(scope, receive, send)
    else:
        # Where the server's connections find it: they pass plain posts on without a task (`express.py`).
        scope.get("state", {})["express"] = webhook.express
        await _lifespan(receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Start the intake and the hub before the first request, stop them after the last."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await webhook.start()
            await hub.start()
            alive.append(asyncio.create_task(show_life()))
            _answer_polls_at_once_when_told_to_stop()
            _keep_what_is_here()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            while alive:
                alive.pop().cancel()
            await hub.stop()
            await webhook.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _keep_what_is_here() -> None:
    """Modules, models and routes live as long as the process: the collector need not walk through them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _answer_polls_at_once_when_told_to_stop() -> None:
    """The server waits for requests under way before it says `shutdown`: waiting polls must end at the signal."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def stop(number: int, frame: Any, before: Callable[..., Any] = before) -> None:
            loop.call_soon_threadsafe(webhook.polls.stop)
            before(number, frame)

        signal.signal(number, stop)

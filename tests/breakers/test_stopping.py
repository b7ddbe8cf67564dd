"""Stopping: who still waits when the web process ends is told to come again."""

import asyncio
import json
import time
from typing import Any

import pytest

from breakers.domain.keeping import EVERYTHING
from breakers.domain.limits import DEFAULTS
from breakers.keys import KeyOwner
from breakers.webhook import EVENTS, JSON, Webhook

KEY = b"bbk_known"


@pytest.mark.asyncio
async def test_a_post_that_the_server_gives_up_is_answered_503_and_not_500() -> None:
    """As uvicorn does with what is not answered some seconds after the signal to stop: a database that says nothing."""
    webhook = Webhook()
    webhook.intake._loop = asyncio.get_running_loop()  # Gathers, and no thread takes: a database that does not answer.
    owner = KeyOwner(7, "orders", False, None, DEFAULTS, EVERYTHING)
    webhook._owners[KEY] = (owner, time.monotonic() + 60)
    sent: list[dict[str, Any]] = []
    body = json.dumps({"type": "failure", "breaker": "payments"}).encode()

    read = asyncio.Event()

    async def receive() -> dict[str, Any]:
        read.set()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "method": "POST",
        "path": EVENTS,
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + KEY), (b"content-type", JSON)],
        "client": ("127.0.0.1", 50_000),
    }
    post = asyncio.create_task(webhook(scope, receive, send))
    await read.wait()
    assert (len(webhook.intake._waiting), sent) == (1, [])
    post.cancel()
    await post
    start, answer = sent
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"2")
    assert json.loads(answer["body"])["detail"] == "the board stops before this was answered; ask again"
    webhook._threads.stop()

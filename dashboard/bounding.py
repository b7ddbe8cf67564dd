"""Bounding: no request to the pages or the API brings more than 1 MiB, or takes longer than a minute to bring it.

Django would write a body of any length to disk before it asks who sends it.
"""

from breakers import bodies
from breakers.bodies import Message, Receive, Scope, Send
from breakers.domain.reports import BadBody
from breakers.problems import send_problem

BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


async def bounded(scope: Scope, receive: Receive, send: Send) -> Receive | None:
    """What the application is to read from; None where the request was answered here, or its client went away."""
    if not any(name in BODY_HEADERS for name, _ in scope["headers"]):
        return receive
    try:
        body = await bodies.read(receive)
    except bodies.Disconnected:
        return None
    except BadBody as bad:
        await send_problem(send, bad.status, str(bad))
        return None
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again

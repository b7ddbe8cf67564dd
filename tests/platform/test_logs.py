"""The log: one line a thing, nothing secret, nothing that a terminal would obey."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.lifespan.on import LifespanOn

from dashboard import logs, valkey

KEY = "bbk_sPEJrbA5_jimUu4Y2jSJWVDpa5grZQwbZxJni0B7qY7t51s9vgsM4VOJqD"


@pytest.fixture(params=["console", "json"])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure(request.param)
    (handler,) = [each for each in logging.getLogger().handlers if each.get_name() == "breakerboard"]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    logs.configure("console")


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("jimUu4Y2", f"key {KEY} is wrong"),
        ("aGVsbG8", "whsec_aGVsbG8gd29ybGQ="),
        ("abcdef123456", "Authorization: Bearer abcdef123456"),
        ("hush", "postgresql://ada:hush@db.example.com/board"),
        ("yXlgBKEpC0UPaSjKQFWn", "GET /welcome/yXlgBKEpC0UPaSjKQFWnolQyXQyUp16g2qDDDLH86wY/"),
        ("yXlgBKEpC0UPaSjKQFWn", "GET /screen/yXlgBKEpC0UPaSjKQFWnolQyXQyUp16g2qDDDLH86wY/"),
    ],
)
def test_secrets_are_hidden_wherever_they_stand(log: io.StringIO, secret: str, text: str) -> None:
    logging.getLogger("x").warning("plain %s", text)
    logging.getLogger("x").warning("extra", extra={"said": text})
    structlog.get_logger("x").warning("field", said=[text], deep={"er": text})
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("x").exception("with a traceback")
    told = log.getvalue()
    assert len(told.splitlines()) >= 4
    assert secret not in told
    assert "[redacted]" in told


def test_a_key_keeps_its_public_id() -> None:
    assert logs.redact(f"key {KEY} is revoked") == "key bbk_sPEJrbA5_[redacted] is revoked"


@pytest.mark.parametrize("name", ["password", "Authorization", "api_key", "signing_secret", "cookie", "csrf_token"])
def test_fields_with_a_secret_name_are_hidden(log: io.StringIO, name: str) -> None:
    structlog.get_logger("x").warning("field", **{name: "hush"})
    assert "hush" not in log.getvalue()


@pytest.mark.parametrize("hostile", ["a\nb", "\x1b[31mred", "\x07", "\u202eback", "\x7f", "\x9b2J"])
def test_a_hostile_name_stays_on_its_line_and_is_not_obeyed(log: io.StringIO, hostile: str) -> None:
    logging.getLogger("x").warning("from %s", hostile)
    structlog.get_logger("x").warning(hostile, said=hostile)
    told = log.getvalue()
    assert len(told.splitlines()) == 2
    assert told.replace("\n", "").isprintable()


def test_json_is_one_object_a_line(log: io.StringIO, request: pytest.FixtureRequest) -> None:
    logging.getLogger("x").error("it %s", "failed", extra={"breaker": "orders"})
    line = log.getvalue().strip()
    if line.startswith("{"):
        told = json.loads(line)
        assert (told["event"], told["level"], told["logger"], told["breaker"]) == ("it failed", "error", "x", "orders")
    else:
        assert line.endswith("it failed  breaker=orders")


def test_a_503_of_ours_is_no_mistake(log: io.StringIO) -> None:
    logger = logging.getLogger("django.request")
    logger.error("Service Unavailable: /readyz", extra={"status_code": 503})
    assert log.getvalue() == ""
    logger.error("Internal Server Error: /", extra={"status_code": 500})
    assert "Internal Server Error" in log.getvalue()


async def test_what_the_server_says_of_steps_that_went_well_is_left_out(log: io.StringIO) -> None:
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})  # type: ignore[typeddict-item,misc]

    lifespan = LifespanOn(uvicorn.Config(app, lifespan="on", log_config=None))
    await lifespan.startup()
    await lifespan.shutdown()
    logging.getLogger("uvicorn.error").info("Uvicorn running on %s", "http://127.0.0.1:8000")
    logging.getLogger("uvicorn.error").error("Application startup failed. Exiting.")
    told = log.getvalue().splitlines()
    assert ["Uvicorn running" in told[0], "startup failed" in told[1], len(told)] == [True, True, 2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("26498:M 24 Nov 2026 00:27:23.791 * Server initialized", {"level": "debug", "event": "Server initialized"}),
        ("26498:M 24 Nov 2026 00:27:23.791 # Bad file format", {"level": "warning", "event": "Bad file format"}),
        ("sh: not found", {"level": "info", "event": "sh: not found"}),
    ],
)
def test_valkey_speaks_as_we_do(line: str, told: dict[str, Any]) -> None:
    assert valkey.told(line) == told

"""Logging: one line a thing, structured, from every process and library, without secrets and without control characters.

`LOG_FORMAT=console` (default) is for people: `08:00:00.123 warning  web  the message  key=value`, a traceback below it.
`LOG_FORMAT=json` is for machines: one object a line. The processes that `up` starts speak JSON to it, and it speaks to the world.
"""

import json
import logging
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = "[redacted]"
SECRET_NAMES = re.compile(r"authorization|password|secret|token$|cookie|api_?key", re.IGNORECASE)
SECRET_TEXTS = (
    # Keys and tokens of ours keep their public id, so that a line can be followed to its row.
    (re.compile(r"\b(bb[kt]_[0-9A-Za-z]{8}_)[0-9A-Za-z]+"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(wh(?:sec|sk)_)[0-9A-Za-z+/=_-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)(?!bb[kt]_|\[redacted)[0-9A-Za-z+/=._~-]{6,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\"]*:)[^\s/@'\"]+(@)"), rf"\1{HIDDEN}\2"),
    (re.compile(r"(/(?:welcome|screen)/)[0-9A-Za-z_-]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(/acknowledge/)[0-9A-Za-z_:-]{16,}"), rf"\1{HIDDEN}"),
)
# Chatty at INFO, or told better elsewhere.
LEVELS = {
    "django.request": logging.ERROR,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "asyncio": logging.WARNING,
    "apprise": logging.WARNING,
    "celery.app.trace": logging.WARNING,
    "celery.beat": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
    "kombu": logging.WARNING,
}
# What uvicorn says between "it listens" and "it stops".
STEPS = (
    "Started server process [%d]",
    "Waiting for application startup.",
    "Application startup complete.",
    "Waiting for application shutdown.",
    "Application shutdown complete.",
    "Finished server process [%d]",
)
# These bring handlers of their own, which would print a second time and without our hand on it.
TAMED = ("uvicorn", "uvicorn.error", "uvicorn.asgi", "celery", "celery.task", "celery.redirected")


def configure(log_format: str) -> None:
    """Send everything, ours and the libraries', through one handler on standard error. Safe to call again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder(), _drop_twins],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _rendered(log_format),
            ],
        )
    )
    handler.set_name("breakerboard")
    root = logging.getLogger()
    for old in [each for each in root.handlers if each.get_name() == handler.get_name()]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in TAMED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger("django.request").addFilter(_is_a_mistake)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if not sys.warnoptions:
        # Celery discourages root; containers are root.
        warnings.filterwarnings("ignore", message="(?s).*superuser privileges")
        logging.captureWarnings(True)


def redact(text: str) -> str:
    """The text without what must not be read in a log."""
    for pattern, instead in SECRET_TEXTS:
        text = pattern.sub(instead, text)
    return text


def escape(text: str) -> str:
    """The text on one line, whatever it holds: control characters become escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _is_a_mistake(record: logging.LogRecord) -> bool:
    """503 is an answer that we give on purpose, and each second while a part is away."""
    return getattr(record, "status_code", None) != 503


def _is_news(record: logging.LogRecord) -> bool:
    """That it listens, and that it stops, is news. The steps in between are not, when they go well."""
    return record.levelno > logging.INFO or str(record.msg) not in STEPS


def _drop_twins(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Other handlers leave the message on the record, uvicorn a coloured one."""
    return {name: value for name, value in event.items() if name not in {"message", "asctime", "color_message"}}


def _hide_named(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide values whose name says that they are secret."""
    return {name: HIDDEN if value and SECRET_NAMES.search(name) else value for name, value in event.items()}


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    _hide_named,
]


def _rendered(log_format: str) -> Processor:
    """The last step: the event as the text of its line."""
    return lambda logger, method, event: render(event, log_format)


def render(event: Mapping[str, Any], log_format: str) -> str:
    """One event as the text of its line."""
    told = dict(event)
    if log_format == "json":
        return redact(json.dumps(told, default=str))
    clock = str(told.pop("at", ""))[11:23]
    level = str(told.pop("level", "info"))
    part = str(told.pop("part", ""))
    message = str(told.pop("event", "")).strip()
    exception = str(told.pop("exception", ""))
    told.pop("logger", None)
    fields = "".join(f"  {name}={_value(value)}" for name, value in told.items())
    lines = [f"{clock} {level:<8} {part:<9} {escape(message)}{fields}"]
    lines += [f"{'':>21} {part:<9} | {escape(under)}" for under in exception.splitlines()]
    return redact("\n".join(lines))


def _value(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    plain = text.isprintable() and text != "" and not any(c in text for c in " =\"'")
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())

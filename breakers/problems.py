"""Problems: the body of every error answer (RFC 9457, `application/problem+json`)."""

from http import HTTPStatus

import msgspec

CONTENT_TYPE = b"application/problem+json"


def problem(status: int, detail: str, **more: object) -> dict[str, object]:
    """The body of an error: `type`, `title`, `status`, `detail`, and more members by name."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}


def problem_json(status: int, detail: str, **more: object) -> bytes:
    """The same as bytes."""
    return msgspec.json.encode(problem(status, detail, **more))

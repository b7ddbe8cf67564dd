"""Commands and the audit trail, as the pages and the API read them."""

from datetime import datetime

from breakers.queries.shapes import CommandView, Page


def command(command_id: str) -> CommandView:
    """One command with its deliveries. Errors: NotFound for an unknown id in any spelling."""
    raise NotImplementedError


def commands_of(breaker_id: str, *, limit: int = 20) -> list[CommandView]:
    """A breaker's commands, newest first."""
    raise NotImplementedError


def audit_trail(
    *,
    target_kind: str = "",
    target_id: str = "",
    actor: str = "",
    verb: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """The audit trail, newest first. Items are AuditView."""
    raise NotImplementedError

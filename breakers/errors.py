"""What can go wrong here.

BreakersError
├── NotAllowed          the actor's role is too low                    403
├── NotFound            no such breaker, command, service, key         404
├── Conflict            no live instance, a name that is taken         409
├── Invalid             a value that can't be taken (field, sentence)  422
├── OverLimit           too fast: wait `retry_after` seconds            429
├── Unreadable          a sealed secret that this board can't open     500
└── StoreUnavailable    the database can't be written now              503
"""


class BreakersError(Exception):
    """The message is a sentence for the caller, with the value in it."""


class NotAllowed(BreakersError):
    """The actor's role is too low."""


class NotFound(BreakersError):
    """There is no such thing."""


class Conflict(BreakersError):
    """It can't be done in the present state."""


class Invalid(BreakersError):
    """A value that can't be taken. `errors`: [{"field", "detail"}]."""

    def __init__(self, *errors: tuple[str, str]) -> None:
        super().__init__("; ".join(detail for _, detail in errors))
        self.errors = [{"field": field, "detail": detail} for field, detail in errors]


class OverLimit(BreakersError):
    """Faster than is allowed; nothing was taken. `retry_after` in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreadable(BreakersError):
    """A sealed secret that can't be opened: another key, another place, or damaged."""


class StoreUnavailable(BreakersError):
    """The database can't be written now; nothing was stored. `retry_after` in seconds."""

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after

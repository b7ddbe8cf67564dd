"""What can go wrong here, beside what the app below raises (NotFound, Conflict, NotAllowed, Invalid).

AlertsError
└── DeliveryError       a notification did not get through

Invalid
└── BadTarget           a destination's URL can't be taken; says which way by a code     422
"""

from breakers.errors import Invalid


class AlertsError(Exception):
    """The message is a sentence for the caller, with the value in it."""


class DeliveryError(AlertsError):
    """A notification did not get through. The sentence holds no secret: pages and logs show it.

    permanent: trying again can't help.
    patience_s: worth trying for so long at most; None: for the whole time of the outbox.
    arrived: it may have been read all the same (we had sent it, and no answer came).
    failed: by a fault of ours, not of the destination's.
    forbidden: the guard does not let it be reached.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        patience_s: float | None = None,
        arrived: bool = False,
        failed: bool = False,
        forbidden: bool = False,
        status_code: int | None = None,
        retry_after_s: float | None = None,
        address: str = "",
        answer: str = "",
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.patience_s = patience_s
        self.arrived = arrived
        self.failed = failed
        self.forbidden = forbidden
        self.status_code = status_code
        self.retry_after_s = retry_after_s
        self.address = address
        self.answer = answer


class BadTarget(Invalid):
    """A destination's URL that can't be taken. `code`: bad_url, or private_address for one that must not be reached."""

    BAD_URL = "bad_url"
    PRIVATE_ADDRESS = "private_address"

    def __init__(self, code: str, detail: str, field: str = "config.url") -> None:
        super().__init__((field, detail))
        self.code = code
        self.errors = [{**error, "code": code} for error in self.errors]

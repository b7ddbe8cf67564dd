"""Failures: what an exception of a connection means, in words that are ours: a library's may hold the URL."""

import ssl

import httpcore

from alerts.destinations import tls
from alerts.errors import DeliveryError


def told(error: Exception, sent: bool, address: str, deadline_s: float) -> DeliveryError:
    """The error in a sentence. `sent`: something of the request had left us, so it may have arrived."""
    if isinstance(error, httpcore.TimeoutException):
        what = f"no answer within {deadline_s:.0f} s" if sent else "no connection in time"
        return DeliveryError(what, arrived=sent, address=address)
    if isinstance(error, httpcore.ConnectError):
        return DeliveryError(_why_not_connected(error), address=address)
    if isinstance(error, httpcore.NetworkError):
        return DeliveryError("the connection broke before an answer", arrived=sent, address=address)
    if isinstance(error, httpcore.RemoteProtocolError):
        return DeliveryError("what came back is no HTTP answer", arrived=sent, address=address)
    return DeliveryError(f"the request failed: {type(error).__name__}", arrived=sent, address=address)


def _why_not_connected(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not good: {tls.why(cause)}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {tls.why(cause)}"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        cause = cause.__cause__ or cause.__context__
    return "no connection could be made"

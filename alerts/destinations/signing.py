"""Signing: the signature of the Standard Webhooks specification, over the bytes exactly as they are sent."""

import base64
import binascii
import hashlib
import hmac

from alerts.errors import DeliveryError

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key in a `whsec_…` secret.

    Errors: DeliveryError, permanent, without the secret in its sentence.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise DeliveryError(f"the signing secret is not '{PREFIX}' and base64: nothing can be signed", permanent=True)
    return key


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = b".".join([webhook_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()

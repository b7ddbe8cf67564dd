"""Signatures: whether a post was signed as Standard Webhooks want it (standardwebhooks.com). Pure; the time comes in.

Signed are `webhook-id`, `webhook-timestamp` and the body as it came over the wire, joined by full stops.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
TOLERANCE_S = 300
MOST_SIGNATURES = 16
LONGEST_ID = 200
ID, TIMESTAMP, SIGNATURE = b"webhook-id", b"webhook-timestamp", b"webhook-signature"
HEADERS = (ID, TIMESTAMP, SIGNATURE)


class BadSignature(Exception):
    """Not signed as it should be. `code` names the way, the message is a sentence, `more` goes into the answer."""

    def __init__(self, code: str, detail: str, **more: object) -> None:
        super().__init__(detail)
        self.code, self.more = code, more


def secret_text(raw: bytes) -> str:
    """A secret as it is shown and configured: `whsec_` and base64."""
    return PREFIX + base64.b64encode(raw).decode()


def secret_bytes(text: str) -> bytes:
    """What signs, of such a text."""
    return base64.b64decode(text.removeprefix(PREFIX), validate=True)


def is_signed(headers: Mapping[bytes, bytes]) -> bool:
    """Whether any of the three headers is there: then all of them must be, and be right."""
    return SIGNATURE in headers or TIMESTAMP in headers or ID in headers


def verify(secrets: Sequence[bytes], headers: Mapping[bytes, bytes], body: bytes, now_s: float) -> None:
    """Nothing for a post that one of these secrets signed. Errors: BadSignature, a code and a sentence for each way to be wrong."""
    missing = [name.decode() for name in HEADERS if not headers.get(name, b"").strip()]
    if missing:
        raise BadSignature("signature_missing", f"the post is not signed: {', '.join(missing)} missing")
    message_id = _id(headers[ID])
    timestamp = headers[TIMESTAMP].strip()
    _require_recent(timestamp, now_s)
    told = _signatures(headers[SIGNATURE])
    content = b".".join((message_id, timestamp, body))
    matches = False
    for secret in secrets:
        expected = hmac.new(secret, content, hashlib.sha256).digest()
        for signature in told:
            # All of them, whichever matches: the time it takes says nothing.
            matches |= hmac.compare_digest(expected, signature)
    if not matches:
        raise BadSignature(
            "no_match",
            "no signature matches: sign 'id.timestamp.body' with this service's secret, the body byte for byte as it is "
            "sent (compressed, where it is)",
        )


def _id(value: bytes) -> bytes:
    value = value.strip()
    # A full stop would let one signed text be read as another.
    if len(value) > LONGEST_ID or b"." in value or not all(33 <= byte <= 126 for byte in value):
        raise BadSignature(
            "bad_webhook_id",
            f"'webhook-id' is {_shown(value)}; expected at most {LONGEST_ID} visible ASCII characters without a full stop",
        )
    return value


def _require_recent(value: bytes, now_s: float) -> None:
    if not value.isdigit() or len(value) > 12:
        raise BadSignature(
            "bad_timestamp",
            f"'webhook-timestamp' is {_shown(value)}; expected whole seconds since 1970, like 1764057600",
        )
    off = round(int(value) - now_s)
    if abs(off) <= TOLERANCE_S:
        return
    code, where = ("too_new", "ahead of") if off > 0 else ("too_old", "behind")
    raise BadSignature(
        code,
        f"'webhook-timestamp' is {abs(off):,} s {where} the board's clock; at most {TOLERANCE_S} s are taken: "
        "set the sender's clock, and sign at each try",
        clock_off_s=off,
    )


def _signatures(value: bytes) -> list[bytes]:
    parts = value.split()
    if len(parts) > MOST_SIGNATURES:
        raise BadSignature(
            "bad_signature", f"'webhook-signature' holds {len(parts)} signatures; at most {MOST_SIGNATURES} are read"
        )
    found = []
    for part in parts:
        version, comma, text = part.partition(b",")
        if comma and version != b"v1":
            continue  # Another scheme, for others to read.
        try:
            signature = base64.b64decode(text, validate=True)
        except binascii.Error:
            signature = b""
        if len(signature) != hashlib.sha256().digest_size:
            raise BadSignature(
                "bad_signature",
                f"'webhook-signature' holds {_shown(part)}; expected 'v1,' and an HMAC-SHA256 in base64, several separated by spaces",
            )
        found.append(signature)
    if not found:
        raise BadSignature("bad_signature", "'webhook-signature' holds no signature of the scheme v1")
    return found


def _shown(value: bytes) -> str:
    return repr(value[:60].decode("latin-1")) if value.isascii() else ascii(value[:60].decode("latin-1"))

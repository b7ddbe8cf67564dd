"""Browser push: one browser a destination, by its push service (RFC 8030), encrypted for that browser alone (RFC 8291).

The board proves who it is by a key of its own (VAPID, RFC 8292), derived from the board's secret: nothing to set up, and a
subscription made with it stays good as long as the secret does.
"""

import base64
import binascii
import json
import os
import struct
import time
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils import timezone

from alerts.destinations import guard, texts
from alerts.destinations.base import Message, Notice, Receipt, Target
from alerts.domain.backoff import retry_after_s
from alerts.domain.wording import plain
from alerts.errors import DeliveryError

CURVE = ec.SECP256R1()
RECORD = 4096
TTL_S = 3600
GOOD_FOR_S = 12 * 3600
HEAD = {"typ": "JWT", "alg": "ES256"}
# The order of P-256.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Note(msgspec.Struct, frozen=True):
    """What the browser shows: on a lock screen, so name and state alone."""

    title: str
    body: str
    url: str
    tag: str


def compose(notice: Notice) -> bytes:
    """The title says it all; a later one of the same alert takes the place of the earlier."""
    body = plain(notice.alert.severity) if not notice.lines else f"{len(notice.lines) + notice.beyond:,} lines"
    return msgspec.json.encode(Note(plain(texts.title(notice), 200), body, notice.url, f"alert-{notice.alert.id}"))


def send(target: Target, message: Message) -> Receipt:
    """POST it to the browser's push service. Errors: DeliveryError, permanent where the subscription is gone."""
    public, auth = keys_of(target.more.get("p256dh", ""), target.more.get("auth", ""))
    tag = msgspec.json.decode(message.body, type=Note).tag
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(TTL_S),
        "Urgency": "high",
        "Topic": _b64(tag.encode())[:32],
        "Authorization": authorization(target.url, int(time.time())),
        "User-Agent": "Breakerboard",
    }
    answer = guard.post(
        target.url,
        headers,
        encrypted(message.body, public, auth),
        trusted=target.trusted,
        allow_private=settings.ALLOW_PRIVATE_TARGETS,
    )
    code = answer.status_code
    if 200 <= code < 300:
        return Receipt(code, answer.address, answer.text)
    raise DeliveryError(
        "the browser's subscription is gone" if code in {404, 410} else f"answered {code}",
        status_code=code,
        permanent=300 <= code < 500 and code not in {408, 425, 429},
        retry_after_s=retry_after_s(answer.headers.get("retry-after"), timezone.now()),
        address=answer.address,
        answer=answer.text,
    )


def keys_of(p256dh: str, auth: str) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    """A subscription's key and secret. Errors: DeliveryError, permanent."""
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, _unb64(p256dh))
        secret = _unb64(auth)
    except (ValueError, binascii.Error):
        raise DeliveryError("the subscription's keys can't be read", permanent=True) from None
    if len(secret) != 16:
        raise DeliveryError("the subscription's keys can't be read", permanent=True)
    return public, secret


def public_key() -> str:
    """What a browser subscribes with: the board's public key, base64url."""
    return _b64(_point(_own_key(settings.SECRET_KEY).public_key()))


def authorization(endpoint: str, now: int) -> str:
    """The header that says who sends, to this push service alone and not for long."""
    parts = urlsplit(endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now + GOOD_FOR_S, "sub": _contact()}
    signed = f"{_b64(json.dumps(HEAD).encode())}.{_b64(json.dumps(claims).encode())}"
    key = _own_key(settings.SECRET_KEY)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"vapid t={signed}.{_b64(r.to_bytes(32) + s.to_bytes(32))}, k={public_key()}"


def encrypted(body: bytes, public: ec.EllipticCurvePublicKey, auth: bytes) -> bytes:
    """aes128gcm for this browser, with a key used once."""
    own = ec.generate_private_key(CURVE)
    salt = os.urandom(16)
    shared = own.exchange(ec.ECDH(), public)
    info = b"WebPush: info\0" + _point(public) + _point(own.public_key())
    secret = HKDF(hashes.SHA256(), 32, auth, info).derive(shared)
    key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
    point = _point(own.public_key())
    head = salt + struct.pack("!IB", RECORD, len(point)) + point
    return head + AESGCM(key).encrypt(nonce, body + b"\x02", None)


@lru_cache(maxsize=4)
def _own_key(secret: str) -> ec.EllipticCurvePrivateKey:
    raw = HKDF(hashes.SHA256(), 48, None, b"breakerboard push 1").derive(secret.encode())
    return ec.derive_private_key(int.from_bytes(raw) % (ORDER - 1) + 1, CURVE)


def _contact() -> str:
    return settings.SITE_URL if settings.SITE_URL.startswith("https://") else "mailto:breakerboard@localhost"


def _point(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)

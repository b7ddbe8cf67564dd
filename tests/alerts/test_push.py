"""Browser push: what a browser can decrypt, and a push service can check."""

import base64
import json
import struct
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pytest_django.fixtures import Settings

from alerts.destinations import push, speaking
from alerts.destinations.base import Message, Target
from alerts.errors import DeliveryError
from tests.alerts import receiver as behaviours
from tests.alerts.receiver import receiver

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
NOTE = b'{"title":"Firing: x opened","body":"critical","url":"https://board.example.org/alerts/7","tag":"alert-7"}'


class Browser:
    """A subscription, and what its browser makes of a message."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"0123456789abcdef"

    @property
    def keys(self) -> dict[str, str]:
        """What the browser gives away."""
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {"p256dh": b64(point), "auth": b64(self.auth)}

    def reads(self, body: bytes) -> bytes:
        """RFC 8188 and RFC 8291, from the browser's side."""
        salt, (size, length) = body[:16], struct.unpack("!IB", body[16:21])
        point, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        shared = self.key.exchange(ec.ECDH(), theirs)
        mine = unb64(self.keys["p256dh"])
        secret = HKDF(hashes.SHA256(), 32, self.auth, b"WebPush: info\0" + mine + point).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
        plain = AESGCM(key).decrypt(nonce, sealed, None)
        assert plain[-1] == 2, "the last record"
        return plain[:-1]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_what_arrives(settings: Settings) -> None:
    browser = Browser()
    settings.SITE_URL = "https://board.example.org"
    with receiver() as service:
        service.then = behaviours.answers(201)
        target = Target("push", service.url, "", trusted=True, more=browser.keys)
        assert speaking.send(target, Message("id", NOTE, NOW)).status_code == 201
        [request] = service.requests
    assert browser.reads(request.body) == NOTE
    headers = request.headers
    assert (headers["content-encoding"], headers["ttl"], headers["urgency"]) == ("aes128gcm", "3600", "high")
    assert headers["topic"] == b64(b"alert-7")
    token, key = headers["authorization"].removeprefix("vapid t=").split(", k=")
    assert key == push.public_key()
    head, claims, signature = token.split(".")
    assert json.loads(unb64(head)) == {"typ": "JWT", "alg": "ES256"}
    told = json.loads(unb64(claims))
    assert told["aud"] == f"http://127.0.0.1:{service.port}"
    assert told["sub"] == "https://board.example.org"
    raw = unb64(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(key))
    public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))


def test_the_same_words_never_look_the_same() -> None:
    browser = Browser()
    public, auth = push.keys_of(**browser.keys)
    assert push.encrypted(NOTE, public, auth) != push.encrypted(NOTE, public, auth)


def test_the_boards_key_stays_with_its_secret(settings: Settings) -> None:
    settings.SECRET_KEY = "a" * 50
    first = push.public_key()
    settings.SECRET_KEY = "b" * 50
    assert push.public_key() != first
    settings.SECRET_KEY = "a" * 50
    assert push.public_key() == first


@pytest.mark.parametrize(
    ("status", "permanent"), [(404, True), (410, True), (400, True), (429, False), (500, False), (503, False)]
)
def test_what_a_refusal_means(status: int, permanent: bool) -> None:
    with receiver() as service:
        service.then = behaviours.answers(status)
        target = Target("push", service.url, "", trusted=True, more=Browser().keys)
        with pytest.raises(DeliveryError) as refused:
            speaking.send(target, Message("id", NOTE, NOW))
    assert refused.value.permanent is permanent


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": "", "auth": ""},
        {"p256dh": "x", "auth": "y"},
        {"p256dh": b64(b"\4" + b"\1" * 64), "auth": b64(b"0" * 16)},
        {**Browser().keys, "auth": b64(b"short")},
    ],
)
def test_keys_that_are_none(keys: dict[str, str]) -> None:
    with pytest.raises(DeliveryError, match="can't be read"):
        push.keys_of(**keys)

"""Signed posts, as the published library signs them; and each way to be wrong, with a sentence of its own."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from breakers import signing
from breakers.domain.signatures import BadSignature, secret_bytes, secret_text, verify
from breakers.errors import Unreadable
from breakers.models import Service
from breakers.sealing import place_of, seal
from breakers.signing import EARLIER_TAKEN_FOR, make_secret, require_signed, signing_of
from breakers.taking import request_key

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BODY = '{"type": "failure", "breaker": "zahlung-ü"}'
RAW = BODY.encode()
SECRET = secret_text(b"s" * 32)
OTHER = secret_text(b"o" * 32)


def signed(secret: str = SECRET, at: datetime = NOW, body: str = BODY, id: str = "msg_1") -> dict[bytes, bytes]:
    """The headers of a post that the published library signed."""
    return {
        b"webhook-id": id.encode(),
        b"webhook-timestamp": str(int(at.timestamp())).encode(),
        b"webhook-signature": Webhook(secret).sign(id, at, body).encode(),
    }


def wrong(headers: dict[bytes, bytes], body: bytes = RAW) -> tuple[str, str]:
    with pytest.raises(BadSignature) as raised:
        verify([secret_bytes(SECRET)], headers, body, NOW.timestamp())
    return raised.value.code, str(raised.value)


def test_what_the_published_library_signs_is_taken() -> None:
    verify([secret_bytes(SECRET)], signed(), RAW, NOW.timestamp())


def test_one_byte_more_or_another_secret_matches_nothing() -> None:
    sentence = (
        "no signature matches: sign 'id.timestamp.body' with this service's secret, the body byte for byte as it is "
        "sent (compressed, where it is)"
    )
    assert wrong(signed(), RAW + b" ") == ("no_match", sentence)
    assert wrong(signed(OTHER)) == ("no_match", sentence)
    assert wrong({**signed(), b"webhook-id": b"msg_2"}) == ("no_match", sentence)
    moved = str(int(NOW.timestamp()) + 1).encode()
    assert wrong({**signed(), b"webhook-timestamp": moved}) == ("no_match", sentence)


def test_a_blank_more_around_the_id_makes_no_other_post_of_one_that_was_overheard() -> None:
    headers = signed()
    again = {**headers, b"webhook-id": b"msg_1 \t"}
    # It is signed as well as the first: so it must be known as the same.
    verify([secret_bytes(SECRET)], again, RAW, NOW.timestamp())
    assert request_key(again) == request_key(headers) == "msg_1"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_is_missed_by_its_name(name: str) -> None:
    headers = signed()
    headers[name.encode()] = b" "
    assert wrong(headers) == ("signature_missing", f"the post is not signed: {name} missing")
    del headers[name.encode()]
    assert wrong(headers) == ("signature_missing", f"the post is not signed: {name} missing")


@pytest.mark.parametrize("id", [b"a.b", b"a b", b"x" * 201, "ü".encode(), b"a\x00"])
def test_an_id_that_could_be_read_in_two_ways(id: bytes) -> None:
    code, detail = wrong({**signed(), b"webhook-id": id})
    assert (code, "expected at most 200 visible ASCII characters without a full stop" in detail) == (
        "bad_webhook_id",
        True,
    )


@pytest.mark.parametrize("timestamp", [b"yesterday", b"1764057600.5", b"-5", b"1" * 13, "١٢".encode()])
def test_a_timestamp_that_is_none(timestamp: bytes) -> None:
    code, detail = wrong({**signed(), b"webhook-timestamp": timestamp})
    assert (code, "expected whole seconds since 1970" in detail) == ("bad_timestamp", True)


def test_five_minutes_both_ways_and_how_far_the_clock_is_off() -> None:
    for seconds in (-300, 300):
        verify([secret_bytes(SECRET)], signed(at=NOW + timedelta(seconds=seconds)), RAW, NOW.timestamp())
    for seconds, code, where in ((-301, "too_old", "301 s behind"), (7_200, "too_new", "7,200 s ahead of")):
        with pytest.raises(BadSignature) as raised:
            verify([secret_bytes(SECRET)], signed(at=NOW + timedelta(seconds=seconds)), RAW, NOW.timestamp())
        assert (raised.value.code, raised.value.more) == (code, {"clock_off_s": seconds})
        assert f"'webhook-timestamp' is {where} the board's clock; at most 300 s are taken" in str(raised.value)


def test_one_good_signature_among_sixteen_is_enough_and_seventeen_are_too_many() -> None:
    good = signed()[b"webhook-signature"]
    bad = signed(OTHER)[b"webhook-signature"]
    foreign = b"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    verify(
        [secret_bytes(SECRET)],
        {**signed(), b"webhook-signature": b" ".join([bad] * 14 + [foreign, good])},
        RAW,
        NOW.timestamp(),
    )
    many = {**signed(), b"webhook-signature": b" ".join([bad] * 16 + [good])}
    assert wrong(many) == ("bad_signature", "'webhook-signature' holds 17 signatures; at most 16 are read")
    assert wrong({**signed(), b"webhook-signature": foreign}) == (
        "bad_signature",
        "'webhook-signature' holds no signature of the scheme v1",
    )


@pytest.mark.parametrize(
    "signature", [b"v1", b"v1,", b"v1,%%%", b"v1," + base64.b64encode(b"short"), b"sha256=abc", "v1,ü".encode()]
)
def test_a_signature_that_is_none(signature: bytes) -> None:
    code, detail = wrong({**signed(), b"webhook-signature": signature})
    assert (code, "expected 'v1,' and an HMAC-SHA256 in base64" in detail) == ("bad_signature", True)


@pytest.fixture
def service(db: None) -> Service:
    return Service.objects.create(name="checkout", created_at=NOW, signatures="required")


def taken(service: Service, secret: str, now: datetime) -> bool:
    checked = signing_of(service, now)
    assert checked is not None
    try:
        require_signed(checked, signed(secret, now), RAW, now)
    except BadSignature:
        return False
    return True


def test_a_rotated_secret_is_taken_for_a_day_beside_the_new_one(service: Service) -> None:
    first = make_secret(service, NOW)
    assert taken(service, first, NOW)
    second = make_secret(service, NOW)
    end = NOW + EARLIER_TAKEN_FOR
    assert [taken(service, secret, NOW) for secret in (first, second)] == [True, True]
    assert [taken(service, secret, end - timedelta(seconds=1)) for secret in (first, second)] == [True, True]
    assert [taken(service, secret, end) for secret in (first, second)] == [False, True]
    third = make_secret(service, NOW)
    assert [taken(service, secret, NOW) for secret in (first, second, third)] == [False, True, True]


def test_required_optional_and_off(service: Service) -> None:
    secret = make_secret(service, NOW)
    required = signing_of(service, NOW)
    assert required is not None
    with pytest.raises(BadSignature, match="this service's posts must be signed") as raised:
        require_signed(required, {}, RAW, NOW)
    assert raised.value.code == "signature_missing"
    service.signatures = "optional"
    optional = signing_of(service, NOW)
    assert optional is not None
    require_signed(optional, {}, RAW, NOW)
    require_signed(optional, signed(secret), RAW, NOW)
    # Who signs is held to it.
    with pytest.raises(BadSignature, match="no signature matches"):
        require_signed(optional, signed(OTHER), RAW, NOW)
    with pytest.raises(BadSignature, match="webhook-timestamp, webhook-signature missing"):
        require_signed(optional, {b"webhook-id": b"msg_1"}, RAW, NOW)
    service.signatures = "off"
    assert signing_of(service, NOW) is None


def test_a_secret_that_another_board_sealed_is_told_and_can_be_rotated(service: Service) -> None:
    service.signing_secret = seal(SECRET, place_of(Service(pk=service.pk + 1), "signing_secret"))
    checked = signing_of(service, NOW)
    assert checked is not None
    with pytest.raises(Unreadable):
        require_signed(checked, signed(), RAW, NOW)
    assert taken(service, make_secret(service, NOW), NOW)
    assert service.earlier_secret is None


def test_a_secret_is_32_bytes_and_never_the_same(service: Service) -> None:
    made = {make_secret(service, NOW) for _ in range(5)}
    assert {len(secret_bytes(secret)) for secret in made} == {signing.SECRET_BYTES}
    assert len(made) == 5

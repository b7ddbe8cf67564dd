"""What must not be stored, and what must not be harmed."""

import time

import pytest

from breakers.domain.keeping import EVERYTHING
from breakers.domain.redacting import redacted


@pytest.mark.parametrize(
    ("told", "stored"),
    [
        ("401: Authorization: Bearer abcdef.123456-XYZ", "401: Authorization: Bearer [redacted]"),
        ("basic dXNlcjpwYXNz was refused", "basic [redacted] was refused"),
        ("postgresql://app:s3cr3t@db:5432/x timed out", "postgresql://app:[redacted]@db:5432/x timed out"),
        ("GET /v1?api_key=abc123&x=1", "GET /v1?api_key=[redacted]&x=1"),
        ('{"password": "hunter22", "user": "ada"}', '{"password": "[redacted]", "user": "ada"}'),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def bad", "jwt [token] bad"),
        ("card 4111 1111 1111 1111 declined", "card [card number] declined"),
        ("mail to ada@example.com bounced", "mail to [e-mail] bounced"),
        ("bbk_1a2b3c4d_" + "x" * 49, "bbk_1a2b3c4d_[redacted]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", "[private key] x"),
    ],
)
def test_secrets_go(told: str, stored: str) -> None:
    assert redacted(told) == stored
    assert redacted(stored) == stored


@pytest.mark.parametrize(
    "told",
    [
        "timed out after 1000 ms",
        "HTTPConnectionPool(host='10.0.0.7', port=8080): Read timed out. (read timeout=1.0)",
        "order 4111111111111112 not found",
        "at 2026-11-23T08:00:00.123456Z: [Errno 111] Connection refused",
        "trace 0192aaaa-0000-7000-8000-000000000001",
        "http://tracking-api:8080/parcels/17 answered 503",
    ],
)
def test_the_rest_stays(told: str) -> None:
    assert redacted(told) == told


def test_fields_that_are_named_like_secrets() -> None:
    told = {"db_password": "x", "url": "https://a:b@c/", "list": [{"token": "t"}], "tokens": 7, "pod": "a"}
    assert EVERYTHING.attributes(told).value == {
        "db_password": "[redacted]",
        "url": "https://a:[redacted]@c/",
        "list": [{"token": "[redacted]"}],
        "tokens": 7,
        "pod": "a",
    }


UNITS = [
    "a@",
    "1 ",
    "x:",
    "://",
    "password=",
    "eyJ",
    "Bearer ",
    "-----BEGIN ",
    "a" * 64 + "@",
    "token a-a-",
    "a://" + "b" * 190,
]


@pytest.mark.parametrize("unit", UNITS)
def test_twice_the_text_takes_twice_the_time_and_no_more(unit: str) -> None:
    """Each text is another one, so that nothing is remembered."""

    def seconds(length: int) -> float:
        begun = time.thread_time()
        for number in range(20):
            redacted(f"{number} " + (unit * (length // len(unit) + 1))[:length])
        return time.thread_time() - begun

    short, long = (min(seconds(length) for _ in range(3)) for length in (4_096, 32_768))
    assert long < 3 * 8 * short + 0.01


def test_a_post_that_was_worst_for_the_rules_is_read_in_no_time() -> None:
    begun = time.thread_time()
    for number in range(1_000):
        redacted(f"{number}" + ("a" * 64 + "@") * 62)
    assert time.thread_time() - begun < 2

"""Sentences for people."""

from datetime import timedelta

import pytest

from alerts.domain.deciding import SENTENCES, Reason, decide
from alerts.domain.wording import opened, plain, resolved, span


def test_the_sentence_of_the_contract() -> None:
    assert opened("delivery-tracking", "orders", {"open": 3, "closed": 7}) == (
        "delivery-tracking opened in orders (3 of 10 instances)"
    )


def test_no_share_is_made_up() -> None:
    assert opened("delivery-tracking", "orders", {}) == "delivery-tracking opened in orders"
    assert opened("delivery-tracking", "orders", {"half_open": 1}) == "delivery-tracking opened in orders"


def test_a_resolution_says_how_long_it_was() -> None:
    assert resolved("pay", "shop", timedelta(minutes=4, seconds=12), 1) == "pay closed again in shop after 4 min 12 s"
    assert resolved("pay", "shop", timedelta(hours=2), 3) == "pay closed again in shop after 2 h, having opened 3 times"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-3, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (3601, "1 h"), (90_061, "1 d 1 h")],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("delivery\r\nBcc: eve@example.org", "deliveryBcc: eve@example.org"),
        ("a\x00b\x1b[31mc\x85d", "ab[31mcd"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\u2066b\u200bc\ufeffd", "abcd"),
        ("lone \ud800 half", "lone  half"),
        ("tag\U000e0041\U000e007fged soft\xad", "tagged soft"),
        ("fill\u3164\u115fed", "filled"),
        ("no\ufffe\U0001ffffne", "none"),
        ("Zürich 日本 🚚", "Zürich 日本 🚚"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_a_hostile_name_is_only_a_name(name: str, shown: str) -> None:
    assert plain(name) == shown


def test_decisions_carry_their_reason() -> None:
    assert decide("opened", destination_on=True, told=False).reason == Reason.OPENED
    assert decide("resolved", destination_on=True, told=True).reason == Reason.RESOLVED
    never = decide("resolved", destination_on=True, told=False)
    assert (never.send, SENTENCES[never.reason]) == (False, "not sent: this destination never got the alert itself")
    assert not decide("opened", destination_on=False, told=True).send
    assert decide("opened", destination_on=True, told=True, by_hand=True).reason == Reason.RESENT
    assert set(SENTENCES) == set(Reason)

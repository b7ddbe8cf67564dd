"""E-mail: letters that thread, read well with and without HTML, and can't be bent by a name; servers that refuse or hang."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from alerts import addressing, faulting, queries
from alerts.destinations import board
from alerts.errors import BadTarget
from alerts.models import Attempt, Notification
from breakers.access import Actor
from tests.alerts.conftest import DAY, Scenario
from tests.alerts.mail import Post, post
from tests.alerts.receiver import certificate, receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture
def box(settings: Settings) -> Iterator[Post]:
    """The site's mail server."""
    with post() as one:
        settings.SMTP_URL = f"smtp://127.0.0.1:{one.port}"
        settings.MAIL_FROM = "board@example.org"
        settings.SITE_URL = "https://board.example.org"
        yield one


@pytest.fixture
def oncall(ada: Actor, box: Post) -> str:
    """The id of the destination that writes to the person on call."""
    return str(addressing.add(ada, "on call", "email", {"to": "grace@example.org"}, at=DAY).row.pk)


def test_a_letter_and_its_thread(scenario: Scenario, box: Post, oncall: str) -> None:
    scenario.at("10:00").then("open")
    scenario.delivers()
    scenario.at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    scenario.delivers()
    first, last = box.letters
    pk = scenario.alert().pk
    assert box.envelopes == [("board@example.org", ["grace@example.org"])] * 2
    assert first["Subject"] == last["Subject"] == "[critical] delivery-tracking in orders"
    assert first["References"] == last["References"] == last["In-Reply-To"] == f"<alert-{pk}@board.example.org>"
    ids = Notification.objects.order_by("pk").values_list("webhook_id", flat=True)
    assert [each["Message-ID"] for each in (first, last)] == [f"<{each}@board.example.org>" for each in ids]
    assert (first["Auto-Submitted"], first["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert first["List-Id"] == "Breakerboard <alerts.board.example.org>"
    plain, rich = first.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    text = plain.get_content().replace("\r\n", "\n")
    assert text.startswith(
        "Firing: delivery-tracking opened in orders (3 of 10 instances)\n\nDependency: tracking-api\n"
    )
    assert f"\nhttps://board.example.org/alerts/{pk}\n\nTake it in hand: https://board.example.org/acknowledge/" in text
    assert f'<a href="https://board.example.org/alerts/{pk}">' in rich.get_content()
    assert "Take it in hand" not in str(last), "there is nothing left to take"


def test_a_name_that_means_to_be_a_header_or_markup(scenario: Scenario, box: Post, oncall: str) -> None:
    scenario.at("10:00").then("open", "orders/<img src=x>\r\nBcc: eve@example.org\r\n\r\n\u202egnp")
    scenario.delivers()
    [letter] = box.letters
    assert letter["Bcc"] is None
    assert letter["Subject"] == "[critical] <img src=x>Bcc: eve@example.orggnp in orders"
    rich = list(letter.iter_parts())[1].get_content()
    assert "<img" not in rich
    assert "&lt;img src=x&gt;" in rich
    assert box.envelopes[0][1] == ["grace@example.org"]


def test_the_same_letter_again_has_the_same_name(scenario: Scenario, box: Post, oncall: str) -> None:
    box.script = ["451 the disk is full"]
    scenario.at("10:00").then("open")
    scenario.delivers()
    assert Notification.objects.get().state == "due"
    scenario.now += timedelta(minutes=1)
    scenario.delivers()
    assert Notification.objects.get().state == "sent"
    assert len({each["Message-ID"] for each in box.letters}) == 1
    view = queries.alert(str(scenario.alert().pk)).notifications[0]
    assert [(each.outcome, each.status_code) for each in view.attempts] == [("refused", 451), ("accepted", 250)]


def test_who_is_not_known_there_is_a_dead_letter_at_once(scenario: Scenario, box: Post, oncall: str) -> None:
    box.to_rcpt = "550 no such person"
    scenario.at("10:00").then("open")
    scenario.delivers()
    row = Notification.objects.get()
    assert (row.state, row.reason) == ("dead", "the mail server answered 550")
    assert Attempt.objects.get().answer == "no such person"
    assert [(fault.kind, fault.destination.name) for fault in faulting.live()] == [("dead_letter", "on call")]
    box.to_rcpt = ""
    scenario.at("10:10").then("open", "orders/stock")
    scenario.delivers()
    assert faulting.live() == [], "it takes letters again"


@pytest.mark.machine_clock
def test_a_server_of_its_own_over_tls_with_a_password(
    scenario: Scenario, ada: Actor, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True
    chain = certificate(tmp_path, "localhost", 30)
    with post(chain) as box:
        monkeypatch.setattr("alerts.destinations.email.MAIL_PORTS", frozenset({box.port}))
        server = f"smtp://ada:s3cret@localhost:{box.port}"
        there = addressing.add(
            ada, "mail", "email", {"to": "grace@example.org", "server": server, "sender": "b@example.org"}, at=DAY
        ).row
        assert "s3cret" not in str(there.shown)
        refused = addressing.test(ada, str(there.pk), at=DAY)
        assert (refused.sent, refused.error) == (False, "TLS failed: self-signed certificate")
        assert box.signed_in == [], "no password crosses what can't prove who it is"
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        assert addressing.test(ada, str(there.pk), at=DAY).error == ""
        assert (box.signed_in, box.envelopes) == (["ada True"], [("b@example.org", ["grace@example.org"])])


def test_a_server_inside_is_refused_at_set_up_and_at_each_try(
    ada: Actor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alerts.destinations import names
    from alerts.errors import BadTarget

    config = {"to": "grace@example.org", "server": "smtp://127.0.0.1:25"}
    with pytest.raises(BadTarget) as refused:
        addressing.add(ada, "mail", "email", config, at=DAY)
    assert refused.value.code == "private_address"
    answers = [["192.0.32.7"], ["127.0.0.1"]]
    monkeypatch.setattr(names, "resolve", lambda host, port, timeout=3.0: answers.pop(0))
    config["server"] = "smtp://mail.example.org:25"
    there = addressing.add(ada, "mail", "email", config, at=DAY).row
    assert addressing.test(ada, str(there.pk), at=DAY).outcome == "forbidden"


def test_a_server_that_drips_is_left_after_ten_seconds(
    ada: Actor, box: Post, oncall: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.destinations.email.DEADLINE_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.SMTP_URL = f"smtp://127.0.0.1:{server.getsockname()[1]}"
        done = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    while not done.wait(0.1):
                        connection.sendall(b"2")
                except OSError:
                    pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        begun = time.monotonic()
        tested = addressing.test(ada, oncall, at=DAY)
        done.set()
        thread.join(5)
    assert (tested.outcome, tested.error) == ("unreachable", "no answer within 1 s")
    assert time.monotonic() - begun < 3


def test_without_a_server_it_says_so(ada: Actor, settings: Settings) -> None:
    settings.SMTP_URL = ""
    kept = addressing.add(ada, "mail", "email", {"url": "mailto:grace@example.org"}, at=DAY)
    assert kept.warnings == ["no mail server is set yet: SMTP_URL, or 'server'"]
    assert addressing.test(ada, str(kept.row.pk), at=DAY).error == "no mail server is set: SMTP_URL names one"


def test_a_web_server_in_its_place(
    ada: Actor, oncall: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.destinations.email.DEADLINE_S", 1.0)
    with receiver() as web:
        settings.SMTP_URL = f"smtp://127.0.0.1:{web.port}"
        assert addressing.test(ada, oncall, at=DAY).outcome == "unreachable"


@pytest.mark.parametrize(
    ("to", "kept"),
    [
        ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
        (" ada@example.org ", "ada@example.org"),
        ("mailto:ada@\u4f8b\u3048.jp", "ada@xn--r8jz45g.jp"),
    ],
)
def test_an_address_in_any_letters_of_its_host(ada: Actor, to: str, kept: str) -> None:
    config = {"url": to} if to.startswith("mailto:") else {"to": to}
    row = addressing.add(ada, "mail", "email", config, at=DAY).row
    assert board.target_of(row).url == kept


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        (
            "\u00f6ps@example.org",
            "'to' is '\u00f6ps@example.org'; mail servers take an address with plain letters alone",
        ),
        ("ada", "'to' is 'ada'; expected one e-mail address, like ada@example.com"),
        ("a@example.org, b@example.org", "'to' is 'a@example.org, b@example.org'; expected one e-mail address"),
        ("", "'to' is missing; expected one e-mail address"),
    ],
)
def test_an_address_that_is_none_is_named(ada: Actor, to: str, sentence: str) -> None:
    with pytest.raises(BadTarget) as refused:
        addressing.add(ada, "mail", "email", {"to": to}, at=DAY)
    assert sentence in str(refused.value)

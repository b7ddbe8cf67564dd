"""Apprise: two of its services, against servers of ours."""

import email
import json
import logging
import re
import time
from collections.abc import Iterator
from email.message import Message as Mail

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django.fixtures import Settings

from alerts import addressing, links, queries
from alerts.destinations import apprise
from alerts.destinations.base import Message, Notice, Target
from alerts.errors import DeliveryError
from alerts.models import Destination, Notification
from tests.alerts import receiver as behaviours
from tests.alerts.conftest import DAY, Scenario
from tests.alerts.receiver import Receiver
from tests.servers import free_port

pytestmark = [
    pytest.mark.usefixtures("board"),
    # Apprise 2.2 looks for the module that it replaces.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


class Letterbox:
    """Keeps what it is sent, or refuses it."""

    def __init__(self) -> None:
        self.letters: list[Mail] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The name is the library's."""
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.letters.append(email.message_from_bytes(envelope.content))
        return self.answer


@pytest.fixture
def letterbox() -> Iterator[tuple[Letterbox, int]]:
    """A mail server and its port."""
    box = Letterbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield box, controller.port
    finally:
        controller.stop()


def test_by_json_firing_and_resolved(scenario: Scenario, hook: Receiver, settings: Settings) -> None:
    settings.ALERT_URLS = (f"json://127.0.0.1:{hook.port}/s3cret",)
    settings.SITE_URL = "https://board.example.org"
    scenario.at("10:00").then("open")
    scenario.delivers()
    scenario.at("10:01").then("closed")
    scenario.at("10:02").sweeps()
    scenario.delivers()
    told = [json.loads(request.body) for request in hook.wait_for(2)]
    link = f"https://board.example.org/alerts/{scenario.alert().pk}"
    token = links.token_of(scenario.alert().pk, Destination.objects.get())
    # Signed at the time of the opening; the same alert and destination are behind both.
    message, _, door = told[0]["message"].partition("\n\nTake it in hand: https://board.example.org/acknowledge/")
    assert links.opened(door.strip("/")) == links.opened(token)
    told[0]["message"] = message
    assert [(each["title"], each["message"]) for each in told] == [
        (
            "Firing: delivery-tracking opened in orders (3 of 10 instances)",
            f"Dependency: tracking-api\nSeverity: critical\nSince: 2026-11-23T10:00:00Z\n{link}",
        ),
        (
            "Resolved: delivery-tracking closed again in orders after 1 min",
            "Dependency: tracking-api\nSeverity: critical\nSince: 2026-11-23T10:00:00Z\n"
            f"Resolved: 2026-11-23T10:02:00Z\n{link}",
        ),
    ]
    assert Destination.objects.get().masked_url == "json://•••"


def test_by_mail(scenario: Scenario, letterbox: tuple[Letterbox, int], settings: Settings) -> None:
    box, port = letterbox
    settings.ALERT_URLS = (f"mailto://127.0.0.1:{port}/?from=board@example.org&to=ada@example.org",)
    scenario.at("10:00").then("open", "orders/<b>pay</b>\r\nBcc: eve@example.org")
    scenario.delivers()
    assert len(box.letters) == 1
    letter = box.letters[0]
    assert (letter["To"], letter["Bcc"], letter.get_content_type()) == ("ada@example.org", None, "text/plain")
    assert letter["Subject"].startswith("Firing: <b>pay</b>Bcc: eve@example.org opened in orders")
    text = letter.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert text.startswith(b"Dependency: <b>pay</b>Bcc: eve@example.org-api\r\nSeverity: critical")
    assert Notification.objects.get().state == "sent"


def test_mail_that_is_refused_is_tried_again(
    scenario: Scenario, letterbox: tuple[Letterbox, int], settings: Settings
) -> None:
    box, port = letterbox
    box.answer = "451 try later"
    settings.ALERT_URLS = (f"mailto://127.0.0.1:{port}/?from=board@example.org&to=ada@example.org",)
    scenario.at("10:00").then("open")
    assert scenario.delivers() == 1
    row = Notification.objects.get()
    assert (row.state, row.reason) == ("due", "Apprise could not deliver it")
    box.answer = "250 OK"
    scenario.now = row.due_at
    scenario.delivers()
    assert (Notification.objects.get().state, len(box.letters)) == ("sent", 1)


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (500, "due", "answered 500"),
        (429, "due", "answered 429"),
        (404, "due", "answered 404"),
        (400, "dead", "answered 400"),
    ],
)
def test_refusals(scenario: Scenario, hook: Receiver, settings: Settings, status: int, state: str, reason: str) -> None:
    hook.then = behaviours.answers(status)
    settings.ALERT_URLS = (f"json://127.0.0.1:{hook.port}/s3cret",)
    scenario.at("10:00").then("open")
    scenario.delivers()
    row = Notification.objects.get()
    assert (row.state, row.reason) == (state, reason)
    assert queries.alert(str(scenario.alert().pk)).notifications[0].attempts[0].status_code == status


def test_what_a_person_may_mend_gets_a_quarter_of_an_hour(
    scenario: Scenario, hook: Receiver, settings: Settings
) -> None:
    hook.then = behaviours.answers(404)
    settings.ALERT_URLS = (f"json://127.0.0.1:{hook.port}/s3cret",)
    scenario.at("10:00").then("open")
    for minute in range(30):
        scenario.at(f"10:{minute:02}")
        scenario.delivers()
    row = Notification.objects.get()
    assert row.state == "dead"
    assert row.finished_at is not None
    assert (row.finished_at - row.created_at).total_seconds() <= 15 * 60


def test_a_call_that_hangs_is_left_behind(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise, "DEADLINE_S", 0.5)
    hook.then = behaviours.drips_body
    target = Target("apprise", f"json://127.0.0.1:{hook.port}/s3cret", "", trusted=True)
    begun = time.monotonic()
    with pytest.raises(apprise.DeliveryError, match="no answer within") as caught:
        apprise.send(target, Message("id", b'{"title":"t","body":"b"}', DAY))
    assert time.monotonic() - begun < 2
    assert caught.value.arrived
    assert "s3cret" not in str(caught.value)


def test_a_name_calls_nobody_and_links_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain text is not plain everywhere: Discord reads mentions and Markdown in it, Feishu tags."""
    sent: list[apprise.Text] = []
    monkeypatch.setattr(apprise, "_bounded", lambda service, text: sent.append(text) or True)
    named = '@everyone <!channel> <@123> <at user_id="all">all</at> [Open it](https://evil.example) a@ b<c 1 < 2 opened'
    board = "https://[::1]:8000/alerts/1/"
    notice = Notice("opened", addressing._example(DAY), named, board, DAY, acknowledge_url="https://b/x:y/")
    for url in ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "mailto://ops:secret@example.org"):
        apprise.send(Target("apprise", url, "", trusted=True), Message("msg_1", apprise.compose(notice), DAY))
    chat, mail = sent
    assert not re.search(r"@\w|<[\w@!/]|\]\(", chat.title + chat.body)
    assert chat.title.replace("\u200b", "") == mail.title == f"Firing: {named}"
    # What is ours is as it was.
    assert {board, "https://b/x:y/"} <= set(chat.body.split())


def test_what_breaks_inside_apprise_takes_no_secret_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    import apprise as library

    def breaks(*args: object, **more: object) -> None:
        raise ValueError("no host in json://127.0.0.1/s3cret")

    monkeypatch.setattr(library.Apprise, "notify", breaks)
    target = Target("apprise", "json://127.0.0.1/s3cret", "", trusted=True)
    with pytest.raises(DeliveryError, match=r"^Apprise failed$"):
        apprise.send(target, Message("msg_1", msgspec.json.encode(apprise.Text("a", "b")), DAY))
    assert [record.msg["error"] for record in caplog.records if record.name == apprise.__name__] == ["ValueError"]  # type: ignore[index]
    assert "s3cret" not in caplog.text + "".join(capfd.readouterr())


def test_urls_that_apprise_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: logged.append(record.getMessage()))
    monkeypatch.setattr(logging.root, "handlers", [handler])
    assert apprise.known("json://127.0.0.1/x")
    assert not apprise.known("json://")
    assert not apprise.known("nonsense://s3cret")
    with pytest.raises(apprise.DeliveryError, match="can't make anything of the URL") as caught:
        apprise.send(Target("apprise", "nonsense://s3cret", "", trusted=True), Message("id", b"{}", DAY))
    assert caught.value.permanent
    assert logged == []
    logging.getLogger("other").error("heard")
    assert logged == ["heard"]

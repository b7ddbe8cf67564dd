"""Texts that grow with a storm fit into what each service takes: Apprise's own plugins, against a server of ours."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from apprise.plugins import N_MGR
from pytest_django.fixtures import Settings

from alerts.destinations import apprise, email, push, services, texts
from alerts.destinations.base import Message, Notice, Target
from alerts.domain.wording import LONGEST_NAME
from alerts.shapes import AlertView
from tests.alerts.conftest import DAY
from tests.alerts.receiver import Receiver, answers

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
URL = "https://board.example.org/alerts/"


@pytest.fixture(autouse=True)
def _plugins() -> None:
    N_MGR.load_modules()


def storm(openings: int, *, name: str = "delivery-tracking", listed: int = 100) -> Notice:
    """A digest of so many openings."""
    alert = AlertView(
        id="1", version=1, rule="opened", severity="critical", status="firing", service="orders", breaker=None,
        dependency="d", labels={}, summary="s", trips=1, started_at="2026-11-23T10:00:00Z",
        detected_at="2026-11-23T10:00:00Z", acknowledged_by=None, acknowledged_at=None, acknowledged_comment="",
        resolved_at=None, incident=None, notifications=[],
    )  # fmt: skip
    lines = tuple(f"opened: {name}-{n:03} opened in orders (3 of 10 instances)" for n in range(min(openings, listed)))
    summary = f"{openings} more alerts in a minute ({openings} critical), most of them on coredb"
    return Notice("digest", alert, summary, URL, DAY, lines=lines, beyond=max(0, openings - listed))


def told_of(text: str, openings: int) -> None:
    """Whole lines, and the number of all the others with the way to them."""
    shown = len(re.findall(r"opened: \S+ opened in orders \(3 of 10 instances\)(?=\s)", text))
    assert text.count("opened: ") == shown
    rest = re.search(r"… and ([\d,]+) more: https://board\.example\.org/alerts/", text)
    more = int(rest[1].replace(",", "")) if rest else 0
    assert shown + more == openings, text[-200:]
    assert URL in text


def sent(hook: Receiver, url: str, notice: Notice) -> dict[str, Any]:
    before = len(hook.requests)
    apprise.send(Target("apprise", url, "", trusted=True), Message("m", apprise.compose(notice), DAY))
    [request] = hook.requests[before:]
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode()))
    body: dict[str, Any] = json.loads(request.body)
    return body


def _text(*names: str) -> Callable[[dict[str, Any]], str]:
    return lambda body: "\n".join(str(body[name]) for name in names if name in body)


# The service, the URL, the class attribute that holds its address, that address here, its real limit, what it is given.
REAL = [
    ("discord", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "notify_url", "/api/webhooks", 2_000, _text("content")),
    ("tgram", "tgram://123456789:abcdefg_hijklmnop/12315544", "notify_url", "/bot", 4_096, _text("text")),
    ("pover", "pover://" + "u" * 30 + "@" + "t" * 30, "notify_url", "/1/messages.json", 1_024, _text("message")),
    ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#nuxref", "webhook_url", "/services", 35_000, _text("text")),
    ("twist", "", "", "", 1_000, _text("content")),
    ("mmost", "mmost://127.0.0.1:{port}/3ccdd113474722377935511fc85d3dd4", "", "", 4_000, _text("text")),
    ("json", "json://127.0.0.1:{port}/x", "", "", 32_768, _text("message")),
]  # fmt: skip


@pytest.mark.parametrize("openings", [80, 500])
@pytest.mark.parametrize("given", [each for each in REAL if each[1]], ids=lambda given: str(given[0]))
def test_a_storm_reaches_the_service_whole(
    given: tuple[str, str, str, str, int, Callable[[dict[str, Any]], str]],
    openings: int,
    hook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema, url, attribute, path, most, read = given
    plugin = N_MGR[schema]
    if attribute:
        assert str(getattr(plugin, attribute)).startswith("https://")
        monkeypatch.setattr(plugin, attribute, f"http://127.0.0.1:{hook.port}{path}")
    hook.then = answers(200, b'{"ok": true, "result": {}}')
    if schema == "slack":
        hook.then = answers(200, b"ok")
    notice = storm(openings)
    assert len(texts.body(notice)) > 2_000 or schema in ("slack", "json")
    body = sent(hook, url.format(port=hook.port), notice)
    text = read(body) if schema != "slack" else json.dumps(body, ensure_ascii=False).replace("\\n", "\n")
    told_of(text.replace("\u200b", "").replace("&#x27;", "'"), openings)
    assert len(text.encode("utf-16-le")) // 2 <= most
    # It is used: not a line less than would fit.
    if most < 10_000:
        assert len(text) > most - 200


@pytest.mark.parametrize("schema", sorted({*services.FIXED, "mmost", "ntfy", "gotify", "rocket", "matrix", "mailto"}))
@pytest.mark.parametrize("openings", [1, 80, 500, 12_345])
@pytest.mark.parametrize("name", ["delivery-tracking", "\U0001f9ef" * (LONGEST_NAME // 2)], ids=["plain", "emoji"])
def test_within_every_services_own_limits(schema: str, openings: int, name: str) -> None:
    plugin = type(
        "Plain", (), {name: getattr(N_MGR[schema], name) for name in ("overflow_amalgamate_title", "notify_format")}
    )()
    for limit in ("body_maxlen", "title_maxlen"):
        # Where it depends on the URL, the least that there is.
        told = getattr(N_MGR[schema], limit)
        setattr(plugin, limit, 160 if isinstance(told, property) else told)
    notice = storm(openings, name=name)
    text = apprise.Text(texts.title(notice), notice.url, notice.lines, notice.beyond)
    cut = apprise.fitted(text, plugin)
    merged = plugin.title_maxlen <= 0 or plugin.overflow_amalgamate_title
    assert apprise.length(f"{cut.title}\r\n{cut.body}" if merged else cut.body) <= plugin.body_maxlen
    assert merged or apprise.length(cut.title) <= plugin.title_maxlen
    told_of(f"{cut.body}\n", openings)


def test_a_title_of_the_longest_names_is_cut_to_what_a_service_takes(hook: Receiver, settings: Settings) -> None:
    long = Notice("opened", storm(1).alert, f"{'b' * 120} opened in {'s' * 120} (3 of 10 instances)", URL, DAY)
    assert len(texts.title(long)) > 250
    body = sent(hook, f"json://127.0.0.1:{hook.port}/x", long)
    assert (len(body["title"]), body["title"][-1]) == (250, "…")


def test_mail_and_a_lock_screen_say_how_many_there_are() -> None:
    notice = storm(500)
    mail = json.loads(email.compose(notice))
    told_of(mail["text"], 500)
    assert len(mail["subject"]) <= email.LONGEST_SUBJECT
    assert "<li>… and 400 more</li>" in mail["html"]
    note = push.compose(notice)
    assert json.loads(note)["body"] == "500 lines"
    assert len(note) < push.RECORD - 103

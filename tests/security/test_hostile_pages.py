"""Hostile names on every address that can be looked at: one name in every place that takes one, and each answer taken apart."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from urllib.parse import quote
from xml.dom.minidom import parseString

import msgspec
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from alerts import addressing, evaluating, leading, queries, ruling, silencing
from alerts.destinations import email
from alerts.destinations.base import Message, Notice
from alerts.models import Alert, Incident
from breakers import annotating, commanding, keys, recording
from breakers.access import BOARD, Actor, Role
from breakers.annotating import Mark
from breakers.domain.checking import check
from breakers.models import Breaker
from breakers.models.fields import to_us
from dashboard import screens
from tests.security.doors import HOOK, all_doors

# What people may be called who are asked before they are stored: printable, and nothing else is asked of them.
PRINTABLE = "'\"><img src=x onerror=pwned=1></script><script>pwned=1</script>{{7193*7193}}${7193*7193}javascript:pwned=1//[x](javascript:1)`"
HOSTILE = f"=cmd|' /C calc'!A0\u202e\u200b\ufffe\r\nX-Evil: 1\x1b[31m__proto__{PRINTABLE[:120]}"


# Parameters that a page may say again.
REFLECTED = ("q", "query", "by", "service", "next", "actor", "field", "library", "comment", "labels")


class Taken(HTMLParser):
    """A page taken apart: what could run in it, and what leads out of it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Scripts are ours by address or nonce; nothing carries its own code, style or frame."""
        told = dict(attrs)
        self._inside = tag
        if tag in {"img", "iframe", "object", "embed", "base", "math"}:
            self.wrong.append(f"<{tag}>")
        if tag in {"script", "style"} and not told.get("nonce") and not (told.get("src") or "").startswith("/static/"):
            self.wrong.append(f"<{tag}> of its own")
        for name, value in attrs:
            if name.startswith("on") or name in {"style", "srcdoc"} or not re.fullmatch(r"[a-zA-Z][\w:-]*", name):
                self.wrong.append(f"{name}={value}")
            if name in {"href", "src", "action", "formaction", "xlink:href"} and not _leads_somewhere_good(value or ""):
                self.wrong.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        """What is read."""
        if self._inside not in {"script", "style"}:
            self.texts.append(data)


@pytest.fixture
def ids(db: None, plain_static: None, settings: Settings) -> dict[str, str]:
    """One of everything, and all of them of that name."""
    now = datetime.now(UTC)
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)
    service = keys.add_service(BOARD, PRINTABLE, at=now).service
    keys.add_key(BOARD, PRINTABLE, at=now, label=PRINTABLE)
    for second, name in ((60, HOSTILE), (50, "__proto__"), (40, "constructor")):
        place = {"breaker": name, "dependency": HOSTILE, "instance": name, "labels": {name: name, "runbook": name}}
        error = {"type": HOSTILE[:200], "message": HOSTILE * 60}
        events = [
            {"type": "heartbeat", "state": "closed", **place, "interval_s": 3600, "library": name, "library_version": name,
             "config": {name: name, "failure_threshold": name}},
            {"type": "failure", **place, "error": error, "attributes": {name: name}, name: name},
            {"type": "state_change", "to_state": "open", **place, "reason": {"metric": "manual", "text": HOSTILE}},
        ]  # fmt: skip
        at = now - timedelta(seconds=second)
        batch = check(events, to_us(at))
        assert batch.refusals == []
        recording.record([recording.Submission(service.pk, batch.reports, batch.refusals)], at)
    evaluating.evaluate(now)
    actor = Actor(PRINTABLE[:150], Role.ADMIN, user_id=1)
    breaker = Breaker.objects.get(name=HOSTILE)
    annotating.annotate(
        actor, Mark("note", PRINTABLE, now, service=PRINTABLE, breaker="x", url="https://a.example/\"'<x>"), at=now
    )
    annotating.annotate(actor, Mark("deploy", PRINTABLE), at=now)
    silencing.silence(
        actor, {"service": PRINTABLE, "labels": {PRINTABLE[:60]: PRINTABLE}},
        starts_at=now, ends_at=now + timedelta(hours=1), comment=HOSTILE, at=now,
    )  # fmt: skip
    destination = addressing.add(actor, PRINTABLE, "webhook", {"url": HOOK}, at=now).row
    matchers = {"service": PRINTABLE, "labels": {PRINTABLE[:60]: PRINTABLE}}
    route = leading.add(actor, {"name": PRINTABLE, "destinations": [str(destination.pk)], "matchers": matchers}, at=now)
    rule = ruling.add(actor, {"name": PRINTABLE[:80], "kind": "opened", "matchers": matchers}, now)
    screens.make_link(actor, PRINTABLE, "", at=now)
    commanding.order(actor, str(breaker.pk), "reset", reason=HOSTILE, at=now)
    alert = Alert.objects.filter(breaker=breaker).earliest("pk")
    return {
        "breaker": str(breaker.pk),
        "alert": str(alert.pk),
        "incident": str(Incident.objects.latest("pk").pk),
        "destination": str(destination.pk),
        "route": str(route.pk),
        "rule": str(rule.pk),
        "screen": "nothing",
        "welcome": "nothing",
        "token": "nothing",
    }


@pytest.fixture
def ada(ids: dict[str, str], admin_client: Client) -> Client:
    """She sees everything there is."""
    return admin_client


def test_no_page_holds_a_name_as_anything_but_text(ada: Client, ids: dict[str, str]) -> None:
    seen = ""
    for path in _looks(ids):
        for query in ("", "&".join(f"{name}={quote(HOSTILE)}" for name in REFLECTED)):
            answer = ada.get(f"{path}{'&' if '?' in path else '?'}{query}")
            text, kind = answer.content.decode(), answer["Content-Type"]
            assert answer.status_code < 500, (path, query)
            assert not [name for name in answer.headers if "evil" in name.lower()]
            if kind.startswith("text/html") and "attachment" not in answer.headers.get("Content-Disposition", ""):
                page = Taken(text)
                assert page.wrong == [], (path, query)
                seen += "".join(page.texts)
            elif kind == "application/json":
                json.loads(text)
    # They were there, and nothing in them was reckoned.
    for name in (PRINTABLE, HOSTILE.replace("\r\n", "\n"), "__proto__"):
        assert re.sub(r"\s+", " ", name) in re.sub(r"\s+", " ", seen).replace("\r", "")
    assert str(7193 * 7193) not in seen


def test_files_are_called_by_what_they_are(ada: Client, ids: dict[str, str]) -> None:
    named = [ada.get(path).headers.get("Content-Disposition", "") for path in _looks(ids)]
    files = [name for name in named if name]
    assert len(files) == 4
    assert [
        name for name in files if not re.fullmatch(r'attachment; filename="[a-zA-Z0-9_-]+\.(md|json|svg|html)"', name)
    ] == []


def test_the_file_of_a_timeline_has_no_tag_of_a_name(ada: Client, ids: dict[str, str]) -> None:
    """Of marks too: Plotly reads tags in its texts, and a script ends at the first word that says so."""
    file = ada.get(f"/breakers/{ids['breaker']}/timeline.html?range=1h").content.decode()
    library, _, drawn = file.rpartition("Plotly.newPlot")
    figure, ended, rest = drawn.partition("</script>")
    assert figure.count("onerror=pwned") >= 3
    assert not re.search(r"<(img|script|svg|a|b)\b", figure)
    assert (ended, rest.split()) == ("</script>", ["</div>", "</body>", "</html>"])
    assert "pwned" not in library


def test_the_lanes_are_a_picture_that_can_be_read(ada: Client, ids: dict[str, str]) -> None:
    picture = parseString(ada.get(f"/incidents/{ids['incident']}/postmortem.svg").content)  # noqa: S318 (our own file)
    assert {each.tagName for each in picture.getElementsByTagName("*")} == {"svg", "rect", "text", "title"}
    attributes = {name for each in picture.getElementsByTagName("*") for name in each.attributes.keys()}  # noqa: SIM118
    assert not [name for name in attributes if name.startswith("on") or "href" in name]


def test_the_post_mortem_has_no_markup_but_its_own(ada: Client, ids: dict[str, str]) -> None:
    told = ada.get(f"/incidents/{ids['incident']}/postmortem.md").content.decode()
    # What is left once escapes are taken away: no tag, no link but that of the picture, no code, no line of a name's own.
    bare = re.sub(r"\\[^\w\s]", "", told)
    assert re.findall(r"<|`|\]\(", bare) == ["]("]
    assert not re.search(r"[\u202e\u200b\x1b]", told)
    assert not [line for line in told.splitlines() if line.startswith(("X", "=", "\\=", "Evil"))]
    assert "calc" in told


def test_a_letter_has_the_heads_that_we_wrote(ids: dict[str, str], settings: Settings) -> None:
    view = queries.alert(ids["alert"])
    now = datetime.now(UTC)
    notice = Notice("opened", view, view.summary, "https://board.example/alerts/1/", now, acknowledge_url="https://x/")
    written = msgspec.json.decode(email.compose(notice), type=email.Mail)
    letter = message_from_bytes(
        email._letter(written, "ops@example.org", "board@example.org", Message("msg_1", b"", now)).as_bytes(),
        policy=default,
    )
    assert set(letter.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
        "X-Auto-Response-Suppress", "List-Id", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert "calc" in letter["Subject"]
    assert not re.search(r"[\u202e\u200b\x00-\x1f]", letter["Subject"])
    plain_text, html = (part.get_content() for part in letter.iter_parts())
    assert Taken(html).wrong == []
    assert "X-Evil" in plain_text
    assert not [line for line in plain_text.splitlines() if line.startswith("X-Evil")]


def _looks(ids: dict[str, str]) -> Iterator[str]:
    """Every address that can be looked at, with the ids of this board."""
    for door in all_doors():
        if door.reads is not None and not door.path.startswith("/acknowledge"):
            yield re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], door.path)


def _leads_somewhere_good(address: str) -> bool:
    return re.match(r"(/(?!/)|#|\?|https?://|$)", address) is not None

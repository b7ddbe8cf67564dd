"""Hostile names: whatever a service calls its things, no page runs it, no file and no message carries it out, no log line breaks."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from alerts.domain.wording import plain
from tests.alerts.receiver import Receiver, receiver
from tests.board import Board
from tests.browser.conftest import FLAGS, chromium_path
from tests.security.people import PASSWORD, Service, script
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAMES = (
    "<script>pwned=1</script>",
    '"><img src=x onerror=pwned=1>',
    "'><svg onload=pwned=1>",
    "</script><script>pwned=1</script>",
    "<!--<script>",
    "]]></title><script>pwned=1</script>",
    "{{7*7}}{% debug %}${7*7}#{7*7}",
    "javascript:pwned=1",
    "<a href='https://evil.example'>click</a><b>bold</b><br>",
    "%{y}<extra>x</extra>%{customdata}",
    "\u202egnp.exe\u202c",
    "pay\u200bments\u200d\ufeff",
    "line\none\r\ntwo 01:02:03 error web forged",
    "\x1b[31mred\x1b[0m\x07\x08",
    "\x85\u2028\u2029next",
    "=cmd|' /C calc'!A0",
    "+1+1@SUM(A1)",
    "../../etc/passwd",
    "..%2f..%00%0d%0aX-Evil: 1",
    "x" * 200,
    "\u202bمدفوعات‎ שלום",
    "💥🔥👩‍👩‍👧‍👦",
    "&lt;script&gt;&amp;&#60;script&#62;",
    "\\\"'`;--\\u003cscript\\u003e",
    "__proto__",
    "constructor",
    "\ufffe\uffff\U0001fffe",
)
BASE = "/breakers/"


@dataclass
class Stage:
    """A board on which every name was posted in every place that takes one."""

    board: Board
    hook: Receiver
    ada: httpx.Client
    cards: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with receiver() as hook, Board(ALERT_URLS=hook.url, ready_within=120) as board:
        orders = Service(board, "orders")
        told = orders.post(*(event for name in NAMES for event in events(name)))
        assert told["rejected"] == []
        ada = script(board)
        found = ada.get("/api/v1/breakers?limit=200").json()["items"]
        hook.wait_for(len(NAMES), 60)
        yield Stage(board, hook, ada, {card["name"]: card for card in found})


def events(name: str) -> Iterator[dict[str, Any]]:
    """The name as every text that a service can give."""
    place = {"breaker": name, "dependency": name, "instance": name, "labels": {name: name, "runbook": name}}
    error = {"type": name, "message": name}
    yield {"type": "heartbeat", "state": "closed", **place, "interval_s": 3600, "library": name, "library_version": name,
           "config": {name: name, "failure_threshold": name}}  # fmt: skip
    yield {"type": "failure", **place, "error": error, "attributes": {name: name}, name: name}
    yield {"type": "state_change", "to_state": "open", **place, "reason": {"metric": "manual", "text": name}}


@pytest.fixture(scope="module")
def context(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Ada's browser, signed in."""
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            pytest.fail("there is no Chromium: set CHROMIUM, or install one (apt-get install chromium)")
        chromium = playwright.chromium.launch(executable_path=path, args=[*FLAGS, "--no-sandbox"])
        context = chromium.new_context()
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.goto(stage.board.person("ada", "admin"))
        page.fill("[name=password]", PASSWORD)
        page.fill("[name=again]", PASSWORD)
        page.click("main button")
        page.wait_for_selector("#wall")
        page.close()
        yield context
        chromium.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what it complained of: errors, violations of the policy, requests to elsewhere."""
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda asked: "evil" in asked.url and complaints.append(asked.url))
    yield page, complaints
    page.close()


def assert_quiet(page: Page, complaints: list[str]) -> None:
    """Nothing ran and nothing was refused."""
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.locator("main img, main script, main a[href^='javascript'], main iframe").count() == 0
    assert complaints == []


def test_every_name_is_kept_as_it_was_sent(stage: Stage) -> None:
    assert set(stage.cards) == set(NAMES)
    for name, card in stage.cards.items():
        one = stage.ada.get(f"/api/v1/breakers/{card['id']}")
        assert one.headers["content-type"] == "application/json"
        told = one.json()
        assert (told["dependency"], told["labels"]) == (name, {name: name, "runbook": name})
        assert [copy["name"] for copy in told["each_instance"]] == [name]


def test_a_nul_is_refused_by_its_place(stage: Stage) -> None:
    told = Service(stage.board, "nul").post(
        {"type": "failure", "breaker": "a\0b"}, {"type": "failure", "breaker": "good"}
    )
    assert [(each["index"], each["code"]) for each in told["rejected"]] == [(0, "bad_value")]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?q=<script>pwned=1</script>&dependency=%22%3E%3Cimg+src=x+onerror=pwned=1%3E",
        "/alerts/",
        "/map/",
        "/map/?q=<script>pwned=1</script>",
        "/screen/",
        "/sources/",
        "/marks/",
        "/incidents/",
        "/incidents/1/",
        "/dependency/?name=__proto__",
        "/dependency/?name=%22%3E%3Cimg%20src=x%20onerror=pwned=1%3E",
        "/audit/?actor=<script>pwned=1</script>",
    ],
)
def test_lists_show_names_as_text(stage: Stage, page: tuple[Page, list[str]], path: str) -> None:
    window, complaints = page
    window.goto(stage.board.url + path)
    window.wait_for_selector('data-age[data-live="live"]') if path == "/" else window.wait_for_load_state("networkidle")
    if path == "/":
        shown = window.locator("breaker-card .name a").all_text_contents()
        assert {as_parsed(name) for name in NAMES} <= {as_parsed(name) for name in shown}
    assert_quiet(window, complaints)


def test_pages_of_breakers_show_names_as_text(stage: Stage, page: tuple[Page, list[str]]) -> None:
    window, complaints = page
    for name, card in stage.cards.items():
        window.goto(f"{stage.board.url}{BASE}{card['id']}/")
        window.wait_for_selector('data-age[data-live="live"]')
        assert window.locator("h1").text_content() == as_parsed(name)
        assert_quiet(window, complaints)


def test_what_comes_over_the_socket_is_text_too(stage: Stage, page: tuple[Page, list[str]]) -> None:
    window, complaints = page
    live = Service(stage.board, "live")
    live.post({"type": "heartbeat", "breaker": "moving", "state": "closed", "instance": "pod", "interval_s": 3600})
    (card,) = stage.ada.get("/api/v1/breakers?q=moving").json()["items"]
    window.goto(f"{stage.board.url}{BASE}{card['id']}/")
    window.wait_for_selector('data-age[data-live="live"]')
    for name in NAMES[:6]:
        for event in events(name):
            live.post({**event, "breaker": "moving"})
    live.post(
        {"type": "failure", "breaker": "moving", "instance": "pod", "error": {"type": "last", "message": "of all"}}
    )
    window.wait_for_selector("#events td:has-text('of all')")
    window.wait_for_selector("#instances th:has-text('onload')")
    assert_quiet(window, complaints)


def test_alerts_and_orders_show_names_as_text(stage: Stage, page: tuple[Page, list[str]]) -> None:
    window, complaints = page
    alerts = stage.ada.get("/api/v1/alerts?limit=200").json()["items"]
    assert len(alerts) >= len(NAMES)
    for alert in alerts[:8]:
        stage.ada.post(f"/api/v1/alerts/{alert['id']}/acknowledge", json={"comment": alert["breaker"]["name"]})
        window.goto(f"{stage.board.url}/alerts/{alert['id']}/")
        assert_quiet(window, complaints)
        window.goto(
            f"{stage.board.url}{BASE}{alert['breaker']['id']}/order/?action=reset&preset=<script>pwned=1</script>"
        )
        assert_quiet(window, complaints)
    window.goto(f"{stage.board.url}/audit/")
    assert_quiet(window, complaints)


def test_the_file_of_a_timeline_runs_nothing_but_its_chart(
    stage: Stage, page: tuple[Page, list[str]], tmp_path: Path
) -> None:
    window, complaints = page
    asked: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    endings = set()
    for place, (name, card) in enumerate(stage.cards.items()):
        answer = httpx.get(f"{stage.board.url}{BASE}{card['id']}/timeline.html", headers=cookies(window), timeout=30)
        assert answer.status_code == 200
        assert re.fullmatch(
            r'attachment; filename="[a-z0-9_-]+-1h-\d{8}T\d{4}Z\.html"', answer.headers["content-disposition"]
        )
        endings.add(len(re.findall("</script", answer.text)))
        assert name not in answer.text or not set(name) & set("<>")
        if place > 9:
            continue
        file = tmp_path / f"{place}.html"
        file.write_text(answer.text)
        window.goto(f"file://{file}")
        window.wait_for_selector(".gtitle")
        shown = window.locator(".gtitle").text_content() or ""
        assert window.evaluate("typeof pwned") == "undefined"
        assert window.locator(".gtitle a").count() == 0
        assert name.split()[0] in shown
    assert len(endings) == 1
    assert [url for url in asked if not url.startswith(("file://", "data:", "blob:"))] == []
    assert complaints == []


def test_messages_to_people_are_one_plain_line(stage: Stage) -> None:
    bodies = [json.loads(request.body) for request in stage.hook.requests]
    assert {body["alert"]["breaker"]["name"] for body in bodies} >= set(NAMES)
    for body in bodies:
        assert not [c for c in body["summary"] if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
        assert not set(body["summary"]) & set(
            "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200d\ufeff"
        )
        assert plain(body["alert"]["breaker"]["name"]) in body["summary"]


def test_no_log_line_begins_with_a_name(stage: Stage) -> None:
    for name in NAMES:
        httpx.get(f"{stage.board.url}/api/v1/breakers/{name.encode('unicode_escape').hex()}", timeout=10)
    httpx.post(f"{stage.board.url}/api/v1/events%0aforged", content=b"x", timeout=10)
    lines = stage.board.output().splitlines()
    form = re.compile(r"\d\d:\d\d:\d\d\.\d\d\d \w+ +\w+|  +\w* +\| |Breakerboard is ready|Your first sign-in|$")
    assert [line for line in stage.board.output().split("\n") if not form.match(line)] == []
    assert not [line for line in lines if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line)]


def test_metrics_name_no_breaker(stage: Stage) -> None:
    wait_for(lambda: "breakerboard_breakers" in stage.ada.get("/metrics").text, 5, "metrics")
    assert not [name for name in NAMES if name in stage.ada.get("/metrics").text]


def as_parsed(name: str) -> str:
    """Every HTML document says a line's end in one way."""
    return name.replace("\r\n", "\n")


def cookies(window: Page) -> dict[str, str]:
    """The window's cookies as a header."""
    return {
        "Cookie": "; ".join(f"{each['name']}={each['value']}" for each in window.context.cookies() if "name" in each)
    }

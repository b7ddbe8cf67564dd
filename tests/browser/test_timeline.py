"""The timeline and what belongs to it, in a browser: zooming, ranges, marks as they are set, and playing the past."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Window
from tests.browser.test_breaker import opened, path_to
from tests.servers import wait_for

Open = Callable[..., Window]
Make = Callable[[], Service]


def drawn(page: Page) -> Page:
    """With its chart in view and drawn."""
    page.locator("failure-timeline").scroll_into_view_if_needed()
    page.wait_for_selector(".chart .main-svg")
    # It grew as it was drawn: what the mouse is to reach may have moved below the window.
    page.locator(".chart").evaluate("chart => chart.scrollIntoView({ block: 'center' })")
    return page


def test_a_stretch_that_is_dragged_becomes_the_range(window: Open, service: Make) -> None:
    shop = service()
    page = drawn(opened(window("viewer", timezone_id="Asia/Kolkata"), shop))
    expect(page.locator("[data-chart-zone]")).to_have_text("GMT+5:30")
    ticks = page.locator(".chart .xtick text").all_inner_texts()
    plane = page.locator(".chart .nsewdrag.drag").first
    plane.evaluate("plane => plane.scrollIntoView({ block: 'center' })")
    plot = plane.bounding_box()
    assert plot
    y = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + plot["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.75, y, steps=8)
    page.mouse.up()
    page.wait_for_url("**/?from=**")
    asked = parse_qs(urlsplit(page.url).query)
    length = datetime.fromisoformat(asked["to"][0]) - datetime.fromisoformat(asked["from"][0])
    assert timedelta(minutes=25) < length < timedelta(minutes=35)
    # The chart tells the times of this browser, the address those of everyone.
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(asked["to"][0]) < timedelta(minutes=20)
    page.keyboard.press("t")
    expect(page.locator("[data-chart-zone]")).to_have_text("UTC")
    assert wait_for(lambda: page.locator(".chart .xtick text").all_inner_texts() != ticks, 5, "other times on the axis")
    expect(page.locator("nav.tabs[aria-label=Range] [aria-current]")).to_have_count(0)
    # The address alone shows the same.
    page.reload()
    expect(page.locator(".custom-range input[name=from]")).to_have_value(asked["from"][0][:19])
    page.locator(".custom-range summary").click()
    page.get_by_label("From, UTC").fill("2026-01-01T00:00:00")
    page.get_by_label("To, UTC").fill("2026-01-02T00:00:00")
    page.locator(".custom-range button").click()
    expect(page.locator(".chart-summary")).to_have_text("0 openings, 0 calls, 0 of them failed, 0 refused.")


def test_a_mark_that_is_set_stands_there_at_once(window: Open, service: Make) -> None:
    shop = service()
    page = drawn(opened(window("operator"), shop))
    expect(page.locator("#marks li")).to_have_count(1)
    answer = httpx.post(
        f"{shop.url}/api/v1/annotations",
        headers={"Authorization": f"Bearer {shop.key}"},
        json={"kind": "deploy", "title": "shop 2.4.1 <b>"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    expect(page.locator("#marks")).to_contain_text(f"Deploy: shop 2.4.1 <b> ({shop.name})")
    expect(page.locator(".chart .xy5, .chart .subplot.xy5").first).to_be_attached()


def test_a_mark_by_hand_is_confirmed_first(window: Open, service: Make) -> None:
    shop = service()
    page = opened(window("operator"), shop)
    page.get_by_role("link", name="Set a mark…").click()
    page.get_by_label("config").check()
    page.get_by_label("What happened").fill("timeouts up")
    page.get_by_role("button", name="Look, then set it…").click()
    expect(page.get_by_role("heading", name="Set this mark?")).to_be_visible()
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    expect(page.locator(".mark-facts")).to_contain_text("1 breaker")
    page.get_by_role("button", name="Set the mark").click()
    expect(page.locator("#marks")).to_contain_text("Config: timeouts up")


def test_failures_and_patterns_follow_the_range(window: Open, service: Make) -> None:
    shop = service()
    page = opened(window("viewer"), shop)
    shop.post(
        {"type": "timeout", "breaker": "payments", "count": 9, "error": {"type": "Late", "message": "too <i>slow"}},
        {"type": "retry", "breaker": "payments", "count": 90},
    )
    drawn(page)
    # The hour is fetched again every 10 s while something happens.
    expect(page.locator("#failures tbody tr").first).to_contain_text("Late", timeout=15_000)
    expect(page.locator("#failures tbody tr").first).to_contain_text("too <i>slow")
    expect(page.locator('[data-pattern="retries"]')).to_contain_text("a retry storm")
    page.get_by_text("13 months", exact=True).click()
    page.wait_for_url("**/?range=13mo")
    expect(page.locator('[data-pattern="timeouts"] b')).to_have_text("9")


def test_the_past_is_played(window: Open, service: Make) -> None:
    shop = service()
    start = datetime.now(UTC) - timedelta(minutes=30)

    def at(minutes: float) -> str:
        return (start + timedelta(minutes=minutes)).isoformat()

    shop.goes("payments", "closed", occurred_at=at(0))
    shop.goes("payments", "open", occurred_at=at(10))
    shop.goes("payments", "closed", occurred_at=at(20))
    screen = window("admin")
    path = path_to(screen, shop)
    asked = (start + timedelta(minutes=9.5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    page = screen.go(f"{path}?at={asked}")
    expect(page.locator(".past")).to_contain_text("Nothing can be done here")
    expect(page.locator(".breaker-head")).to_have_attribute("data-state", "closed")
    expect(page.locator(".breaker-doors .button")).to_have_count(0)
    page.get_by_role("button", name="×60").click()
    expect(page.locator(".breaker-head")).to_have_attribute("data-state", "open")
    expect(page.locator(".node[data-now]")).to_have_attribute("data-state", "open")
    moment = re.search(r"at=([^&]+)", page.url)
    assert moment
    # The same button stops it: the address is the moment that is shown.
    page.get_by_role("button", name="×60").click()
    stopped = page.locator(".past-at").inner_text()
    page.reload()
    expect(page.locator(".past-at")).to_have_text(stopped)
    page.get_by_role("link", name="Back to now").click()
    expect(page.locator(".past")).to_have_count(0)
    expect(page.locator(".breaker-head")).to_have_attribute("data-state", "closed")


def test_the_wall_of_the_past_moves_as_it_did(window: Open, service: Make) -> None:
    shop = service()
    start = datetime.now(UTC) - timedelta(minutes=30)
    shop.goes("payments", "closed", occurred_at=start.isoformat())
    shop.goes("payments", "open", occurred_at=(start + timedelta(minutes=5)).isoformat())
    shop.goes("payments", "closed", occurred_at=(start + timedelta(minutes=9)).isoformat())
    screen = window("viewer")
    page = screen.go(f"/?at={(start + timedelta(minutes=4.5)):%Y-%m-%dT%H:%M:%SZ}")
    card = page.locator("breaker-card", has_text=shop.name)
    expect(card).to_have_attribute("data-state", "closed")
    page.get_by_role("button", name="×60").click()
    expect(card).to_have_attribute("data-state", "open")
    page.get_by_role("button", name="×60").click()
    assert wait_for(lambda: screen.complaints == [], 2, "no complaint")


def test_a_breaker_prints_to_a_sheet(window: Open, service: Make) -> None:
    page = drawn(opened(window("operator"), service()))
    page.emulate_media(media="print")
    for hidden in (".bar", ".breaker-doors", "nav.tabs", ".custom-range"):
        expect(page.locator(hidden).first).to_be_hidden()
    for shown in (".breaker-head h1", ".why-sentence", ".diagram", ".chart .main-svg", "#trips", "#failures"):
        expect(page.locator(shown).first).to_be_visible()

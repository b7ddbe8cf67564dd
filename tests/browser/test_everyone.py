"""For everyone: keys and their sheet, one zone, screens on a wall, 320 pixels to 4K, and what the board says of itself."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.board import Board
from tests.browser.conftest import Service, Window

Open = Callable[..., Window]
Make = Callable[[], Service]


def test_the_sheet_tells_every_key_and_can_switch_them_off(window: Open) -> None:
    screen = window("viewer")
    page = screen.go("/")
    page.keyboard.press("?")
    sheet = page.locator("#keys")
    expect(sheet).to_be_visible()
    expect(sheet.locator("dt")).to_contain_text(
        ["/", "j", "k", "x", "a", "s", "r", "t", "w", "?", "go", "gm", "ga", "gs", "gu", "Enter"]
    )
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    assert screen.axe() == []
    page.get_by_label("Keys work").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("?")
    page.keyboard.press("w")
    expect(sheet).to_be_hidden()
    assert page.url.endswith("/")
    page.locator(".bar .menu summary").click()
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Keys work").check()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("w")
    page.wait_for_url("**/screen/")
    page.keyboard.press("w")
    page.wait_for_url(re.compile(r"/$"))


def test_a_ticked_box_does_not_deafen_the_keys(window: Open) -> None:
    page = window("viewer").go("/map/?q=nothing-is-called-so")
    page.get_by_label("not closed").check()
    expect(page.get_by_label("not closed")).to_be_focused()
    page.keyboard.press("w")
    page.wait_for_url("**/screen/", timeout=5_000)
    # What is typed into a field is text all the same.
    page.goto(f"{page.url.removesuffix('/screen/')}/map/?q=nothing-is-called-so")
    page.get_by_placeholder("Find a name").fill("")
    page.keyboard.press("w")
    expect(page.get_by_placeholder("Find a name")).to_have_value("w")
    assert "/map/" in page.url


def test_times_are_in_the_browsers_zone_and_utc_is_one_key_away(window: Open, service: Make) -> None:
    shop = service()
    shop.goes("payments", "open")
    screen = window("admin", timezone_id="Asia/Kolkata", locale="en-GB")
    page = screen.go("/audit/")
    expect(page.locator(".clock")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d (GMT\+5:30|IST)$"))
    expect(page.locator("[data-zone-name]")).to_have_text(re.compile(r"GMT\+5:30|IST"))
    stamp = page.locator("td time").first
    local = stamp.inner_text()
    assert re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\)$", stamp.get_attribute("title") or "")
    page.keyboard.press("t")
    expect(page.locator("[data-zone-name]")).to_have_text("UTC")
    expect(page.locator(".clock")).to_have_text(re.compile(r" UTC$"))
    assert stamp.inner_text() != local
    page.reload()
    expect(page.locator("[data-zone-name]")).to_have_text("UTC")


def test_closed_can_be_green(window: Open) -> None:
    page = window("viewer").go("/")
    page.locator(".bar .menu summary").click()
    page.get_by_label("Closed in green").check()
    page.reload()
    assert page.evaluate("document.documentElement.hasAttribute('data-green')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 3840])
def test_no_page_scrolls_sideways_from_a_phone_to_4k(scheme: str, width: int, window: Open, service: Make) -> None:
    shop = service()
    shop.goes("a-name-that-is-so-long-that-it-has-to-be-cut-" + "x" * 140, "open")
    screen = window("admin", color_scheme=scheme, viewport={"width": width, "height": 900})
    for path in (
        "/",
        f"/?query=service:{shop.name}",
        "/?query=sevice:x",
        "/screen/",
        "/screens/",
        "/alerts/",
        "/audit/",
    ):
        page = screen.go(path)
        assert screen.axe() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_forced_colours_keep_every_sign(window: Open, service: Make) -> None:
    shop = service()
    shop.goes("payments", "open")
    page = window("viewer", forced_colors="active").go(f"/?query=service:{shop.name}")
    glyph = page.locator("breaker-card .glyph")
    expect(glyph).to_be_visible()
    ink, ground = page.evaluate(
        "() => ['color', 'backgroundColor'].map((name) => getComputedStyle(document.querySelector("
        "name === 'color' ? 'breaker-card .glyph' : 'html'))[name])"
    )
    assert ink != ground


def test_reduced_motion_stops_everything_that_moves(window: Open, service: Make) -> None:
    shop = service()
    shop.beats("payments")
    page = window("viewer", reduced_motion="reduce").go(f"/?query=service:{shop.name}")
    page.wait_for_selector("breaker-card")
    shop.goes("payments", "open")
    expect(page.locator("breaker-card .word")).to_have_text("Open")
    assert page.evaluate("getComputedStyle(document.querySelector('breaker-card')).animationName") == "none"


def test_a_screen_follows_without_a_person_and_says_when_it_is_over(
    board: Board, window: Open, service: Make, contexts: Callable[..., BrowserContext]
) -> None:
    shop = service()
    shop.beats("payments")
    admin = window("admin").go("/screens/")
    admin.fill("[name=name]", "ops room")
    admin.fill("[name=query]", f"service:{shop.name}")
    admin.get_by_role("button", name="Make a link").click()
    link = admin.locator("#screen-link").inner_text()
    screen = Window(contexts().new_page(), board.url)
    screen.page.goto(link)
    screen.page.wait_for_selector('data-age[data-live="live"]')
    assert link.split("/")[4] not in screen.page.url
    expect(screen.page.locator("#sentence")).to_have_text("The one breaker is closed.")
    shop.goes("payments", "open")
    expect(screen.page.locator("#troubled-cards breaker-card .word")).to_have_text("Open")
    assert screen.axe() == []
    admin.get_by_role("button", name="Revoke the link of ops room").click()
    expect(screen.page.locator("h1")).to_have_text("This screen shows nothing")
    assert [text for text in screen.complaints if "403" not in text] == []


def test_a_screen_that_hears_nothing_says_so_large(window: Open, service: Make) -> None:
    shop = service()
    shop.beats("payments")
    screen = window("viewer")
    screen.page.clock.install()
    page = screen.go(f"/screen/?query=service:{shop.name}")
    expect(page.locator("#not-live")).to_be_hidden()
    page.context.set_offline(True)
    for _ in range(7):
        page.clock.run_for(5_000)
    expect(page.locator("#not-live")).to_be_visible()
    expect(page.locator("#not-live")).to_contain_text(re.compile(r"NOT LIVE since \d\d:\d\d:\d\d "))
    width, style = page.evaluate(
        "(() => { const s = getComputedStyle(document.querySelector('.screen-main')); return [s.borderTopWidth, s.backgroundImage] })()"
    )
    assert float(width.removesuffix("px")) > 11
    assert "repeating-linear-gradient" in style


def test_the_switch_of_forms_works_without_a_script(window: Open, service: Make) -> None:
    shop = service()
    shop.beats("payments")
    screen = window("operator", java_script_enabled=False)
    page = screen.page
    page.goto(f"{screen.url}/?query=service:{shop.name}")
    page.locator("#query-menu summary").click()
    page.get_by_role("button", name="Rows").click()
    expect(page.locator("#wall")).to_have_attribute("data-form", "rows")
    assert f"service:{shop.name}" in page.locator("[name=query]").first.input_value()
    page.locator("#query-menu summary").click()
    page.get_by_role("button", name="Automatic").click()
    expect(page.locator("#wall")).to_have_attribute("data-form", "cards")

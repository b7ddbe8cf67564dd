"""The wall in a browser: alive, calm under the hand, and the same as the server draws it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Service, Window
from tests.servers import wait_for

Open = Callable[..., Window]
Make = Callable[[], Service]

# Draws every card of the wall by the element, and compares it with what the server drew. Ages are left out: time goes on.
TWINS = """
async ([query, elementUrl]) => {
  const { BreakerCard } = await import(elementUrl)
  const html = await (await fetch("/" + query)).text()
  const page = new DOMParser().parseFromString(html, "text/html")
  const cards = (await (await fetch("/api/v1/breakers" + query)).json()).items
  const now = Date.parse(page.body.dataset.now)
  const plain = (element) => {
    const copy = element.cloneNode(true)
    for (const time of copy.querySelectorAll("[data-age]")) time.textContent = ""
    return copy
  }
  const differing = []
  let compared = 0
  for (const card of cards) {
    const server = page.querySelector(`breaker-card[data-id="${card.id}"]`)
    if (!server || Number(server.dataset.version) !== card.version) continue
    const twin = BreakerCard.of(card)
    twin.show(card, now)
    compared += 1
    if (!plain(server).isEqualNode(plain(twin))) differing.push([plain(server).outerHTML, plain(twin).outerHTML])
  }
  return { compared, differing }
}
"""


def test_the_first_event_of_a_board_shows_without_a_reload_by_hand(window: Open, service: Make) -> None:
    shop = service()
    page = window("viewer").go(f"/?service={shop.name}")
    expect(page.locator("breaker-card")).to_have_count(0)
    shop.goes("payments", "open", reason="5 failures in 10 s")
    expect(page.locator("breaker-card .word")).to_have_text("Open")


def test_a_breaker_that_opens_moves_up_and_is_announced(window: Open, service: Make) -> None:
    shop = service()
    for name in ("payments", "search"):
        shop.beats(name)
    page = window("viewer").go(f"/?service={shop.name}")
    expect(page.locator("#calm-cards breaker-card")).to_have_count(2)
    shop.goes("search", "open")
    expect(page.locator("#troubled-cards breaker-card")).to_contain_text(["search"])
    expect(page.locator("#sentence")).to_have_text("1 open, of 2.")
    expect(page.locator("#announcer")).to_have_text("search: now open")
    shop.goes("search", "half_open")
    shop.goes("search", "closed")
    expect(page.locator("#calm-cards breaker-card")).to_have_count(2)
    expect(page.locator("#troubled")).to_be_hidden()


def test_nothing_moves_under_the_pointer(window: Open, service: Make) -> None:
    shop = service()
    for name in ("payments", "search"):
        shop.beats(name)
    page = window("viewer").go(f"/?service={shop.name}")
    page.wait_for_selector("#calm-cards breaker-card")
    page.locator("#calm-cards breaker-card").last.hover()
    shop.goes("payments", "open")
    # It changes in place at once, and offers to move.
    expect(page.locator('#calm-cards breaker-card[data-state="open"]')).to_have_count(1)
    expect(page.locator("#moves")).to_have_text("1 breaker wants to move: apply")
    page.keyboard.press("Tab")
    page.locator("#moves").click()
    expect(page.locator('#troubled-cards breaker-card[data-state="open"]')).to_have_count(1)
    expect(page.locator("#moves")).to_be_hidden()


def test_moves_are_made_once_the_hand_rests(window: Open, service: Make) -> None:
    shop = service()
    for name in ("payments", "search"):
        shop.beats(name)
    page = window("viewer").go(f"/?service={shop.name}")
    page.locator("#calm-cards breaker-card").last.hover()
    shop.goes("payments", "open")
    expect(page.locator("#moves")).to_be_visible()
    expect(page.locator('#troubled-cards breaker-card[data-state="open"]')).to_have_count(1, timeout=8_000)


def test_a_card_that_matches_no_more_leaves_a_filtered_wall(window: Open, service: Make) -> None:
    shop = service()
    shop.goes("payments", "open")
    page = window("viewer").go(f"/?service={shop.name}&state=open")
    expect(page.locator("breaker-card")).to_have_count(1)
    shop.goes("payments", "closed")
    expect(page.locator("breaker-card")).to_have_count(0)


def test_server_and_browser_draw_the_same_card(window: Open, service: Make) -> None:
    shop = service()
    hostile = "<img src=x onerror=alert(1)>\"'&"
    for state in ("closed", "open", "half_open", "forced_open", "forced_closed", "disabled"):
        shop.goes(f"{state} {hostile}", state, dependency=hostile)
        shop.post(
            {
                "type": "failure",
                "breaker": f"{state} {hostile}",
                "instance": "pod-1",
                "count": 7,
                "error": {"type": hostile},
            },
            {"type": "rejected", "breaker": f"{state} {hostile}", "instance": "pod-2", "count": 999},
        )
    opened = window("viewer")
    page = opened.go("/")
    told: dict[str, Any] = page.evaluate(TWINS, [f"?service={shop.name}", _element(page)])
    assert told["differing"] == [], told["differing"][0]
    assert told["compared"] == 6


def test_a_search_is_an_address(window: Open, service: Make) -> None:
    shop = service()
    shop.goes("payments", "open")
    shop.beats("search")
    page = window("viewer").go("/")
    search = page.locator(".filter [name=query]")
    search.fill(f"service:{shop.name}")
    search.press("Enter")
    page.wait_for_url(f"**/?query=service%3A{shop.name}")
    expect(page.locator("breaker-card")).to_have_count(2)
    search.fill(f"service:{shop.name} state:open")
    search.press("Enter")
    page.wait_for_url("**state%3Aopen")
    expect(page.locator("breaker-card")).to_have_count(1)


def test_the_keyboard_reaches_everything(window: Open, service: Make) -> None:
    shop = service()
    shop.goes("payments", "open")
    page = window("viewer").go(f"/?service={shop.name}")
    page.keyboard.press("/")
    search = page.locator(".filter [name=query]")
    expect(search).to_be_focused()
    search.blur()
    page.keyboard.press("j")
    expect(page.locator("breaker-card .name a")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/breakers/*/")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/alerts/")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chosen_theme_stays(theme: str, window: Open) -> None:
    page = window("viewer").go("/")
    page.click(".bar-end .menu summary")
    page.check(f'[name=theme][value="{theme}"]')
    grounds = {"light": "rgb(243, 245, 247)", "dark": "rgb(11, 16, 21)"}
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == grounds[theme]
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == grounds[theme]


def test_old_data_is_called_old(window: Open, service: Make) -> None:
    opened = window("viewer")
    opened.page.clock.install()
    page = opened.go("/")
    expect(page.locator("#not-live")).to_be_hidden()
    page.context.set_offline(True)
    page.clock.run_for(40_000)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#not-live")).to_be_in_viewport()
    expect(page.locator("data-age")).to_have_attribute("data-live", re.compile("reconnecting|polling"))
    page.context.set_offline(False)

    def tells_of_news() -> bool:
        # The page's clock stands still but for this; the network takes its own time.
        page.clock.run_for(2_000)
        return page.locator("#not-live").is_hidden()

    wait_for(tells_of_news, 30, "the page to be live again", every=0.2)
    expect(page.locator("data-age")).to_have_attribute("data-live", "live")
    # The line was cut on purpose.
    opened.complaints = [text for text in opened.complaints if not text.startswith("WebSocket connection")]


def _element(page: Any) -> str:
    """The address of the card's module, as the page's map has it."""
    imports = page.evaluate("JSON.parse(document.querySelector('script[type=importmap]').textContent).imports")
    return str(imports["/static/js/elements/breaker-card.js"])


def test_the_bar_counts_on_every_live_page(window: Open, service: Make) -> None:
    shop = service()
    shop.beats("payments")
    page = window("viewer").go("/alerts/")
    forced = page.locator('#tally [data-state="disabled"]')
    before = int(forced.locator("b").inner_text() or 0) if forced.is_visible() else 0
    shop.goes("payments", "disabled")
    expect(forced.locator("b")).to_have_text(str(before + 1))

"""What a page's scripts keep up to date is what the server would draw: every word of it, after whatever happened."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Window
from tests.browser.test_breaker import CONFIG, path_to
from tests.servers import wait_for

Open = Callable[..., Window]
Make = Callable[[], Service]
# Every word in the order of the page, without what ages, what is hidden, what a chart draws, and an outage that goes on.
WORDS = r"""
async () => {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } })
  const drawn = new DOMParser().parseFromString((await answer.text()).replace(/<style[^>]*><\/style>/, ""), "text/html")
  const wordsOf = (page) => {
    const main = page.getElementById("main").cloneNode(true)
    if (main.querySelector("[data-why=lasted] [data-age]")) main.querySelector("#trips").remove()
    for (const each of main.querySelectorAll("[hidden], .chart, failure-timeline .twin, call-map, [data-age], .travel, .custom-range, .play-from, template, script, .pick, #moves")) each.remove()
    const leaves = [...main.querySelectorAll("*")].filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    const texts = leaves.map((each) => ["", [...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join(" ")])
    const states = [...main.querySelectorAll("[data-state]")].map((each) => [each.localName, each.dataset.state])
    const strips = [...main.querySelectorAll("[aria-label]")].map((each) => ["label", each.getAttribute("aria-label")])
    const tally = [...page.querySelectorAll("#tally li:not([hidden])")].map((each) => [each.dataset.state, each.textContent])
    return [...texts, ...states, ...strips, ...tally, ["title", page.title]].map(([name, text]) => `${name} ${text.replace(/\s+/g, "")}`)
  }
  return [wordsOf(document), wordsOf(drawn)]
}
"""


def as_the_server_says(page: Page) -> None:
    """Wait until the page says what the server would; its numbers come with the next frame."""
    found: list[list[str]] = []

    def same() -> bool:
        found[:] = page.evaluate(WORDS)
        return found[0] == found[1]

    try:
        wait_for(same, 20, "the page to say what the server says", every=0.5)
    except TimeoutError:
        pytest.fail(
            f"live only: {[w for w in found[0] if w not in found[1]]}; drawn only: {[w for w in found[1] if w not in found[0]]}"
        )


def trouble(shop: Service) -> None:
    """A breaker trips, fails its probe, is closed; another one is forced and goes on."""
    reason: dict[str, Any] = {"metric": "failure_rate", "value": 62, "threshold": 50, "text": "too many"}
    shop.post(
        {
            "type": "failure",
            "breaker": "payments",
            "instance": "pod-1",
            "count": 7,
            "error": {"type": "Boom", "message": "x"},
        }
    )
    shop.goes("payments", "open", reason=reason, config={**CONFIG, "minimum_calls": 20, "reset_timeout_ms": 500})
    shop.goes("payments", "half_open")
    shop.goes("payments", "open", reason={"metric": "probe"})
    shop.beats("payments", "closed", instance="pod-2", interval_s=60, commands=["reset"])
    shop.goes("search", "forced_open")


def test_a_breakers_page_says_live_what_it_says_anew(window: Open, service: Make) -> None:
    shop = service()
    shop.goes("payments", "closed", config=CONFIG, dependency=f"{shop.name}-db", from_state="closed")
    # It has opened before, for another reason.
    shop.post({"type": "failure", "breaker": "payments", "instance": "pod-1", "error": {"type": "Old", "message": "y"}})
    shop.goes("payments", "open", reason="once upon a time")
    shop.goes("payments", "closed")
    screen = window("operator")
    page = screen.go(path_to(screen, shop))
    as_the_server_says(page)
    trouble(shop)
    expect(page.locator(".breaker-head")).to_have_attribute("data-state", "open")
    as_the_server_says(page)
    # An outage that goes on is counted on.
    counted = page.locator("#trips tbody tr").first.locator("td").last
    before = counted.text_content()
    expect(counted).not_to_have_text(before or "", timeout=15_000)
    shop.goes("payments", "forced_closed")
    expect(page.locator('[data-order="release"]')).to_be_visible()
    as_the_server_says(page)
    shop.goes("payments", "closed")
    as_the_server_says(page)
    assert screen.complaints == []


@pytest.mark.parametrize(
    "path", ["/?service={0}", "/?query=state:open+service:{0}", "/dependency/?name={0}-db", "/map/?q={0}"]
)
def test_other_pages_say_live_what_they_say_anew(path: str, window: Open, service: Make) -> None:
    shop = service()
    for name in ("payments", "search", "stock"):
        shop.goes(name, "closed", dependency=f"{shop.name}-db")
    if "state:open" in path:
        shop.goes("stock", "open")
    screen = window("operator")
    page = screen.go(path.format(shop.name))
    as_the_server_says(page)
    trouble(shop)
    as_the_server_says(page)
    shop.post({"type": "success", "breaker": "payments", "instance": "pod-1", "count": 9_999})
    shop.goes("payments", "closed")
    as_the_server_says(page)
    assert screen.complaints == []

"""The wall on a television, in a browser."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Window

Open = Callable[..., Window]
Make = Callable[[], Service]
# Cards that are to be seen and do not stand wholly inside the pages' frame.
CUT = """() => {
  const frame = document.getElementById("screen-pages").getBoundingClientRect()
  const seen = [...document.querySelectorAll("#screen-pages breaker-card")]
    .filter((card) => card.checkVisibility({ visibilityProperty: true }))
    .map((card) => [card.getBoundingClientRect(), card.dataset.id])
    .filter(([box]) => box.bottom > frame.top + 1 && box.top < frame.bottom - 1)
  const cut = seen.filter(([box]) => box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
  return { seen: seen.map(([, id]) => id), cut: cut.map(([, id]) => id) }
}"""
OPEN = 24


def screen(window: Open, shop: Service) -> Page:
    """The screen of a service with many open breakers."""
    shop.post(*({"type": "heartbeat", "breaker": f"b-{n}", "state": "open", "instance": "pod-1"} for n in range(OPEN)))
    page = window("viewer", viewport={"width": 1440, "height": 700}).go(f"/screen/?query=service:{shop.name}")
    expect(page.locator("#troubled-cards breaker-card")).to_have_count(OPEN)
    return page


def test_a_screen_turns_its_pages_by_whole_rows(window: Open, service: Make) -> None:
    shop = service()
    page = screen(window, shop)
    said = page.locator("#screen-page")
    expect(said).to_contain_text("Page 1 of ")
    first = page.evaluate(CUT)
    assert first["seen"] != []
    assert first["cut"] == []
    expect(said).to_contain_text("Page 2 of ", timeout=15_000)
    second = page.evaluate(CUT)
    assert second["seen"] != []
    assert second["cut"] == []
    assert set(first["seen"]) & set(second["seen"]) == set()


def test_what_moves_up_on_a_screen_is_seen_at_once(window: Open, service: Make) -> None:
    shop = service()
    page = screen(window, shop)
    expect(page.locator("#screen-page")).to_contain_text("Page 1 of ")
    first = page.evaluate(CUT)
    # Asked in the frame in which they have moved: a second later is too late for a hole among the open ones.
    page.evaluate(
        """(gone) => {
          const cards = document.getElementById("troubled-cards")
          window.after = new Promise((done) => {
            new MutationObserver(() => {
              if (gone.some((id) => cards.querySelector(`[data-id="${id}"]`))) return
              requestAnimationFrame(() => done((LOOK)()))
            }).observe(cards, { childList: true })
          })
        }""".replace("LOOK", CUT),
        first["seen"][:3],
    )
    for place in range(3):
        name = page.locator(f'breaker-card[data-id="{first["seen"][place]}"] .name').inner_text()
        shop.goes(name, "closed")
    then = page.evaluate("window.after")
    assert then["cut"] == []
    assert then["seen"][: len(first["seen"]) - 3] == first["seen"][3:]
    assert len(then["seen"]) == len(first["seen"])

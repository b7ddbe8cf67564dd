"""The wall on a television, in a browser."""

from collections.abc import Callable

from playwright.sync_api import expect

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


def test_a_screen_turns_its_pages_by_whole_rows(window: Open, service: Make) -> None:
    shop = service()
    shop.post(*({"type": "heartbeat", "breaker": f"b-{n}", "state": "closed", "instance": "pod-1"} for n in range(24)))
    page = window("viewer", viewport={"width": 1440, "height": 700}).go("/screen/")
    page.wait_for_selector("#screen-pages breaker-card")
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

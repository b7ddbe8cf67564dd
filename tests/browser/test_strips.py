"""A wall of hundreds in a browser: cells that follow, keys from cell to cell, the search with its completions."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Error, Page, expect

from tests.board import Board
from tests.browser.conftest import PASSWORD, Service, Window
from tests.servers import wait_for

COUNT = 510


@pytest.fixture(scope="module")
def large() -> Iterator[Board]:
    """A board of its own with 510 breakers in two services."""
    with Board(ENVIRONMENT="tests") as running:
        for name in ("checkout", "orders"):
            service = Service(name, running.service(name), running.url)
            service.post(
                *(
                    {
                        "type": "heartbeat",
                        "breaker": f"b{number:03}",
                        "dependency": f"dep-{number % 7}",
                        "state": "closed",
                        "instance": "pod-1",
                        "interval_s": 3600,
                        "labels": {"team": "ops"},
                    }
                    for number in range(COUNT // 2)
                )
            )
        yield running


@pytest.fixture
def page(large: Board, contexts: Callable[..., object]) -> Iterator[Page]:
    screen = Window(contexts().new_page(), large.url)  # type: ignore[attr-defined]
    screen.page.goto(large.person("ada", "admin") if not hasattr(large, "ada") else large.url)
    if not hasattr(large, "ada"):
        screen.page.fill("[name=password]", PASSWORD)
        screen.page.fill("[name=again]", PASSWORD)
        screen.page.click("main button")
        screen.page.wait_for_selector("#wall")
        large.ada = screen.page.context.cookies()  # type: ignore[attr-defined]
    else:
        screen.page.context.add_cookies(large.ada)
    yield screen.go("/")
    assert screen.complaints == []


def test_cells_and_rows_follow_what_happens(large: Board, page: Page) -> None:
    expect(page.locator("#wall")).to_have_attribute("data-form", "strips")
    expect(page.locator(".cells > i")).to_have_count(COUNT)
    expect(page.locator("#sentence")).to_have_text(f"All {COUNT} closed.")
    checkout = Service("checkout", large.service("checkout"), large.url)
    checkout.goes("b007", "open")
    expect(page.locator(".cells > i[data-state=open]")).to_have_count(1)
    expect(page.locator('[data-group="checkout"] .strip-said')).to_have_text("1 open / 255")
    expect(page.locator("#troubled-cards breaker-card .name")).to_have_text("b007")
    expect(page.locator("#sentence")).to_have_text(f"1 open, of {COUNT}.")
    checkout.goes("b007", "closed")
    expect(page.locator(".cells > i[data-state]")).to_have_count(0)
    expect(page.locator("#troubled-cards breaker-card")).to_have_count(0)
    expect(page.locator("#sentence")).to_have_text(f"All {COUNT} closed.")


def test_more_trouble_than_the_list_holds_is_counted(large: Board, page: Page) -> None:
    orders = Service("orders", large.service("orders"), large.url)
    names = [f"b{number:03}" for number in range(20)]
    orders.post(*({"type": "state_change", "breaker": name, "to_state": "open", "instance": "pod-1"} for name in names))
    expect(page.locator("#all-troubled b")).to_have_text("20")
    expect(page.locator("#troubled-cards breaker-card")).to_have_count(8)
    orders.post(
        *({"type": "state_change", "breaker": name, "to_state": "closed", "instance": "pod-1"} for name in names[:15])
    )
    # Those that were never told of fill the places of those that left.
    expect(page.locator("#troubled-cards breaker-card .name")).to_have_text(names[15:])
    expect(page.locator("#all-troubled")).to_be_hidden()
    orders.post(
        *({"type": "state_change", "breaker": name, "to_state": "closed", "instance": "pod-1"} for name in names[15:])
    )
    expect(page.locator("#troubled-cards breaker-card")).to_have_count(0)


def test_arrow_keys_go_from_cell_to_cell_and_enter_opens(page: Page) -> None:
    first = page.locator(".cells > i").first
    first.focus()
    expect(first).to_have_role("link")
    expect(first).to_have_accessible_name("b000, closed")
    page.keyboard.press("ArrowRight")
    second = page.locator(".cells > i").nth(1)
    expect(second).to_be_focused()
    assert page.locator(".cells").first.locator("[tabindex]").count() == 1
    page.keyboard.press("End")
    expect(page.locator(".cells").first.locator("i").last).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".cells").nth(1).locator("i:focus")).to_have_count(1)
    page.keyboard.press("ArrowUp")
    expect(page.locator(".cells").first.locator("i:focus")).to_have_count(1)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_url("**/breakers/*/")
    expect(page.locator("h1")).to_contain_text("b000")


def test_the_search_completes_what_is_typed(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("serv")
    option = page.get_by_role("option")
    expect(option).to_have_text(["service:"])
    page.keyboard.press("Tab")
    expect(option).to_have_text(["checkout", "orders"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("label.te")
    expect(option).to_have_text(["label.team:"])
    page.keyboard.press("Tab")
    expect(option).to_have_text(["ops"])
    page.keyboard.press("Tab")
    expect(page.locator(".filter [name=query]")).to_have_value("service:orders label.team:ops ")
    page.keyboard.press("Enter")
    page.wait_for_url("**query=service*")
    expect(page.locator("#wall")).to_have_attribute("data-form", "rows")
    expect(page.locator("#sentence")).to_have_text("All 255 closed.")


def test_a_page_of_hundreds_is_sound_and_light(large: Board, page: Page) -> None:
    screen = Window(page, large.url)
    assert screen.axe() == []
    bytes_of = page.evaluate(
        "performance.getEntries().map((each) => each.encodedBodySize ?? 0).reduce((a, b) => a + b)"
    )
    assert bytes_of < 250_000


def test_breakers_without_a_cell_get_one(large: Board, page: Page) -> None:
    page.evaluate("window.drawnBefore = true")
    Service("orders", large.service("orders"), large.url).beats("z-new", "open")
    expect(page.locator("#troubled-cards breaker-card .name")).to_have_text("z-new")

    def drawn_again() -> bool:
        try:
            return bool(page.evaluate("window.drawnBefore !== true"))
        except Error:
            return False  # Asked in the very moment of the change.

    wait_for(drawn_again, 90, "the page to draw itself again", every=0.5)
    expect(page.locator(".cells > i")).to_have_count(COUNT + 1)
    assert httpx.get(f"{large.url}/livez").status_code == 200

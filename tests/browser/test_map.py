"""The map and the connecting of a service in a browser: drawn, lit, live, and by keyboard."""

import re
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Window

Open = Callable[..., Window]
Make = Callable[[], Service]
PLACES = "[...document.querySelectorAll('.map .spot')].map((spot) => spot.getAttribute('transform'))"


def filled(window: Window, shop: Service, other: Service) -> Page:
    """The map of two services that share a dependency."""
    for poster in (shop, other):
        poster.beats("db", dependency=f"{shop.name}-db")
    shop.beats("cdn", dependency=f"{shop.name}-cdn")
    page = window.go(f"/map/?q={shop.name}")
    page.wait_for_selector(".map .spot")
    return page


def test_the_map_is_drawn_once_and_lives(window: Open, service: Make) -> None:
    shop, other = service(), service()
    page = filled(window("viewer"), shop, other)
    expect(page.locator(".map .spot")).to_have_count(4)
    expect(page.locator(".map .way")).to_have_count(3)
    places = page.evaluate(PLACES)
    shop.goes("db", "open", dependency=f"{shop.name}-db")
    way = page.locator('.map .way[data-state="open"]')
    expect(way).to_have_count(1)
    expect(page.locator("#map-sentence")).to_have_text(f"1 of 3 ways is cut, to {shop.name}-db.")
    expect(page.locator("#ways tr", has_text="Open")).to_contain_text(f"{shop.name}-db")
    assert page.evaluate(PLACES) == places
    # A new way waits to be asked for.
    shop.beats("mail", dependency=f"{shop.name}-mail")
    anew = page.get_by_role("button", name="Draw anew")
    expect(anew).to_be_visible()
    expect(page.locator(".map .spot")).to_have_count(4)
    anew.click()
    expect(page.locator(".map .spot")).to_have_count(5)


def test_a_name_lights_its_paths_by_mouse_and_by_keyboard(window: Open, service: Make) -> None:
    shop, other = service(), service()
    page = filled(window("viewer"), shop, other)
    spot = page.locator(f'.map .spot[data-name="{other.name}"]')
    spot.hover()
    expect(page.locator(".map .spot[data-on]")).to_have_count(2)
    page.mouse.move(0, 0)
    expect(page.locator(".map[data-lit]")).to_have_count(0)
    page.locator(f'.map .spot[data-name="{shop.name}-db"] a').focus()
    expect(page.locator(".map .spot[data-on]")).to_have_count(3)
    expect(page.locator(".map .way[data-on]")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"{shop.name}-db")).to_be_visible()
    expect(page.locator("#cut-off")).to_contain_text("Nobody is cut off from it.")
    other.goes("db", "open", dependency=f"{shop.name}-db")
    expect(page.locator("#cut-off")).to_contain_text(f"1 of 2 services is cut off from it: {other.name}.")
    expect(page.locator("#callers tbody tr").first).to_contain_text(other.name)


def test_a_service_is_connected_while_one_watches(window: Open, service: Make) -> None:
    screen = window("admin")
    page = screen.go("/connect/?library=http")
    name = f"new-{service().name}"
    page.get_by_label("Name of the service").fill(name)
    page.get_by_role("button", name="Make a key").click()
    found = re.search(r"bbk_\w+", page.locator(".snippet code").first.inner_text())
    assert found
    expect(page.locator(".arrivals [data-done]")).to_have_count(0)

    def post(**event: object) -> int:
        answer = httpx.post(
            f"{screen.url}/api/v1/events",
            headers={"Authorization": f"Bearer {found[0]}"},
            json={"breaker": "payments", **event},
            timeout=10,
        )
        return answer.status_code

    assert post(type="nonsense") == 422
    # The use of a key is written down every few seconds.
    expect(page.locator('[data-step="key"][data-done]')).to_be_visible(timeout=15_000)
    expect(page.locator('[data-step="format"]')).to_contain_text("what it sent was refused")
    expect(page.locator(".refused-tries li").first).to_contain_text("422 unknown type 'nonsense'")
    assert post(type="failure") == 202
    expect(page.locator('[data-step="breaker"][data-done]')).to_contain_text("payments")
    assert post(type="heartbeat", state="closed", commands=["reset"]) == 202
    expect(page.locator(".arrivals [data-done]")).to_have_count(6)
    page.locator(".arrived a").click()
    expect(page.locator("h1")).to_have_text("payments")


def test_the_words_are_explained_by_keyboard(window: Open) -> None:
    page = window("viewer").go("/connect/")
    word = page.get_by_role("button", name="half-open")
    word.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#gloss-half-open")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#gloss-half-open")).to_be_hidden()
    expect(word).to_be_focused()

"""The sources page while somebody integrates: each try stands there the moment it was made, taken or refused."""

from collections.abc import Callable

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import Service, Window

Open = Callable[..., Window]
Make = Callable[[], Service]


def post(service: Service, content: bytes, **headers: str) -> int:
    """One try; its status."""
    told = {"Authorization": f"Bearer {service.key}", "Content-Type": "application/json"}
    told.update({name.replace("_", "-"): value for name, value in headers.items()})
    return httpx.post(f"{service.url}/api/v1/events", content=content, headers=told, timeout=10).status_code


def test_each_try_stands_there_at_once(window: Open, service: Make) -> None:
    shop = service()
    page = window("viewer").go(f"/sources/?service={shop.name}")
    section = page.locator(f'[data-service="{shop.name}"]')
    expect(section.get_by_text("Nothing was heard from it yet.")).to_be_visible()
    assert post(shop, b'{"type": ') == 400
    expect(section.get_by_text("the body is not JSON")).to_be_attached()
    expect(section.locator(".sample").first).to_have_text('{"type": ')
    assert post(shop, b"<x/>", Content_Type="text/xml") == 415
    expect(section.get_by_text("the content type 'text/xml' is not taken")).to_be_attached()
    assert post(shop, b'{"type":"opne","breaker":"<b>p</b>"}') == 422
    expect(section.locator(".sample").first).to_have_text('{"type":"opne","breaker":"<b>p</b>"}')
    assert post(shop, b'{"type":"heartbeat","breaker":"p","instance":"pod-1","state":"closed"}') == 202
    expect(section.locator("tbody th")).to_have_text("pod-1")
    expect(section.locator("tbody .state-cell")).to_have_text("Heard")
    expect(section.locator("[data-reasons]")).to_contain_text("the body can't be read 1 ×")


def test_a_stranger_is_seen_too(window: Open, service: Make) -> None:
    shop = service()
    page = window("viewer").go("/sources/")
    assert post(shop, b"{}", Authorization="Bearer bbt_not-an-ingest-key") == 401
    if not page.locator('[data-service=""]').count():
        expect(page.locator("#sources-moved")).to_be_visible()
        page.locator("#sources-moved a").click()
    stranger = page.locator('[data-service=""]')
    expect(stranger.get_by_text("this is a token of the operators' API").first).to_be_visible()


def test_what_is_under_the_pointer_is_left_alone(window: Open, service: Make) -> None:
    shop = service()
    shop.post({"type": "heartbeat", "breaker": "p", "instance": "pod-1", "state": "closed"})
    page = window("viewer").go(f"/sources/?service={shop.name}")
    page.locator("[data-sources]").hover()
    said = page.locator("[data-said]")
    shop.post({"type": "heartbeat", "breaker": "p", "instance": "pod-2", "state": "closed"})
    expect(said).to_contain_text("2 instances")
    expect(page.locator("tbody th")).to_have_text(["pod-1"])
    page.mouse.move(0, 0)
    expect(page.locator("tbody th")).to_have_text(["pod-1", "pod-2"])

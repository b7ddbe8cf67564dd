"""A breaker's page in a browser: the diagram, the timeline, orders and their steps, as they happen."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Window
from tests.servers import wait_for

Open = Callable[..., Window]
Make = Callable[[], Service]
FILL = "element => getComputedStyle(element).fill"
CONFIG = {"failure_rate_threshold": 50, "minimum_calls": 10, "reset_timeout_ms": 30_000, "success_threshold": 5}


def path_to(window: Window, shop: Service, name: str = "payments") -> str:
    """The address of a breaker's page."""
    cards = window.page.request.get(f"{window.url}/api/v1/breakers?service={shop.name}").json()["items"]
    return f"/breakers/{next(card['id'] for card in cards if card['name'] == name)}/"


def opened(window: Window, shop: Service) -> Page:
    """The page of an open breaker that tells its settings."""
    shop.goes("payments", "closed", config=CONFIG, dependency=f"{shop.name}-db")
    probe = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    shop.goes(
        "payments",
        "open",
        next_probe_at=probe,
        reason={"metric": "failure_rate", "value": 62, "threshold": 50, "min_calls": 10},
    )
    return window.go(path_to(window, shop))


def test_the_diagram_follows_the_breaker(window: Open, service: Make) -> None:
    shop = service()
    page = opened(window(), shop)
    present = page.locator(".node[data-now]")
    expect(present).to_have_attribute("data-state", "open")
    expect(page.locator('.node[data-state="half_open"]')).to_contain_text("probe in")
    expect(page.locator('.arrow[data-from="closed"][data-to="open"]')).to_contain_text("1× fail ≥ 50 % of ≥ 10 calls")
    shop.goes("payments", "half_open")
    expect(present).to_have_attribute("data-state", "half_open")
    expect(page.locator(".ring")).to_be_hidden()
    expect(page.locator(".arrow[data-newest]")).to_have_attribute("data-from", "open")
    shop.goes("payments", "closed")
    expect(present).to_have_attribute("data-state", "closed")
    expect(page.locator(".arrow[data-newest]")).to_contain_text("1× 5 good in a row")
    shop.goes("payments", "forced_open")
    expect(page.locator(".node[data-extra] .node-word")).to_have_text("Forced open")
    shop.goes("payments", "closed")
    expect(page.locator(".node[data-extra]")).to_have_count(0)


def test_events_and_reasons_arrive(window: Open, service: Make) -> None:
    shop = service()
    page = opened(window("viewer"), shop)
    expect(page.locator(".why-sentence")).to_have_text("Failure rate 62 % ≥ 50 %, of at least 10 calls.")
    shop.post(
        {
            "type": "failure",
            "breaker": "payments",
            "instance": "pod-1",
            "count": 7,
            "error": {"type": "Boom<b>", "message": "x"},
        }
    )
    expect(page.locator("#events tbody tr").first).to_contain_text("Failure × 7")
    expect(page.locator("#events tbody tr").first).to_contain_text("Boom<b>: x")


def test_the_timeline_is_drawn_and_painted_by_the_theme(window: Open, service: Make) -> None:
    shop = service()
    shop.post(*({"type": "success", "breaker": "payments", "instance": "pod-1", "count": n} for n in (5, 6)))
    page = opened(window("viewer"), shop)
    page.locator("failure-timeline").scroll_into_view_if_needed()
    page.wait_for_selector(".chart .main-svg")
    lane = page.locator(".chart .barlayer path").last
    expect(lane).to_be_attached()
    light = lane.evaluate(FILL)
    page.emulate_media(color_scheme="dark")
    # Not by Playwright's own waiting for functions: that evals, which the page's policy forbids.
    wait_for(lambda: lane.evaluate(FILL) != light, 10, "the chart to be painted anew")
    page.click('[data-range="6h"]')
    page.wait_for_url("**/?range=6h")
    expect(page.locator(".download")).to_have_attribute("href", re.compile("range=6h"))
    page.click("failure-timeline summary")
    expect(page.locator("failure-timeline tbody tr").first).to_be_visible()


def test_the_download_draws_itself_without_a_network(window: Open, service: Make, contexts: Any, tmp_path: Any) -> None:
    shop = service()
    page = opened(window("viewer"), shop)
    with page.expect_download() as got:
        page.click(".download")
    file = tmp_path / got.value.suggested_filename
    got.value.save_as(file)
    alone = contexts(offline=True).new_page()
    alone.goto(file.as_uri())
    alone.wait_for_selector(".main-svg")
    assert "payments" in alone.inner_text("body")


def test_an_order_is_given_and_its_steps_are_followed(window: Open, service: Make) -> None:
    shop = service()
    screen = window("operator")
    page = opened(screen, shop)
    page.click('[data-order="reset"]')
    dialog = page.locator("#order-dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    expect(dialog.locator('[value="reset"]')).to_be_checked()
    # Without a reason it does not go.
    dialog.get_by_role("button", name="Give the order").click()
    expect(dialog).to_be_visible()
    dialog.get_by_text("A deployment fixed the cause").click()
    dialog.get_by_role("button", name="Give the order").click()
    page.wait_for_url("**/#commands")
    command = page.locator(".command").first
    expect(command).to_contain_text("A deployment fixed the cause")
    [told] = shop.beats("payments", "open")["commands"]
    expect(command.locator('[data-step="delivered"][data-done]')).to_have_count(1)
    answer = httpx.post(
        f"{shop.url}/api/v1/commands/{told['id']}/result",
        headers={"Authorization": f"Bearer {shop.key}"},
        json={"instance": "pod-1", "status": "applied"},
    )
    assert answer.status_code < 300
    expect(command.locator('[data-step="applied"][data-done]')).to_have_count(1)
    shop.goes("payments", "closed")
    expect(command.locator('[data-step="confirmed"][data-done]')).to_have_count(1)
    expect(command.locator(".status")).to_have_text("confirmed")


def test_escape_gives_no_order(window: Open, service: Make) -> None:
    page = opened(window("operator"), service())
    page.click('[data-order="force_open"]')
    expect(page.locator("#order-dialog .lease")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#order-dialog")).to_be_hidden()
    expect(page.locator(".command")).to_have_count(0)


def test_the_dialog_knows_what_is_true_now(window: Open, service: Make) -> None:
    shop = service()
    page = opened(window("operator"), shop)
    page.click('[data-order="reset"]')
    expect(page.locator('[data-known="state"]')).to_contain_text("Open")
    shop.goes("payments", "half_open")
    expect(page.locator('[data-known="state"]')).to_contain_text("Half-open")
    neighbour = service()
    neighbour.goes("other", "open", dependency=f"{shop.name}-db")
    shop.beats("payments", "half_open")
    expect(page.locator('[data-known="siblings"]')).to_contain_text(f"{neighbour.name} / other: Open")


def test_what_no_instance_can_do_is_not_offered(window: Open, service: Make) -> None:
    shop = service()
    shop.beats("payments", "open", commands=["reset"])
    screen = window("operator")
    page = screen.go(path_to(screen, shop))
    page.click('[data-order="reset"]')
    dialog = page.locator("#order-dialog")
    expect(dialog.locator('[value="disable"]')).to_be_disabled()
    expect(dialog.locator('[value="reset"]')).to_be_enabled()
    expect(dialog.locator(".verb", has_text="Disable")).to_contain_text("No instance says that it can do this.")


def test_everything_works_without_scripts(window: Open, service: Make, contexts: Any, sessions: Any) -> None:
    shop = service()
    screen = window("operator")
    opened(screen, shop)
    path = path_to(screen, shop)
    page = contexts(storage_state=sessions("operator"), java_script_enabled=False).new_page()
    page.goto(f"{screen.url}/?service={shop.name}")
    expect(page.locator("breaker-card .second")).to_contain_text("calls refused")
    page.goto(screen.url + path)
    expect(page.locator(".node[data-now] .node-word")).to_have_text("Open")
    page.click('[data-order="probe"]')
    expect(page.locator('[value="probe"]')).to_be_checked()
    page.fill("[name=reason]", "no scripts here")
    page.get_by_role("button", name="Give the order").click()
    page.wait_for_url("**/#commands")
    expect(page.locator(".command").first).to_contain_text("no scripts here")


def test_viewers_find_no_door(window: Open, service: Make) -> None:
    page = opened(window("viewer"), service())
    expect(page.locator("[data-order]")).to_have_count(0)
    expect(page.locator("#doors-shut")).to_have_text("Orders need the role operator; you are viewer.")
    shut = page.locator(".breaker-doors button:disabled")
    assert shut.all_inner_texts() == ["Probe…", "Reset…", "Force…", "Silence…"]

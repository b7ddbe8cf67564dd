"""What holds on every page: no barrier that axe finds, no violation of the content policy, no sideways scroll, no stale script."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Service, Window
from tests.browser.test_breaker import opened, path_to

Open = Callable[..., Window]
Make = Callable[[], Service]
VIOLATIONS = """
window.violations = []
document.addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_every_page_is_sound(scheme: str, width: int, window: Open, service: Make) -> None:
    shop = service()
    screen = window("admin", color_scheme=scheme, viewport={"width": width, "height": 900})
    screen.page.add_init_script(VIOLATIONS)
    opened(screen, shop)
    shop.goes("a-name-that-is-so-long-that-it-has-to-be-cut-" + "x" * 140, "forced_closed")
    shop.beats("quiet")
    breaker = path_to(screen, shop)
    barriers: list[tuple[str, str]] = []
    requests: list[str] = []
    screen.page.on("request", lambda request: requests.append(request.url))
    for path in (
        "/",
        f"/?service={shop.name}",
        breaker,
        f"{breaker}order/",
        f"/several/?verb=reset&breaker={breaker.split('/')[2]}&breaker=nothing",
        f"{breaker}events/",
        f"{breaker}?at={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "/map/",
        f"/dependency/?name={shop.name}-db",
        f"/marks/?breaker={breaker.split('/')[2]}",
        f"/connect/?service={shop.name}",
        f"/?at={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "/alerts/",
        "/alerts/?tab=history",
        "/alerts/silences/",
        "/alerts/rules/",
        "/alerts/rules/new/",
        "/alerts/week/",
        "/alerts/on-call/",
        "/alerts/on-call/new/",
        "/incidents/",
        "/services/",
        f"/services/{shop.name}/",
        "/api/v1/docs",
        "/alerts/destinations/",
        "/alerts/destinations/new/webhook/",
        "/alerts/destinations/new/apprise/?service=slack",
        "/alerts/routes/new/",
        "/?query=sevice:x",
        "/screen/",
        "/screens/",
        "/sources/",
        "/audit/",
        "/nowhere/",
    ):
        page = screen.page
        page.goto(screen.url + path)
        page.wait_for_load_state("networkidle")
        if path == breaker:
            page.locator("failure-timeline").scroll_into_view_if_needed()
            page.wait_for_selector(".chart .main-svg")
        barriers += [(path, each) for each in screen.axe()]
        assert page.evaluate("violations") == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert barriers == [], "\n".join(map(" ".join, barriers))
    assert [url for url in requests if not url.startswith((screen.url, screen.url.replace("http", "ws")))] == []
    # A page that is not there is no complaint here.
    screen.complaints = [text for text in screen.complaints if "404" not in text]


def test_scripts_come_by_their_hashed_names(window: Open) -> None:
    screen = window("viewer")
    scripts: list[str] = []
    screen.page.on("request", lambda request: request.resource_type == "script" and scripts.append(request.url))
    screen.go("/")
    names = [url.rpartition("/")[2] for url in scripts]
    assert len(names) >= 10
    assert [name for name in names if len(name.split(".")) != 3] == []


def test_the_sign_in_page_is_sound_and_says_what_is_wrong(window: Open, contexts: Callable[..., object]) -> None:
    url = window("viewer").url
    screen = Window(contexts().new_page(), url)  # type: ignore[attr-defined]
    page = screen.go("/audit/")
    assert screen.axe() == []
    page.fill("[name=username]", "nobody")
    page.fill("[name=password]", "wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That name and password do not belong together.")
    expect(page.locator("[name=username]")).to_have_value("nobody")

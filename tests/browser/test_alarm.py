"""The alarm of an open page: switched on by hand, it rings when an alert begins to fire, and not before."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Service, Window
from tests.servers import wait_for

Open = Callable[..., Window]
Make = Callable[[], Service]
# The desktop and the loudspeaker are not ours to test: what reaches them is noted.
DESKTOP = """
window.rung = []
window.tones = 0
window.Notification = class {
  static permission = "default"
  static async requestPermission() { return (this.permission = "granted") }
  constructor(title, { body }) { window.rung.push(`${title} (${body})`) }
}
const start = OscillatorNode.prototype.start
OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when) }
"""


def test_it_rings_when_an_alert_begins_to_fire(window: Open, service: Make) -> None:
    shop = service()
    screen = window("operator")
    page = screen.page
    page.add_init_script(DESKTOP)
    screen.go("/alerts/")
    page.wait_for_selector('data-age[data-live="live"]')
    box = page.get_by_label("Ring here")
    expect(box).not_to_be_checked()
    box.check()
    expect(box).to_be_checked()
    assert (page.evaluate("rung"), page.evaluate("tones")) == ([], 2), (
        "it lets itself be heard once, when it is switched on"
    )
    shop.goes("stock", "open")
    wait_for(lambda: page.evaluate("rung.length > 0"), 15, "it to ring")
    assert page.evaluate("rung") == [f"stock opened in {shop.name} (1 of 1 instances) (critical)"]
    assert page.evaluate("tones") == 4

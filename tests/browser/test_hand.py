"""What is done from the wall, by mouse and by keyboard; and that nothing moves away under the hand that does it."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Window

Open = Callable[..., Window]
Make = Callable[[], Service]


def wall(window: Open, shop: Service, role: str = "operator", **more: object) -> tuple[Window, Page]:
    for name in ("payments", "search"):
        shop.goes(name, "open")
    shop.beats("mail")
    screen = window(role, **more)
    page = screen.go(f"/?service={shop.name}")
    expect(page.locator("breaker-card")).to_have_count(3)
    return screen, page


def test_several_are_silenced_and_reset_by_keyboard(window: Open, service: Make) -> None:
    shop = service()
    screen, page = wall(window, shop)
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator(".picks-said")).to_have_text("2 selected")
    expect(page.locator("#announcer")).to_have_text("search selected; 2 selected")
    assert screen.axe() == []
    page.keyboard.press("s")
    dialog = page.locator("#several-dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    expect(dialog.locator(".chosen li")).to_have_count(2)
    assert screen.axe() == []
    # It follows what happens while it is open, and it does not go away with the page.
    shop.goes("search", "half_open")
    expect(dialog.locator(".chosen li").last).to_contain_text(f"search in {shop.name}: Half-open for")
    shop.beats("newcomer")
    dialog.get_by_role("button", name="Do it").click()
    assert (
        dialog.locator("textarea").evaluate("field => field.validationMessage")
        == "Say why: choose a reason or write one."
    )
    dialog.get_by_label("Drill").check()
    dialog.get_by_role("button", name="Do it").click()
    expect(page.locator(".notice.success")).to_have_text("Silenced payments, search for 1 hour.")
    assert page.url.endswith(f"/?service={shop.name}")
    expect(page.locator("breaker-card[data-silenced]")).to_have_count(2)


def test_a_cards_menu_leads_to_a_reset_and_to_its_page(window: Open, service: Make) -> None:
    shop = service()
    screen, page = wall(window, shop)
    door = page.get_by_label(f"Act on payments in {shop.name}")
    door.focus()
    page.keyboard.press("Enter")
    menu = page.locator("#card-menu")
    expect(menu.get_by_role("menuitem", name="Open its page")).to_be_focused()
    assert screen.axe() == []
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(door).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    expect(menu.get_by_role("menuitem", name="Reset…")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.locator("#several-dialog")
    expect(dialog.locator(".chosen")).to_contain_text("payments")
    expect(dialog.get_by_label("Several at once: type how many they are")).to_be_hidden()
    dialog.locator("textarea").fill("fixed in 2.4.1")
    dialog.get_by_role("button", name="Do it").click()
    expect(page.locator(".notice.success")).to_have_text("Ordered a reset of payments.")
    # The service hears of it with its next post.
    assert [order["action"] for order in shop.beats("payments", "open")["commands"]] == ["reset"]
    page.get_by_label(f"Act on search in {shop.name}").click()
    menu.get_by_role("menuitem", name="Open its page").click()
    page.wait_for_url("**/breakers/*/")


def test_viewers_may_only_look(window: Open, service: Make) -> None:
    shop = service()
    screen, page = wall(window, shop, "viewer")
    page.keyboard.press("j")
    for key in "xsra":
        page.keyboard.press(key)
    expect(page.locator("dialog[open], .pick")).to_have_count(0)
    page.get_by_label(f"Act on payments in {shop.name}").click()
    expect(page.locator("#card-menu")).to_contain_text("need the role operator; you are viewer")
    assert screen.axe() == []


def test_several_are_reset_without_scripts(window: Open, service: Make) -> None:
    shop = service()
    screen = window("operator", java_script_enabled=False)
    for name in ("payments", "search"):
        shop.goes(name, "open")
    page = screen.page
    page.goto(f"{screen.url}/?service={shop.name}")
    expect(page.locator(".picks")).to_be_hidden()
    for name in ("payments", "search"):
        page.get_by_label(f"Select {name} in {shop.name}").check()
    page.locator(".picks").get_by_role("button", name="Reset…").click()
    expect(page.locator(".chosen li")).to_have_count(2)
    page.get_by_label("Several at once: type how many they are").fill("2")
    page.get_by_label("The dependency is healthy again").check()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".notice.success")).to_have_text("Ordered a reset of payments, search.")
    assert page.url.endswith(f"/?service={shop.name}")


def test_what_leaves_a_filtered_wall_does_not_pull_the_rest_from_under_the_pointer(window: Open, service: Make) -> None:
    shop = service()
    for name in ("a", "b", "c"):
        shop.goes(name, "open")
    page = window("viewer").go(f"/?service={shop.name}&state=open")
    cards = page.locator("breaker-card")
    expect(cards).to_have_count(3)
    cards.nth(1).hover()
    place = cards.nth(1).bounding_box()
    shop.goes("a", "closed")
    # It says that it left, and stays where it is, as all the others do, until the hand rests.
    expect(page.locator("breaker-card[data-gone] .second")).to_have_text("not here any more")
    expect(page.locator("#moves")).to_have_text("1 breaker wants to move: apply")
    assert cards.nth(1).bounding_box() == place
    expect(page.locator("#sentence")).to_have_text("2 open, of 2.")
    expect(cards).to_have_count(2, timeout=8_000)
    # One that comes back meanwhile is as it was.
    cards.first.hover()
    shop.goes("b", "closed")
    expect(page.locator("breaker-card[data-gone]")).to_have_count(1)
    shop.goes("b", "open")
    expect(page.locator("breaker-card[data-gone]")).to_have_count(0)
    expect(cards).to_have_count(2)

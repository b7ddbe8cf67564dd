"""`make shots`: a picture of every page of a seeded board, light, dark and as wide as a telephone.

python -m tests.shots [directory]      (var/shots by default)
"""

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.board import ROOT, Board
from tests.browser.conftest import FLAGS, chromium_path

BREAKERS = 59
PASSWORD = "correct horse"
LOOKS = {"light": ("light", 1440), "dark": ("dark", 1440), "telephone": ("light", 360)}


def main(directory: Path) -> None:
    """Start a board, fill it, and take the pictures."""
    directory.mkdir(parents=True, exist_ok=True)
    with Board(ENVIRONMENT="production") as board, sync_playwright() as playwright:
        seeded = subprocess.run(
            [sys.executable, "-m", "tests.pages.seeding", str(BREAKERS)],
            cwd=ROOT,
            env=board.environ,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        story = seeded.stdout.split()[-1]
        flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
        browser = playwright.chromium.launch(executable_path=chromium_path(playwright), args=flags)
        pages = {
            "wall": "/",
            "breaker": f"/breakers/{story}/",
            "order": f"/breakers/{story}/order/?action=reset",
            "alerts": "/alerts/",
            "alert": "/alerts/1/",
            "audit": "/audit/",
        }
        for look, (scheme, width) in LOOKS.items():
            take(browser, board.url, directory, look, scheme, width, pages)
        browser.close()


def take(
    browser: Browser, url: str, directory: Path, look: str, scheme: str, width: int, pages: dict[str, str]
) -> None:
    """The pictures of one look."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url}/sign-in/")
    page.screenshot(path=directory / f"sign-in-{look}.png")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    for name, path in pages.items():
        page.goto(url + path)
        page.wait_for_load_state("networkidle")
        if name == "breaker":
            page.locator("failure-timeline").scroll_into_view_if_needed()
            page.wait_for_selector(".chart .main-svg")
            page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=directory / f"{name}-{look}.png", full_page=name != "wall")
        print(directory / f"{name}-{look}.png", flush=True)
    context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "var" / "shots")

"""Pictures of pages for people who look at them; none are taken unless a folder is named."""

import os
from pathlib import Path

from playwright.sync_api import Page

WIDE, NARROW = 1440, 390
FOLDER = os.environ.get("GOVCLOUD_SCREENSHOTS")


def picture(page: Page, name: str) -> None:
    """One picture of the page just as it is."""
    if FOLDER is not None:
        page.screenshot(path=Path(FOLDER) / f"{name}.png", full_page=True)


def shoot(page: Page, name: str) -> None:
    """Pictures of the page as it is now, wide and narrow, in both languages; it ends wide and in Chinese."""
    if FOLDER is None:
        return
    address = page.url.split("#")[0]
    joint = "&" if "?" in address else "?"
    for language in ("en", "zh"):
        page.goto(f"{address}{joint}lang={language}", wait_until="networkidle")
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(200)
            page.screenshot(path=Path(FOLDER) / f"{name}-{language}-{width}.png", full_page=True)
    page.set_viewport_size({"width": WIDE, "height": 900})

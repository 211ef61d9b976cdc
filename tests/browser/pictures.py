"""Pictures of pages; none are taken unless GOVCLOUD_SCREENSHOTS names a folder."""

import os
from pathlib import Path

from playwright.sync_api import Page

WIDE = 1440
WIDTHS = (WIDE, 1093, 390)
"""A large screen, a small notebook whose page is enlarged, and a phone."""
FOLDER = os.environ.get("GOVCLOUD_SCREENSHOTS")


def picture(page: Page, name: str) -> None:
    """Take one picture of the page as it is now."""
    if FOLDER is not None:
        page.screenshot(path=Path(FOLDER) / f"{name}.png", full_page=True)


def shoot(page: Page, name: str) -> None:
    """Take pictures of the page at every width in both languages; it ends wide and in Chinese."""
    if FOLDER is None:
        return
    address = page.url.split("#")[0]
    joint = "&" if "?" in address else "?"
    for language in ("en", "zh"):
        page.goto(f"{address}{joint}lang={language}", wait_until="networkidle")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(200)
            page.screenshot(path=Path(FOLDER) / f"{name}-{language}-{width}.png", full_page=True)
    page.set_viewport_size({"width": WIDE, "height": 900})

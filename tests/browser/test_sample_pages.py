import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.unit.console import sample_pages

WIDE, NARROW = 1440, 390


def open_page(
    browser: Browser, url: str, width: int = WIDE, *, script: bool = True
) -> tuple[Page, list[str]]:
    """The page, and everything that the browser complained about while it loaded."""
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=script)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url, wait_until="load")
    return page, complaints


@pytest.mark.parametrize(("language", "width"), [("zh", WIDE), ("en", NARROW)])
@pytest.mark.parametrize("name", sample_pages.PAGES)
def test_a_page_is_accessible_fits_its_screen_and_breaks_no_policy(
    browser: Browser, sample_site: str, name: str, language: str, width: int
) -> None:
    page, complaints = open_page(browser, f"{sample_site}/console/{name}?lang={language}", width)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    surplus = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert surplus <= 0, f"{name} is {surplus} px too wide at {width}"
    assert [text for text in complaints if "Content Security Policy" in text or "Error:" in text] == []
    page.context.close()


def test_the_menu_opens_on_a_phone_without_javascript(browser: Browser, sample_site: str) -> None:
    page, _ = open_page(browser, f"{sample_site}/console/home", NARROW, script=False)
    link = page.get_by_role("link", name="资源申请")
    expect(link).to_be_hidden()
    page.get_by_text("菜单", exact=True).click()
    expect(link).to_be_visible()
    page.context.close()


def test_a_log_goes_on_where_it_broke_off_without_gap_or_repetition(
    browser: Browser, sample_site: str
) -> None:
    page, _ = open_page(browser, f"{sample_site}/console/run")
    expect(page.locator("[data-log-state]")).to_have_text("日志已结束", timeout=10_000)
    lines = page.locator(".log .log-line").all_inner_texts()
    assert re.findall(r"line (\d+)", "\n".join(lines)) == ["5", "6", "7"]
    assert page.locator(".log b").count() == 0
    page.context.close()


def test_the_log_stored_so_far_is_readable_without_javascript(browser: Browser, sample_site: str) -> None:
    page, _ = open_page(browser, f"{sample_site}/console/run", script=False)
    expect(page.locator(".log")).to_contain_text("Creation complete")
    page.context.close()


def test_typed_words_survive_the_refresh_of_a_running_run(browser: Browser, sample_site: str) -> None:
    page, _ = open_page(browser, f"{sample_site}/console/run")
    page.get_by_label("意见").fill("请停止")
    page.evaluate("htmx.trigger('#run-status', 'every')")
    page.wait_for_timeout(300)
    expect(page.get_by_label("意见")).to_have_value("请停止")
    page.context.close()

"""People with a browser of their own on the running product."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from orchestrator.core.db import transaction
from orchestrator.workflows.people import accounts
from tests.office import Office
from tests.running import RunningService

PASSWORD = "correct-horse-2019"
_WITH_PASSWORD: set[tuple[str, str]] = set()
People = Callable[[str], Page]
"""``people("slj.clerk")``: a signed-in page of that person, the same one at every later call."""


def sign_in(
    browser: Browser, service: RunningService | Office, username: str, *, script: bool = True
) -> Page:
    """A page of this person, who has just signed in."""
    if (str(service.engine.url), username) not in _WITH_PASSWORD:  # A new one would end the sessions before.
        with transaction(service.engine) as session:
            accounts.set_password(session, username, PASSWORD, "test")
        _WITH_PASSWORD.add((str(service.engine.url), username))
    page = browser.new_context(java_script_enabled=script, viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{service.settings.url}/console/")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="等待我办理")).to_be_visible()
    return page


@contextmanager
def opened(people: People, username: str, path: str) -> Iterator[Page]:
    """The page at `path` as this person sees it; at the end nothing inaccessible is found on it."""
    page = people(username)
    origin = "/".join(page.url.split("/")[:3])
    page.goto(origin + path)
    yield page
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def act(page: Page, button: str, says: str) -> None:
    """Press a button, and expect the confirmation on the next page."""
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".notice-good").first).to_contain_text(says)


def path_of(page: Page) -> str:
    """The address of the page without its query."""
    return "/" + page.url.split("/", 3)[3].split("?")[0]

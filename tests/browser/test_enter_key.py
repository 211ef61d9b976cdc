"""The Enter key in the fields of forms: it saves or does nothing, and never adds, removes or decides."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.people import path_of, sign_in
from tests.factories import make_draft, make_line
from tests.office import Office

Document = dict[str, Any]
SMALL = {"vcpu": 1, "memory_gb": 1, "disk_gb": 1, "backup_gb": 0}
SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
OpenPage = Callable[[str, str, bool], Page]


@pytest.fixture
def open_page(browser: Browser, office: Office) -> Iterator[OpenPage]:
    """``open_page("slj.clerk", "/console/", False)``: the page as this person sees it, without script."""
    opened: list[Page] = []

    def open_one(username: str, path: str, script: bool) -> Page:
        opened.append(sign_in(browser, office, username, script=script))
        opened[-1].goto(office.settings.url + path)
        return opened[-1]

    yield open_one
    for page in opened:
        page.context.close()


def stored(office: Office, page: Page) -> Document:
    """The request whose page is open, as it is stored."""
    path = path_of(page).removeprefix("/console").removesuffix("/edit")
    answer: Document = office.callers("slj.clerk").done("GET", path)
    return answer


@SCRIPT
def test_enter_in_the_form_of_a_new_request_saves_it_as_a_draft(
    open_page: OpenPage, office: Office, script: bool
) -> None:
    page = open_page("slj.clerk", "/console/requests/new", script)
    page.get_by_role("button", name="再加一组云主机").click()
    expect(page.locator("fieldset.line-box")).to_have_count(2)
    for name in ("title", "lines-0-count", "lines-1-ports"):
        page.locator(f'[name="{name}"]').press("Enter")
        expect(page.locator(".notice-bad")).to_be_visible()
        expect(page.locator("fieldset.line-box")).to_have_count(2)
    assert office.callers("slj.clerk").list_requests().items == ()
    for name in ("title", "justification", "lines-0-label", "lines-1-label"):
        page.locator(f'[name="{name}"]').fill("入口")
    page.locator('[name="lines-0-vcpu"]').press("Enter")
    expect(page.locator(".notice-good")).to_contain_text("草稿已保存")
    draft = stored(office, page)
    assert draft["status"] == "draft"
    assert [line["key"] for line in draft["lines"]] == ["web", "host2"]


@SCRIPT
def test_enter_in_the_form_of_a_change_keeps_every_group_of_the_live_workspace(
    open_page: OpenPage, office: Office, script: bool
) -> None:
    live = office.provisioned(make_draft(make_line(**SMALL), make_line(key="db", **SMALL)))
    workspace = office.workspace(live)
    page = open_page("slj.clerk", f"/console/requests/new?kind=change&workspace={workspace}", script)
    page.locator('[name="lines-0-vcpu"]').press("Enter")
    expect(page.locator(".notice-bad")).to_be_visible()
    expect(page.locator("fieldset.line-box")).to_have_count(2)
    page.locator('[name="justification"]').fill("扩容")
    page.locator('[name="lines-1-vcpu"]').fill("2")
    page.locator('[name="lines-1-HSS"]').press("Enter")
    expect(page.locator(".notice-good")).to_contain_text("草稿已保存")
    draft = stored(office, page)
    assert (draft["kind"], draft["status"]) == ("change", "draft")
    assert [(line["key"], line["vcpu"]) for line in draft["lines"]] == [("web", 1), ("db", 2)]
    page.get_by_role("link", name="修改").click()
    page.locator('[name="title"]').press("Enter")
    expect(page.locator(".notice-good")).to_contain_text("草稿已保存")
    assert stored(office, page)["lines"] == draft["lines"]
    page.get_by_role("link", name="修改").click()
    page.get_by_role("button", name="删除第 2 组").click()
    expect(page.get_by_role("note").locator("code")).to_have_text(["db", "db-data"])
    page.locator('[name="title"]').press("Enter")
    expect(page.locator(".notice-good")).to_contain_text("草稿已保存")
    expect(page.get_by_role("note").locator("code")).to_have_text(["db", "db-data"])


def test_enter_in_the_form_of_a_release_does_not_send_it(open_page: OpenPage, office: Office) -> None:
    live = office.provisioned(make_draft(make_line(**SMALL)))
    workspace = office.workspace(live)
    page = open_page("slj.clerk", f"/console/requests/new?kind=release&workspace={workspace}", True)
    page.locator('[name="justification"]').fill("停用")
    page.locator('[name="title"]').press("Enter")
    expect(page.locator(".notice-good")).to_contain_text("草稿已保存")
    assert stored(office, page)["status"] == "draft"


def test_enter_in_the_month_field_closes_no_month(open_page: OpenPage, office: Office) -> None:
    office.pass_time(days=12)
    page = open_page("xxh.reviewer", "/console/statements", True)
    page.get_by_label("月份").first.press("Enter")
    page.wait_for_timeout(300)  # Long enough for a form that is sent after all.
    assert page.url.endswith("/console/statements")
    assert office.callers("xxh.reviewer").read_month("2019-06").statements == {}
    page.get_by_role("button", name="关账").click()
    expect(page.locator(".notice-good")).to_contain_text("已开始关账")

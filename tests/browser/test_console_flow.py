"""The pages on the running product: one request from draft to applied resources, by different people."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from orchestrator.core.db import transaction
from orchestrator.workflows import administering
from tests.service import RunningService

PASSWORD = "korrektes-pferd-2019"
People = Callable[[str], Page]


@pytest.fixture(scope="module")
def people(browser: Browser, service: RunningService) -> Iterator[People]:
    """``people("slj.clerk")``: a signed-in page of that person, the same one at every later call."""
    pages: dict[str, Page] = {}

    def signed_in(username: str) -> Page:
        if username not in pages:
            with transaction(service.engine) as session:
                administering.set_password(session, username, PASSWORD, "test")
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.goto(f"{service.settings.url}/console/")
            page.get_by_label("用户名").fill(username)
            page.get_by_label("密码").fill(PASSWORD)
            page.get_by_role("button", name="登录").click()
            expect(page.get_by_role("heading", name="等待我办理")).to_be_visible()
            pages[username] = page
        return pages[username]

    yield signed_in
    for page in pages.values():
        page.context.close()


@contextmanager
def opened(people: People, username: str, path: str) -> Iterator[Page]:
    """The page at `path` as this person sees it; at the end nothing inaccessible is found on it."""
    page = people(username)
    origin = "/".join(page.url.split("/")[:3])
    page.goto(origin + path)
    yield page
    assert Axe().run(page).violations_count == 0


def act(page: Page, button: str, says: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".notice-good").first).to_contain_text(says)


def path_of(page: Page) -> str:
    return "/" + page.url.split("/", 3)[3].split("?")[0]


def test_a_request_goes_from_draft_to_applied_resources_through_the_pages(people: People) -> None:
    with opened(people, "slj.clerk", "/console/requests/new") as page:
        page.get_by_label("申请事项").fill("汛期前扩建填报入口 <script>alert(1)</script>")
        page.get_by_label("申请理由").fill("汛期前需要上线，等保二级。")
        page.get_by_label("名称").fill('${file("/etc/passwd")}')
        page.get_by_label("数据盘（GB）").fill("50")
        expect(page.locator("#quote")).to_contain_text("每月合计")
        act(page, "提交背书", "已送信息主官背书")
        request = path_of(page)
    with opened(people, "slj.officer", request) as page:
        act(page, "背书并提交", "已预占")
    with opened(people, "xxh.reviewer", request) as page:
        act(page, "受理", "已受理")
        act(page, "批准", "已批准")
        act(page, "生成执行计划", "正在生成执行计划")
        expect(page.locator(".path .done").last).to_contain_text("成功", timeout=90_000)
        plan = page.get_by_role("link", name="EP-2019-").first.get_attribute("href")
    assert plan is not None
    with opened(people, "xxh.approver", "/console/approvals") as page:
        expect(page.get_by_role("link", name="EP-2019-").first).to_be_visible()
    with opened(people, "xxh.approver", plan) as page:
        digest = page.locator(".digest-big").inner_text()
        assert page.locator('input[name="digest"]').get_attribute("value") == digest
        act(page, "批准此计划", "已批准")
    with opened(people, "csp1.applier", plan) as page:
        act(page, "执行此计划", "已排入执行队列")
        expect(page.locator("[data-log-state]")).to_have_text("日志已结束", timeout=90_000)
        expect(page.locator(".log")).to_contain_text("Apply complete")
        expect(page.locator(".path .done").last).to_contain_text("成功", timeout=20_000)
    with opened(people, "slj.clerk", request) as page:
        expect(page.locator("main")).to_contain_text("交付的资源")
        expect(page.locator("code", has_text="127.").first).to_be_visible()
        assert page.evaluate("document.querySelectorAll('main script').length") == 0
    with opened(people, "sjj.auditor", "/console/audit") as page:
        page.get_by_role("button", name="立即核验").click()
        expect(page.locator(".notice-good")).to_contain_text("审计链完整")

"""The pages on the running product: one request from draft to applied resources, by different people."""

from uuid import UUID

from playwright.sync_api import Browser, expect

from orchestrator.adapters.run_log import RunLogWriter, announce_end
from orchestrator.core.db import transaction
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.plans import generation
from tests import acts
from tests.browser.people import People, act, opened, path_of, sign_in
from tests.postgres import Server
from tests.running import RunningService


def test_a_request_goes_from_draft_to_applied_resources_through_the_pages(people: People) -> None:
    with opened(people, "slj.clerk", "/console/requests/new") as page:
        page.get_by_label("申请事项").fill("汛期前扩建填报入口 <script>alert(1)</script>")
        page.get_by_label("申请理由").fill("汛期前需要上线，等保二级。")
        page.get_by_label("名称").fill('${file("/etc/passwd")}')
        page.get_by_label("数据盘（GB）").fill("50")
        expect(page.locator("#quote")).to_contain_text("每月合计")
        act(page, "送审签", "已送信息主官审签")
        request = path_of(page)
    with opened(people, "slj.officer", request) as page:
        act(page, "审签并提交", "已预占")
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
        act(page, "下达执行", "已排入执行队列")
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


def test_a_request_can_be_made_without_javascript(browser: Browser, service: RunningService) -> None:
    page = sign_in(browser, service, "slj.clerk", script=False)
    page.get_by_role("link", name="新建申请").click()
    page.get_by_label("申请事项").fill("无脚本申请")
    page.get_by_label("申请理由").fill("老旧终端")
    page.get_by_label("名称").fill("入口")
    page.get_by_role("button", name="再加一组云主机").click()
    assert page.locator("fieldset.line-box").count() == 2
    page.get_by_role("button", name="删除第 2 组").click()
    page.get_by_role("button", name="计算费用").click()
    expect(page.locator("#quote")).to_contain_text("每月合计")
    page.get_by_role("button", name="送审签").click()
    expect(page.locator(".notice-good")).to_contain_text("已送信息主官审签")
    expect(page.get_by_role("heading", name="无脚本申请")).to_be_visible()
    page.context.close()


def test_a_plan_is_sent_back_approved_and_applied_without_javascript(
    browser: Browser, service: RunningService
) -> None:
    request = acts.approve(service.callers)
    first = acts.plan(service, request)
    approver = sign_in(browser, service, "xxh.approver", script=False)
    approver.goto(f"{service.settings.url}/console/plans/{first.id}")
    approver.get_by_role("button", name="退回重编", exact=True).click()
    expect(approver.get_by_role("alert")).to_be_visible()
    approver.get_by_label("意见").fill("磁盘容量请与方案一致。")
    act(approver, "退回重编", "已退回")
    second = acts.plan(service, request)
    approver.goto(f"{service.settings.url}/console/plans/{second.id}")
    act(approver, "批准此计划", "已批准")
    applier = sign_in(browser, service, "csp1.applier", script=False)
    applier.goto(f"{service.settings.url}/console/plans/{second.id}")
    act(applier, "下达执行", "已排入执行队列")
    run = UUID(path_of(applier).rsplit("/", 1)[1])
    assert service.ended_run(run).status == "succeeded"
    applier.reload()
    expect(applier.locator("main")).to_contain_text("Apply complete")
    approver.context.close()
    applier.context.close()


def test_two_people_who_decide_at_once_see_who_was_first(people: People, service: RunningService) -> None:
    request = acts.submit(service.callers)
    path = f"/console/requests/{request.id}"
    with opened(people, "xxh.reviewer", path) as late:
        service.callers("xxh.reviewer").accept_request(request.id)
        late.get_by_role("button", name="受理", exact=True).click()
        expect(late.get_by_role("alert")).to_contain_text("该对象已被他人修改")
        expect(late.get_by_role("button", name="批准", exact=True)).to_be_visible()


def test_a_followed_log_survives_the_restart_of_the_web_process(
    browser: Browser, server: Server, city: str
) -> None:
    """No worker runs here: the test writes the log, as one does, and ends the run."""
    service = RunningService(server.url(server.create_database(city)))
    try:
        service.start_web()
        request = acts.approve(service.callers)
        run = service.callers("xxh.reviewer").plans_request(request.id).id
        with transaction(service.engine) as session:
            generation.begin_planning(session, run, "worker-1", "")
        page = sign_in(browser, service, "xxh.reviewer")
        log = RunLogWriter(service.engine, str(run))
        log.append("stored <b>before</b>")
        page.goto(f"{service.settings.url}/console/runs/{run}")
        log.append("line 2")
        expect(page.locator(".log")).to_contain_text("line 2")
        restart_web(service)
        for number in range(3, 203):
            log.append(f"line {number}")
        assert log.close()
        expect(page.locator(".log")).to_contain_text("line 202", timeout=30_000)
        with transaction(service.engine) as session:
            generation.fail_plan(session, run, Reason("ended by the test", "测试结束"), 1)
        announce_end(service.engine, str(run))
        expect(page.locator("[data-log-state]")).to_have_text("日志已结束", timeout=30_000)
        expect(page.locator(".path .stopped")).to_contain_text("失败", timeout=20_000)
        shown = page.locator(".log").inner_text().split("\n")
        assert [line for line in shown if line] == [
            "stored <b>before</b>",
            *(f"line {n}" for n in range(2, 203)),
        ]
        page.context.close()
    finally:
        service.stop()


def restart_web(service: RunningService) -> None:
    """The web process is killed while a browser follows a log, and another one takes its place."""
    assert service.web is not None
    service.web.kill()
    service.web.wait()
    service.start_web()

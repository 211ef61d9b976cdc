"""The pages of migrations on the running product: a live system is migrated and rolled back by buttons."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from orchestrator.demo.sample_system import SampleClients, lost
from orchestrator.migrations.plan_files import transfer_key
from orchestrator.migrations.transfer import MigrationHost
from tests import transfers
from tests.browser.people import People, act, opened, path_of
from tests.browser.pictures import picture, shoot
from tests.faults.live_migration import slow_opening
from tests.running import RunningService
from tests.transfers import APPLIER, APPROVERS, OFFICER, PLAN, REVIEWER, Legacy

CLERK = "slj.clerk"
ENDED = 120_000
SLOW_SECONDS = 15


@dataclass
class LiveMigration:
    """A legacy system under writes, the request with its target, and the page of its migration."""

    target: MigrationHost
    clients: SampleClients
    number: str
    path: str = ""


@pytest.fixture(scope="module")
def live(service: RunningService) -> Iterator[LiveMigration]:
    legacy = Legacy(service)
    request = transfers.provision(service)
    target = legacy.target(request)
    clients = legacy.clients()
    yield LiveMigration(target, clients, request.number)
    clients.stop()


def log_ended(page: Page) -> None:
    """Wait for the run that the page follows; the page renews itself when its log ends."""
    expect(page.locator("[data-log-state]")).to_have_text("日志已结束", timeout=ENDED)


def approve(people: People, path: str, username: str, button: str) -> None:
    with opened(people, username, path) as page:
        expect(page.get_by_role("button", name=button, exact=True)).to_be_visible(timeout=ENDED)
        digest = page.locator(".digest-big").inner_text()
        assert page.locator('#acts input[name="digest"]').get_attribute("value") == digest
        act(page, button, "已批准")


def milliseconds(page: Page) -> float:
    """Return the time without a writable side that the page shows."""
    return float(page.locator("#closed .figure").inner_text().split(" ")[0].replace(",", ""))


def see_the_pause_count(page: Page) -> None:
    """While both sides are closed the page counts, wide and narrow, in both languages."""
    expect(page.locator("#closed")).to_contain_text("两端都不接受写入，已持续", timeout=30_000)
    figure, first = page.locator("#closed .figure").inner_text(), milliseconds(page)
    expect(page.locator("#closed .figure")).not_to_have_text(figure)
    assert 300 <= first < milliseconds(page) < SLOW_SECONDS * 1_000
    address = page.url
    for language, width in (("en", 390), ("zh", 1440)):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address.split('?')[0]}?lang={language}")
        expect(page.locator("#closed")).to_contain_text("毫秒" if language == "zh" else "ms")
        surplus = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert surplus <= 0
        picture(page, f"closed-{language}-{width}")


@pytest.mark.usefixtures("live")
def test_a_plan_with_mistakes_shows_all_of_them_and_keeps_what_was_typed(people: People) -> None:
    wrong = PLAN.read_text("utf-8").replace("trial_days: 0", "trial_days: -1").replace("writers: [app]", "")
    with opened(people, CLERK, "/console/migrations/new") as page:
        page.get_by_label("迁移计划（YAML）").fill(wrong)
        page.get_by_role("button", name="登记迁移").click()
        expect(page.get_by_role("alert")).to_contain_text("迁移计划有 2 处错误")
        expect(page.get_by_role("alert")).to_contain_text("database.writers")
        expect(page.get_by_label("迁移计划（YAML）")).to_have_value(wrong)
        shoot(page, "register")


def test_a_live_system_is_migrated_rolled_back_migrated_again_and_retired_through_the_pages(
    people: People, live: LiveMigration
) -> None:
    register(people, live)
    check_and_copy(people, live)
    approve_and_cut_over(people, live)
    roll_back(people, live)
    cut_over_again(people, live)
    accept_and_finalise(people, live)
    live.clients.stop()
    assert lost(live.clients.acknowledged(), live.target) == (0, 0)
    see_the_list(people, live)


def register(people: People, live: LiveMigration) -> None:
    hostile = "迁移 <script>alert(1)</script> {{ 7 * 7 }}"
    plan = PLAN.read_text("utf-8").replace("title: 山洪灾害监测预警系统迁移", f'title: "{hostile}"')
    plan = plan.replace("pause_budget_ms: 2000", "pause_budget_ms: 30000")
    with opened(people, CLERK, "/console/migrations/new") as page:
        page.get_by_label("目标主机所在的申请").select_option(live.number)
        page.get_by_label("迁移计划（YAML）").fill(plan)
        act_button = page.get_by_role("button", name="登记迁移")
        act_button.click()
        expect(page.locator(".notice-good")).to_contain_text("迁移已登记")
        expect(page.get_by_role("heading", level=1)).to_contain_text(hostile)
        live.path = path_of(page)


def check_and_copy(people: People, live: LiveMigration) -> None:
    with opened(people, REVIEWER, "/console/approvals?waiting=migrations.preflight") as page:
        page.get_by_role("link", name="MG-2019-").first.click()
        act(page, "检查两端", "正在检查两端")
        log_ended(page)
        expect(page.locator("#migration-state")).to_contain_text("已编制计划")
        expect(page.locator("#migration-state")).to_contain_text("没有发现问题")
        shoot(page, "checked")
    approve(people, live.path, APPROVERS[0], "批准此计划")
    with opened(people, APPLIER, live.path) as page:
        act(page, "开始复制", "已排入执行队列")
        log_ended(page)
        expect(page.locator("#migration-state")).to_contain_text("已全部复制，变更持续同步")
        shoot(page, "copied")


def approve_and_cut_over(people: People, live: LiveMigration) -> None:
    """The cutover has a checklist and needs two approvers; its page counts the pause."""
    with opened(people, REVIEWER, live.path) as page:
        expect(page.get_by_role("button", name="割接到目标端")).to_have_count(0)
        act(page, "编制割接计划", "正在生成执行计划")
        log_ended(page)
        expect(page.locator("#migration-state")).to_contain_text("未满足")
    approve(people, live.path, APPROVERS[0], "批准割接及其回退")
    with opened(people, APPROVERS[0], live.path) as page:
        expect(page.get_by_role("button", name="批准割接及其回退")).to_have_count(0)
        expect(page.locator("#acts")).to_contain_text("目前没有需要您办理的操作")
        shoot(page, "half-approved")
    approve(people, live.path, APPROVERS[1], "批准割接及其回退")
    with opened(people, APPLIER, live.path) as page:
        expect(page.locator("#migration-state")).not_to_contain_text("未满足")
        shoot(page, "scheduled")
        number = page.get_by_role("heading", level=1).inner_text().split(" ")[0]
        with slow_opening(live.target, transfer_key(number), SLOW_SECONDS):
            act(page, "割接到目标端", "割接已排入执行队列")
            see_the_pause_count(page)
            log_ended(page)
        expect(page.locator("#closed")).to_contain_text("两端都不接受写入的时间")
        assert milliseconds(page) > SLOW_SECONDS * 1_000
        expect(page.locator("#last-switch")).to_contain_text("一致", timeout=10_000)
        expect(page.locator("#last-switch .figure").first).to_contain_text("毫秒")
        expect(page.locator("#migration-state")).to_contain_text("试运行")
        shoot(page, "trial")


def roll_back(people: People, live: LiveMigration) -> None:
    """The rollback button shows its effects."""
    with opened(people, APPLIER, live.path) as page:
        expect(page.locator("#acts")).to_contain_text("带着目标端已接受的全部写入恢复服务")
        act(page, "回退到源端", "回退已排入执行队列")
        log_ended(page)
        expect(page.locator("#migration-state")).to_contain_text("已回退")
        shoot(page, "returned")


def cut_over_again(people: People, live: LiveMigration) -> None:
    with opened(people, REVIEWER, live.path) as page:
        act(page, "编制割接计划", "正在生成执行计划")
        log_ended(page)
    for approver in APPROVERS:
        approve(people, live.path, approver, "批准割接及其回退")
    with opened(people, APPLIER, live.path) as page:
        act(page, "割接到目标端", "割接已排入执行队列")
        log_ended(page)


def accept_and_finalise(people: People, live: LiveMigration) -> None:
    """The department accepts, the rollback path is removed, and the retirement is recorded."""
    with opened(people, OFFICER, live.path) as page:
        act(page, "验收", "已验收")
    with opened(people, REVIEWER, live.path) as page:
        act(page, "编制关闭回退通道计划", "正在生成执行计划")
        log_ended(page)
    approve(people, live.path, APPROVERS[0], "批准此计划")
    with opened(people, APPLIER, live.path) as page:
        act(page, "关闭回退通道", "已排入执行队列")
        log_ended(page)
        page.get_by_label("停用日期").fill("2019-06-19")
        page.get_by_label("介质清除方式").fill("磁盘已消磁 <b>")
        act(page, "提交停用记录", "停用记录已提交")
        expect(page.locator("#acts")).to_contain_text("磁盘已消磁 <b>")
        shoot(page, "retired")


def see_the_list(people: People, live: LiveMigration) -> None:
    """The list shows the serving side to those who may see the migration."""
    with opened(people, CLERK, "/console/migrations") as page:
        expect(page.locator("tbody tr").first).to_contain_text("目标端（政务云）")
        page.get_by_label("状态").select_option("aborted")
        expect(page.locator("#migration-rows")).to_contain_text("没有符合条件的迁移")
        shoot(page, "list")
    with opened(people, "cgj.clerk", "/console/migrations") as page:
        expect(page.locator("#migration-rows")).to_contain_text("没有符合条件的迁移")
    with opened(people, "cgj.clerk", live.path) as page:
        expect(page.get_by_role("heading", level=1)).to_contain_text("没有找到")

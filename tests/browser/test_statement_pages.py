"""The pages of statements and the usage report on the running product, over a month that was closed."""

from datetime import date, datetime, time

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import Engine

from orchestrator.client.models import RequestDetail
from orchestrator.core import clock
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from tests import acts
from tests.browser.people import People, act, opened, sign_in
from tests.browser.pictures import shoot
from tests.factories import make_draft
from tests.running import RunningService, wait_until

HOSTILE = '=cmd|"/c calc"!A1 <script>alert(1)</script>'
REVIEWER, OFFICER, FINANCE = "xxh.reviewer", "slj.officer", "czj.finance"
TOTAL = "¥406.40"


def on_day(engine: Engine, day: str) -> None:
    with transaction(engine) as session:
        clock.set_to(session, datetime.combine(date.fromisoformat(day), time(9), CITY))


@pytest.fixture(scope="module")
def used(service: RunningService) -> RequestDetail:
    """A request whose host was opened on 19 June; it is 1 July, and June is not closed."""
    request = acts.provision(service, make_draft(title=HOSTILE))
    service.callers(OFFICER).activate_request(request.id)
    on_day(service.engine, "2019-07-01")
    return request


@pytest.fixture(scope="module")
def confirmed(people: People, service: RunningService, used: RequestDetail) -> RequestDetail:
    """The request, after June was closed, verified and confirmed through the pages."""
    path = close_and_issue(people, service)
    confirm(people, path)
    return used


def close_and_issue(people: People, service: RunningService) -> str:
    """Close June and issue its only statement; return the path of its page."""
    with opened(people, REVIEWER, "/console/statements") as page:
        page.get_by_label("月份").first.fill("2019-08")
        page.get_by_role("button", name="关账").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("月份").first.fill("2019-06")
        act(page, "关账", "已开始关账")
        reviewer = service.callers(REVIEWER)
        wait_until(lambda: not reviewer.read_month("2019-06").to_meter, "June is metered")
        page.reload()
        page.get_by_role("link", name="2019-06").first.click()
        expect(page.locator(".figure")).to_have_text(TOTAL)
        shoot(page, "statement-metered")
        act(page, "核验并出具", "金额不再变动")
        address = page.url.split("?")[0]
    return "/" + address.split("/", 3)[3]


def confirm(people: People, path: str) -> None:
    with opened(people, "slj.clerk", path) as page:
        expect(page.get_by_role("button", name="确认用量与金额")).to_have_count(0)
    with opened(people, OFFICER, path) as page:
        page.get_by_role("button", name="提出异议").click()
        expect(page.get_by_role("alert")).to_contain_text("请填写意见")
        act(page, "确认用量与金额", "已确认")
        expect(page.locator("main")).to_contain_text("肆佰零陆元肆角")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="PDF").click()
        assert downloading.value.suggested_filename == "ST-2019-06-SLJ.pdf"
        shoot(page, "statement")


def test_a_month_is_closed_verified_and_confirmed_through_the_pages(
    service: RunningService, confirmed: RequestDetail
) -> None:
    (statement,) = service.callers(REVIEWER).list_statements(month="2019-06").items
    assert (statement.status, statement.organisation_code) == (
        "confirmed",
        confirmed.organisation_code,
    )


def test_from_an_amount_of_the_report_a_click_leads_to_approval_and_request(
    people: People, confirmed: RequestDetail
) -> None:
    with opened(people, FINANCE, "/console/usage-report?year=2019") as page:
        expect(page.locator(".chart canvas")).to_be_visible()
        shoot(page, "usage-report")
        page.locator("tbody").last.get_by_role("link", name=TOTAL).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("2019-06")
        page.get_by_role("row").filter(has_text="ECS-X86-CPU").locator('a[href*="/lines/"]').click()
        shoot(page, "statement-line")
        expect(page.get_by_role("row").filter(has_text="2019-06-19")).to_contain_text("8")
        line, cause = page.url, page.locator("#cause")
        digest = cause.locator(".digest").first.inner_text()
        expect(cause).to_contain_text("中心审批员")
        expect(cause).to_contain_text(HOSTILE)
        for link, seen in ways(page, confirmed):
            link.click()
            expect(page.locator("main")).to_contain_text(seen)
            if seen.startswith("EP-"):
                expect(page.locator("main")).to_contain_text(digest)
            page.goto(line)


def ways(page: Page, confirmed: RequestDetail) -> list[tuple[Locator, str]]:
    """Follow the links of a line's page."""
    cause = page.locator("#cause")
    plan = cause.get_by_role("link", name="EP-2019-")
    run = cause.locator('a[href*="/runs/"]')
    return [
        (page.get_by_role("link", name="CAT-2019-01"), "ECS-X86-CPU"),
        (cause.locator('a[href*="/resources"]'), confirmed.number),
        (run, run.inner_text()),
        (plan, plan.inner_text()),
        (cause.get_by_role("link", name=confirmed.number), confirmed.number),
    ]


def test_the_price_of_a_line_stands_in_the_list_that_it_names_and_its_resource_alone(
    people: People, service: RunningService, confirmed: RequestDetail
) -> None:
    statement = service.callers(REVIEWER).list_statements(month="2019-06").items[0].id
    lines = service.callers(REVIEWER).list_statement_lines(statement).items
    (cpu,) = [line for line in lines if line.sku == "ECS-X86-CPU"]
    with opened(people, OFFICER, f"/console/prices/{cpu.catalogue}") as page:
        expect(page.get_by_role("row").filter(has_text="ECS-X86-CPU")).to_contain_text("¥42.00")
        shoot(page, "prices")
    with opened(people, OFFICER, f"/console/resources?only={cpu.resource_id}") as page:
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody tr")).to_contain_text(confirmed.number)
    with opened(people, "cgj.clerk", f"/console/resources?only={cpu.resource_id}") as page:
        expect(page.get_by_role("heading", level=1)).to_contain_text("没有找到")


def test_every_amount_of_the_report_leads_to_what_it_is_made_of(
    people: People, confirmed: RequestDetail
) -> None:
    report = "/console/usage-report?year=2019"
    with opened(people, FINANCE, report) as page:
        water = page.get_by_role("row").filter(has_text="SLJ")
        paths = [str(link.get_attribute("href")) for link in water.get_by_role("link").all()]
        assert paths == ["/console/requests?text=SLJ", "/console/statements?organisation=SLJ"]
        totals = page.locator("tfoot").get_by_role("link")
        paths += [str(link.get_attribute("href")) for link in totals.all()]
        assert paths[2:] == ["/console/statements?month=2019-06"]
    for path, seen in zip(paths, (confirmed.number, TOTAL, TOTAL), strict=True):
        with opened(people, FINANCE, path) as page:
            expect(page.locator("main")).to_contain_text(seen)


@pytest.mark.usefixtures("confirmed")
def test_the_report_says_everything_without_javascript(browser: Browser, service: RunningService) -> None:
    page = sign_in(browser, service, FINANCE, script=False)
    page.goto(f"{service.settings.url}/console/usage-report?year=2019")
    expect(page.get_by_role("link", name=TOTAL)).to_have_count(3)
    expect(page.locator("canvas")).to_have_count(0)
    page.context.close()


@pytest.mark.usefixtures("confirmed")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_fit_a_phone(people: People, service: RunningService, language: str) -> None:
    statement = service.callers(REVIEWER).list_statements(month="2019-06").items[0].id
    paths = ["/console/statements", f"/console/statements/{statement}", "/console/usage-report?year=2019"]
    paths += ["/console/prices/CAT-2019-01"]
    for path in [*paths, f"/console/statements/{statement}/lines/1"]:
        joint = "&" if "?" in path else "?"
        with opened(people, OFFICER, f"{path}{joint}lang={language}") as page:
            page.set_viewport_size({"width": 390, "height": 800})
            surplus = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert surplus <= 0, f"{path} is {surplus} px too wide"
            page.set_viewport_size({"width": 1440, "height": 900})
    people(OFFICER).goto(f"{service.settings.url}/console/?lang=zh")


@pytest.mark.usefixtures("confirmed")
def test_another_department_sees_neither_statement_nor_line(people: People, service: RunningService) -> None:
    statement = service.callers(REVIEWER).list_statements(month="2019-06").items[0].id
    for path in (f"/console/statements/{statement}", f"/console/statements/{statement}/lines/1"):
        with opened(people, "cgj.clerk", path) as page:
            expect(page.get_by_role("heading", level=1)).to_contain_text("没有找到")
    with opened(people, "cgj.clerk", "/console/statements") as page:
        expect(page.locator("#statement-rows")).to_contain_text("没有符合条件的用量确认单")

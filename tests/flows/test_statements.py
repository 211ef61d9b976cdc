"""SC-1 to its end on the running product: asked, tried, opened, metered by a worker, confirmed, printed."""

import csv
import io
import json
import subprocess
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orchestrator.client.encoding import decode
from orchestrator.client.models import (
    ExportStatementFormat,
    ReasonBody,
    RequestDetail,
    SkuUseBody,
    StatementDetail,
    UsageCorrectionBody,
)
from tests import acts, months
from tests.factories import make_draft, make_line
from tests.loops import at_least_one
from tests.months import OFFICE, OFFICER, PROVIDER, REVIEWER
from tests.running import RunningService

Document = dict[str, Any]
Files = dict[str, bytes]
JUNE_FEN = {"BAK-VM": 4000, "ECS-X86-CPU": 13440, "ECS-X86-MEM": 19200, "EVS-SSD": 4000}
JUNE_TOTAL = 40640
JULY_TOTAL = 101600
HALVED_TOTAL = 16258 + 8671 + 23226 + 12387 + 10000 + 10000


@dataclass
class Story:
    """The recorded steps, with the files after each step, twice each."""

    service: RunningService
    target: RequestDetail
    request: RequestDetail
    refused: Document
    statement: StatementDetail
    kept: dict[str, tuple[Files, Files]] = field(default_factory=dict)

    def keep(self, step: str, again: bool) -> None:
        """Take the files, close June again, and take them once more."""
        callers = self.service.callers
        before = months.files(callers, self.statement)
        state = months.close(self.service, "2019-06", again=again)
        assert state.statements == {step: 1}
        self.kept[step] = (before, months.files(callers, self.statement))


def applied(service: RunningService, request: RequestDetail) -> RequestDetail:
    """The request with its resources on trial."""
    ended = acts.apply(service, acts.approve_plan(service, acts.plan(service, request)))
    assert ended.status == "succeeded", (ended.reason, service.log_lines(ended.id)[-20:])
    return service.callers(REVIEWER).read_request(request.id)


def tried(service: RunningService) -> tuple[RequestDetail, RequestDetail, Document]:
    """31 May: both requests; 3 June: accepted; 5 June: on trial, and the bureau's quota is full."""
    callers = service.callers
    months.on_day(service.engine, "2019-05-31")
    sizes = {"vcpu": 6, "memory_gb": 24, "disk_gb": 375, "backup_gb": 375}
    hosts = [make_line(key=f"node-{number}", **sizes) for number in range(4)]
    target = acts.submit(callers, make_draft(*hosts, title="迁移目标"))
    request = acts.submit(callers)
    more = acts.endorse(callers, acts.draft(callers, make_draft(make_line(vcpu=1, memory_gb=1))))
    refused = callers("slj.clerk").post(f"/requests/{more.id}/submit")
    months.on_day(service.engine, "2019-06-03")
    for one in (target, request):
        callers(REVIEWER).accept_request(one.id)
        callers(REVIEWER).approve_request(one.id)
    months.on_day(service.engine, "2019-06-05")
    return applied(service, target), applied(service, request), refused.json()


@pytest.fixture(scope="module")
def story(service: RunningService) -> Story:
    """June 2019 of the water bureau, from the requests to the confirmed statement."""
    target, request, refused = tried(service)
    callers = service.callers
    months.on_day(service.engine, "2019-06-19")
    callers(OFFICER).activate_request(request.id)
    months.on_day(service.engine, "2019-07-01")
    months.close(service, "2019-06")
    made = Story(service, target, request, refused, months.current(callers, "2019-06"))
    made.keep("metered", again=True)
    made.statement = callers(REVIEWER).issue_statement(made.statement.id)
    made.keep("issued", again=True)
    made.statement = callers(OFFICER).confirm_statement(made.statement.id)
    made.keep("confirmed", again=True)
    return made


@pytest.fixture(scope="module")
def july(story: Story) -> list[StatementDetail]:
    """The statement of July after each act: disputed twice, upheld the second time, then confirmed."""
    service, callers = story.service, story.service.callers
    months.on_day(service.engine, "2019-08-01")
    months.close(service, "2019-07")
    seen = [months.current(callers, "2019-07")]

    def decide(decision: str, reason: str) -> None:
        done = bill(story, OFFICE, "decide", "SLJ", "2019-07", decision, "--reason", reason, "--json")
        assert done.returncode == 0, done.stderr
        seen.append(decode(StatementDetail, json.loads(done.stdout)))

    def dispute(by: str, reason: str) -> None:
        seen.append(callers(by).dispute_statement(seen[-1].id, ReasonBody(reason=reason)))

    seen.append(callers(REVIEWER).issue_statement(seen[-1].id))
    dispute(PROVIDER, "The provider's meter differs.")
    decide("--let-stand", "Within the tolerance.")
    dispute(OFFICER, "It was halved on the 16th.")
    (instance,) = [row for row in acts.resources(service, story.request) if row.kind == "instance"]
    halved = (SkuUseBody(sku="ECS-X86-CPU", quantity="4"), SkuUseBody(sku="ECS-X86-MEM", quantity="16"))
    late = UsageCorrectionBody(day=date(2019, 7, 16), reason="The meter says so.", skus=halved)
    callers(REVIEWER).correct_usage(instance.id, late)
    decide("--uphold", "The meter says so.")
    months.close(service, "2019-07")
    seen.append(months.current(callers, "2019-07"))
    seen.append(callers(REVIEWER).issue_statement(seen[-1].id))
    seen.append(callers(OFFICER).confirm_statement(seen[-1].id))
    return seen


def test_the_request_lands_exactly_on_the_quota_and_one_host_more_is_refused(story: Story) -> None:
    assert story.refused["rule"] == "R-16"
    query = text(
        "SELECT resource_class, held, committed FROM quota_limits"
        " WHERE organisation_code = 'SLJ' AND zone_class = 'production'"
    )
    with story.service.engine.connect() as connection:
        found = {name: (held, committed) for name, held, committed in connection.execute(query)}
    assert found == {"vcpu": (0, 32), "memory_gb": (0, 128), "block_gb": (0, 2000)}


def test_the_trial_and_the_target_that_is_not_accepted_cost_nothing(story: Story) -> None:
    made = acts.resources(story.service, story.request)
    assert {row.trial_ends_on for row in made if row.kind == "instance"} == {date(2019, 6, 20)}
    charged = {line.resource_id for line in months.lines(story.service.callers, story.statement)}
    assert charged <= {row.id for row in made}
    assert {line.starts for line in months.lines(story.service.callers, story.statement)} == {
        date(2019, 6, 19)
    }


def test_from_activation_to_the_confirmed_statement_june_costs_what_is_stated(story: Story) -> None:
    statement = story.statement
    assert (statement.status, statement.total_fen) == ("confirmed", JUNE_TOTAL)
    assert (statement.number, statement.line_count) == ("ST-2019-06-SLJ", 4)
    assert statement.confirmed_on == date(2019, 7, 1)
    found = months.lines(story.service.callers, statement)
    assert {line.sku: line.amount_fen for line in found} == JUNE_FEN


def test_from_an_amount_a_reader_comes_to_usage_run_plan_approval_and_request(story: Story) -> None:
    officer = story.service.callers(OFFICER)
    for line in at_least_one(months.lines(story.service.callers, story.statement)):
        behind = officer.trace_statement_line(story.statement.id, line.position)
        assert behind.line == line
        assert behind.intervals[0].starts == date(2019, 6, 19)
        assert behind.run.kind == "apply"
        assert behind.plan is not None
        assert behind.approvals is not None
        assert behind.approvals[0].digest == behind.plan.digest
        assert behind.request is not None
        assert behind.request.number == story.request.number


@pytest.mark.invariant(7)
def test_the_movement_of_the_first_month_is_all_increase(story: Story) -> None:
    found = story.service.callers("slj.clerk").list_statement_movement(story.statement.id)
    closing = {item.sku_code: float(item.closing) for item in found}
    assert closing == {"BAK-VM": 500, "ECS-X86-CPU": 8, "ECS-X86-MEM": 32, "EVS-SSD": 500}
    assert all(item.increases == item.closing for item in found)


@pytest.mark.invariant(6)
@pytest.mark.parametrize("step", ["metered", "issued", "confirmed"])
@pytest.mark.parametrize("form", ExportStatementFormat)
def test_closing_again_gives_the_same_bytes_of_every_file(story: Story, step: str, form: str) -> None:
    before, after = story.kept[step]
    assert after[form] == before[form]


def test_the_json_says_every_amount(story: Story) -> None:
    body = json.loads(story.kept["confirmed"][0]["json"])
    assert (body["total"], body["total_fen"], body["total_zh"]) == ("406.40", 40640, "肆佰零陆元肆角整")
    assert {line["sku"]: line["amount_fen"] for line in body["lines"]} == JUNE_FEN
    assert {line["days"] for line in body["lines"]} == {12}


def test_the_csv_opens_in_a_spreadsheet_as_utf_8_and_adds_up(story: Story) -> None:
    data = story.kept["confirmed"][0]["csv"]
    assert data.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert (head[7], head[-1]) == ("计费项", "金额(元)")
    assert {row[7]: row[-1] for row in rows} == {
        "BAK-VM": "40.00",
        "ECS-X86-CPU": "134.40",
        "ECS-X86-MEM": "192.00",
        "EVS-SSD": "40.00",
    }
    assert sum(Decimal(row[-1]) for row in rows) == Decimal("406.40")


def test_the_workbook_has_a_frozen_head_real_numbers_and_formulas_with_their_values(story: Story) -> None:
    data = io.BytesIO(story.kept["confirmed"][0]["xlsx"])
    written, shown = openpyxl.load_workbook(data), openpyxl.load_workbook(data, data_only=True)
    sheet = written["明细"]
    assert sheet.freeze_panes == "A2"
    amounts = [sheet.cell(row, 20) for row in range(2, 6)]
    assert {cell.data_type for cell in amounts} == {"n"}
    assert sorted(cell.value for cell in amounts) == [40, 40, 134.4, 192]
    assert (sheet["T6"].value, shown["明细"]["T6"].value) == ("=SUM(T2:T5)", 406.4)
    assert (written["用量确认单"]["B5"].value, shown["用量确认单"]["B5"].value) == ("=SUM(明细!T2:T5)", 406.4)


def test_the_paper_is_an_archive_pdf_and_carries_number_lines_and_total_in_capitals(story: Story) -> None:
    data = story.kept["confirmed"][0]["pdf"]
    assert b"<pdfaid:part>2</pdfaid:part>" in data
    with pypdfium2.PdfDocument(data) as document:
        pages = ["".join(page.get_textpage().get_text_range().split()) for page in document]
    assert len(pages) == 2
    for words in ("ST-2019-06-SLJ", "市水利局", "2019年6月", "406.40", "肆佰零陆元肆角整", "盖章处", "—1/2—"):
        assert words in pages[0]
    for words in ("ECS-X86-CPU", "134.40", "192.00", "06-19–07-01", story.statement.digest or "no digest"):
        assert words in pages[1]


def test_a_file_is_named_like_the_statement(story: Story) -> None:
    answer = story.service.callers(OFFICER).get(f"/statements/{story.statement.id}/export?format=pdf")
    assert answer.headers["content-disposition"] == 'attachment; filename="ST-2019-06-SLJ.pdf"'
    assert answer.headers["content-type"] == "application/pdf"


def test_a_dispute_is_decided_and_an_upheld_one_gives_a_new_revision(july: list[StatementDetail]) -> None:
    assert [(one.status, one.revision) for one in july] == [
        ("metered", 1),
        ("issued", 1),
        ("disputed", 1),
        ("issued", 1),
        ("disputed", 1),
        ("open", 2),
        ("metered", 2),
        ("issued", 2),
        ("confirmed", 2),
    ]
    assert (july[0].total_fen, july[3].total_fen) == (JULY_TOTAL, JULY_TOTAL)
    assert july[3].digest == july[1].digest
    assert (july[-1].number, july[-1].total_fen) == ("ST-2019-07-SLJ-2", HALVED_TOTAL)
    assert july[-1].replaces_id == july[0].id


def test_the_old_revision_is_kept_as_it_was_issued(story: Story, july: list[StatementDetail]) -> None:
    old = story.service.callers(OFFICER).read_statement(july[0].id)
    assert (old.status, old.number, old.digest) == ("upheld", "ST-2019-07-SLJ", july[1].digest)
    assert sum(line.amount_fen for line in months.lines(story.service.callers, old)) == JULY_TOTAL


@pytest.mark.invariant(7)
def test_the_next_month_opens_with_what_the_month_before_closed(
    story: Story, july: list[StatementDetail]
) -> None:
    officer = story.service.callers(OFFICER)
    ended, begun = (
        {item.sku_code: item for item in officer.list_statement_movement(one.id)}
        for one in (story.statement, july[-1])
    )
    assert {sku: item.closing for sku, item in ended.items()} == {
        sku: item.opening for sku, item in begun.items()
    }
    assert float(begun["ECS-X86-CPU"].decreases) == 4


def test_the_report_of_the_year_shows_the_months_beside_the_budget(
    story: Story, july: list[StatementDetail]
) -> None:
    report = story.service.callers("czj.finance").read_usage_report(year=2019)
    (water,) = [one for one in report.departments if one.organisation == "SLJ"]
    assert [one.statement_id for one in water.months] == [story.statement.id, july[-1].id]
    assert water.stated_fen == report.stated_fen == JUNE_TOTAL + HALVED_TOTAL
    assert (water.appropriated_fen, water.spent_fen) == (5_000_000, 0)
    own = story.service.callers("slj.clerk").read_usage_report(year=2019)
    assert [one.organisation for one in own.departments] == ["SLJ"]


def bill(story: Story, username: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return this person's output of a `govcloud bill` command."""
    service = story.service
    reach = {"GOVCLOUD_URL": service.settings.url, "GOVCLOUD_TOKEN": service.callers(username).token}
    return service.command("bill", *arguments, COLUMNS="200", **reach)


def test_the_command_shows_and_saves_the_statement(story: Story) -> None:
    listed = bill(story, OFFICER, "list", "--month", "2019-06", "--json")
    assert json.loads(listed.stdout)[0]["number"] == "ST-2019-06-SLJ", listed.stderr
    shown = bill(story, OFFICER, "statement", "SLJ", "2019-06")
    assert "406.40 CNY" in shown.stdout, shown.stderr
    assert "肆佰零陆元肆角整" in shown.stdout
    path = Path(story.service.home) / "june.pdf"
    saved = bill(story, OFFICER, "export", "SLJ", "2019-06", "--output", str(path))
    assert saved.returncode == 0, saved.stderr
    assert path.read_bytes() == story.kept["confirmed"][0]["pdf"]
    closed = bill(story, REVIEWER, "close", "2019-06")
    assert closed.returncode == 0, closed.stderr
    missing = bill(story, OFFICER, "statement", "SLJ", "2018-01")
    assert (missing.returncode, "no statement" in missing.stderr) == (1, True)


@pytest.mark.invariant(6)
def test_a_confirmed_month_has_no_door_for_an_edit_by_api_or_sql(story: Story) -> None:
    path = f"/statements/{story.statement.id}"
    for method in ("PUT", "PATCH", "DELETE"):
        for part in ("", "/lines", "/lines/1", "/movement"):
            answer = story.service.callers(REVIEWER).call(method, f"{path}{part}", json={"total_fen": 0})
            assert answer.status_code == 405, (method, part)
    for by, act in ((REVIEWER, "issue"), (OFFICER, "confirm"), (OFFICER, "dispute")):
        answer = story.service.callers(by).post(f"{path}/{act}", json={"reason": "no"})
        assert answer.status_code == 409, (act, answer.text)
    for edit in (
        "UPDATE statement_lines SET amount_fen = 0",
        "DELETE FROM statement_lines",
        "UPDATE usage_statements SET total_fen = 0",
    ):
        with pytest.raises(DBAPIError, match="append-only"), story.service.engine.begin() as connection:
            connection.execute(text(edit))


@pytest.mark.invariant(6)
def test_an_edit_behind_the_guards_is_reported_by_the_audit(story: Story) -> None:
    auditor = story.service.callers("sjj.auditor")
    assert auditor.verify_audit().ok
    edit = text(
        "UPDATE statement_lines SET amount_fen = amount_fen + :fen WHERE position = 1 AND statement_id = :id"
    )
    for fen in (1, -1):
        with story.service.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(edit, {"fen": fen, "id": story.statement.id})
        if fen == 1:
            found = auditor.verify_audit()
            assert (found.ok, found.altered_statements) == (False, ("ST-2019-06-SLJ",))
            verified = story.service.command("audit", "verify")
            assert (verified.returncode, "ST-2019-06-SLJ" in verified.stdout + verified.stderr) == (1, True)
    assert auditor.verify_audit().ok

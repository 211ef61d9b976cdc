"""Who may do what with a statement, what a close refuses and names, and text that must stay text in files."""

import csv
import io
import json
from datetime import date
from typing import Any

import httpx2
import openpyxl
import pypdfium2
import pytest
from sqlalchemy import Engine, text

from tests import months
from tests.callers import Callers
from tests.db.billing import closes, hosts
from tests.factories import make_draft, make_line
from tests.months import OFFICE, OFFICER, PROVIDER, REVIEWER

NO = {"reason": "no"}
EVERYBODY = (
    "slj.clerk",
    "slj.officer",
    "mzj.officer",
    "xxh.reviewer",
    "xxh.approver",
    "csp1.applier",
    "zhb.approver",
    "czj.finance",
    "sjj.auditor",
)


SECOND_LIST = text(
    "INSERT INTO price_catalogues SELECT (jsonb_populate_record(c, jsonb_build_object('code', 'CAT-2019-06',"
    " 'valid_from', '2019-06-28', 'valid_to', '2019-06-29'))).* FROM price_catalogues c"
    " WHERE code = 'CAT-2019-01'"
)
SECOND_PRICE = text(
    "INSERT INTO sku_prices SELECT (jsonb_populate_record(p, jsonb_build_object("
    " 'catalogue_code', 'CAT-2019-06'))).* FROM sku_prices p"
    " WHERE catalogue_code = 'CAT-2019-01' AND sku_code = 'EVS-SSD'"
)


@pytest.fixture
def june(engine: Engine) -> hosts.Host:
    """A host of the water bureau whose June is metered."""
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, closes.JUNE)
    return host


def allowed(callers: Callers, method: str, path: str, **options: Any) -> set[str]:
    """Return the people who are not refused; 404 counts as refused, like 403."""
    answers = {name: callers(name).call(method, path, **options).status_code for name in EVERYBODY}
    assert answers["mzj.officer"] in (403, 404)
    return {name for name, status in answers.items() if status not in (403, 404)}


def test_others_do_not_learn_that_a_statement_exists(
    engine: Engine, callers: Callers, june: hosts.Host
) -> None:
    row = closes.statement(engine, closes.JUNE)
    outsider = callers("mzj.officer")
    assert outsider.list_statements().items == ()
    assert outsider.list_statements(organisation="SLJ").items == ()
    for path in ("", "/lines", "/lines/1", "/movement", "/export", "/export?format=json"):
        assert outsider.get(f"/statements/{row.id}{path}").status_code == 404
    for act, body in (
        ("issue", None),
        ("confirm", None),
        ("dispute", NO),
        ("decide", {"upheld": True, **NO}),
    ):
        assert outsider.post(f"/statements/{row.id}/{act}", json=body).status_code == 404, act
    for act in ("suspend", "resume"):
        assert outsider.post(f"/resources/{june.instance}/{act}", json=NO).status_code == 404
    corrected = {"day": "2019-06-20", "state": "waived", **NO}
    assert outsider.post(f"/resources/{june.instance}/usage-corrections", json=corrected).status_code == 404
    assert callers.anybody().get(f"/statements/{row.id}").status_code == 401


@pytest.mark.usefixtures("june")
def test_only_the_centre_closes_a_month_and_a_department_does_not_read_how_far_it_is(
    callers: Callers,
) -> None:
    assert allowed(callers, "POST", "/months/2019-06/close") == {REVIEWER}
    assert not allowed(callers, "GET", "/months/2019-06") & {"slj.clerk", OFFICER, "mzj.officer"}


@pytest.mark.usefixtures("june")
def test_each_act_belongs_to_its_role(engine: Engine, callers: Callers) -> None:
    path = f"/statements/{closes.statement(engine, closes.JUNE).id}"
    others = [name for name in EVERYBODY if name != REVIEWER]
    assert {callers(name).post(f"{path}/issue").status_code for name in others} == {403, 404}
    assert callers(REVIEWER).post(f"{path}/issue").status_code == 200
    others = [name for name in EVERYBODY if name != OFFICER]
    assert {callers(name).post(f"{path}/confirm").status_code for name in others} == {403, 404}
    others = [name for name in EVERYBODY if name not in (OFFICER, PROVIDER)]
    assert {callers(name).post(f"{path}/dispute", json=NO).status_code for name in others} == {403, 404}
    assert callers(OFFICER).post(f"{path}/dispute", json={"reason": " "}).status_code == 422
    assert callers(OFFICER).post(f"{path}/dispute", json=NO).status_code == 200
    upheld = {"upheld": True, "reason": "yes"}
    others = [name for name in EVERYBODY if name != OFFICE]
    assert {callers(name).post(f"{path}/decide", json=upheld).status_code for name in others} == {403, 404}
    new = callers(OFFICE).done("POST", f"{path}/decide", json=upheld)
    assert (new["revision"], new["status"]) == (2, "open")


@pytest.mark.usefixtures("june")
def test_acts_out_of_their_order_are_refused(engine: Engine, callers: Callers) -> None:
    path = f"/statements/{closes.statement(engine, closes.JUNE).id}"
    assert callers(OFFICER).post(f"{path}/confirm").status_code == 409
    assert callers(OFFICER).post(f"{path}/dispute", json=NO).status_code == 409
    assert callers(OFFICE).post(f"{path}/decide", json={"upheld": False, **NO}).status_code == 409
    assert callers(REVIEWER).post(f"{path}/issue").status_code == 200
    assert callers(REVIEWER).post(f"{path}/issue").status_code == 409
    assert callers(OFFICER).post(f"{path}/confirm").status_code == 200
    assert callers(OFFICER).post(f"{path}/confirm").status_code == 409


@pytest.mark.usefixtures("june")
def test_a_version_that_somebody_changed_is_refused(engine: Engine, callers: Callers) -> None:
    row = closes.statement(engine, closes.JUNE)
    reviewer = callers(REVIEWER)
    etag = reviewer.get(f"/statements/{row.id}").headers["etag"]
    closes.close(engine, closes.JUNE, again=True)
    assert reviewer.post(f"/statements/{row.id}/issue", headers={"If-Match": etag}).status_code == 412


def test_suspending_and_resuming_belong_to_the_department_and_are_billed_from_that_day(
    engine: Engine, callers: Callers, june: hosts.Host
) -> None:
    path = f"/resources/{june.instance}"
    for act, status in (("suspend", "suspended"), ("resume", "active")):
        assert callers("sjj.auditor").post(f"{path}/{act}", json=NO).status_code == 403
        assert callers(OFFICER).done("POST", f"{path}/{act}", json=NO)["status"] == status
        hosts.on_day(engine, "2019-07-11")
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, closes.JULY)
    states = {
        (one.sku, one.state, one.starts) for one in months.lines(callers, months.current(callers, "2019-07"))
    }
    wanted = {("suspended", date(2019, 7, 1)), ("active", date(2019, 7, 11))}
    assert {("ECS-X86-CPU", state, day) for state, day in wanted} <= states


def test_the_page_of_a_resource_offers_its_acts_to_the_officer_of_the_department(
    callers: Callers, june: hosts.Host
) -> None:
    def page(username: str, method: str, path: str, **options: Any) -> httpx2.Response:
        bearer = {"Authorization": f"Bearer {callers(username).token}"}
        return callers.http.request(method, f"/console/resources{path}", headers=bearer, **options)

    one, act = f"?only={june.instance}", f"/{june.instance}/suspend"
    assert f"/console/resources{act}" in page(OFFICER, "GET", one).text
    assert f"/console/resources{act}" not in page("slj.clerk", "GET", one).text
    assert page("mzj.officer", "POST", act, data=NO).status_code == 404
    refused = page(OFFICER, "POST", act, data={"reason": " "})
    assert (refused.status_code, "请填写意见" in refused.text) == (422, True)
    done = page(OFFICER, "POST", act, data=NO)
    assert (done.status_code, done.headers["location"]) == (
        303,
        f"/console/resources{one}&done=resources.suspend",
    )
    assert f"/console/resources/{june.instance}/resume" in page(OFFICER, "GET", one).text


def test_usage_is_corrected_by_the_centre_with_a_reason(
    engine: Engine, callers: Callers, june: hosts.Host
) -> None:
    path = f"/resources/{june.instance}/usage-corrections"
    sizes = [{"sku": "ECS-X86-CPU", "quantity": "4"}, {"sku": "ECS-X86-MEM", "quantity": "16"}]
    late = {"day": "2019-06-25", "reason": "read late", "skus": sizes}
    assert callers(OFFICER).post(path, json=late).status_code == 403
    wrong = callers(REVIEWER).post(path, json=late | {"day": "2019-06-01"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "day")
    assert callers(REVIEWER).post(path, json=late | {"reason": ""}).status_code == 422
    assert callers(REVIEWER).done("POST", path, json=late)["kind"] == "corrected"
    closes.close(engine, closes.JUNE)
    assert closes.statement(engine, closes.JUNE).total_fen == 32480


@pytest.mark.parametrize("month", ["2019-13", "june", "2019-6", "0001-01", "9999-12"])
def test_a_month_that_is_none_is_refused(callers: Callers, month: str) -> None:
    answer = callers(REVIEWER).post(f"/months/{month}/close")
    assert (answer.status_code, answer.json()["field"]) == (422, "month")


def test_a_month_that_is_not_over_is_refused(callers: Callers) -> None:
    answer = callers(REVIEWER).post("/months/2019-06/close")
    assert (answer.status_code, answer.json()["field"]) == (409, "month")


@pytest.mark.usefixtures("june")
def test_a_line_that_cannot_be_is_refused_or_not_found(engine: Engine, callers: Callers) -> None:
    path = f"/statements/{closes.statement(engine, closes.JUNE).id}/lines"
    for position, status in ((-1, 422), (0, 422), (99, 404), (2**63 - 1, 404), (2**63, 422), (10**30, 422)):
        assert callers(OFFICER).get(f"{path}/{position}").status_code == status, position
        read = callers(OFFICER).get(f"{path}?cursor={position}")
        assert read.status_code == (422 if position < 0 or position >= 2**63 else 200), position


def valid(engine: Engine, starts: str, ends: str) -> None:
    """Give the first price list these days."""
    days = text(
        "UPDATE price_catalogues SET valid_from = :starts, valid_to = :ends WHERE code = 'CAT-2019-01'"
    )
    with engine.begin() as connection:
        connection.execute(days, {"starts": starts, "ends": ends})


@pytest.mark.invariant(8)
@pytest.mark.parametrize(
    ("valid_from", "valid_to", "day"),
    [("2019-06-21", "2021-01-01", "2019-06-19"), ("2019-05-01", "2019-06-25", "2019-06-25")],
)
def test_a_hole_in_the_prices_refuses_the_close_and_names_it(
    engine: Engine, callers: Callers, valid_from: str, valid_to: str, day: str
) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    valid(engine, valid_from, valid_to)
    answer = callers(REVIEWER).post("/months/2019-06/close")
    body = answer.json()
    assert (answer.status_code, body["sku"], body["day"]) == (422, "BAK-VM", day)
    assert "BAK-VM has no price on" in body["detail"]
    assert callers(REVIEWER).list_statements().items == ()
    valid(engine, "2019-05-01", "2021-01-01")
    closes.close(engine, closes.JUNE)
    assert closes.statement(engine, closes.JUNE).total_fen == 40640


@pytest.mark.invariant(8)
def test_a_day_with_two_prices_refuses_the_close_and_names_it(engine: Engine, callers: Callers) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    with engine.begin() as connection:
        connection.execute(SECOND_LIST)
        connection.execute(SECOND_PRICE)
    answer = callers(REVIEWER).post("/months/2019-06/close")
    assert (answer.status_code, answer.json()["sku"], answer.json()["day"]) == (422, "EVS-SSD", "2019-06-28")
    assert "2 prices" in answer.json()["detail"]


EVIL = (
    '=HYPERLINK("http://evil.example","x")',
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "=cmd|' /C calc'!A0",
    "{=1+1}",
    "http://evil.example/",
    '#panic("x") $a$ *b* \\ <c>',
)


RENAMES = (
    text("UPDATE systems SET name_zh = :name WHERE code = 'SYS-019'"),
    text("UPDATE organisations SET name_zh = :name WHERE code = 'SLJ'"),
)


@pytest.mark.usefixtures("june")
@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_looks_like_a_formula_stays_text_in_every_file(
    engine: Engine, callers: Callers, name: str
) -> None:
    with engine.begin() as connection:
        for rename in RENAMES:
            connection.execute(rename, {"name": name})
    found = months.files(callers, months.current(callers, "2019-06"))
    rows = list(csv.reader(io.StringIO(found["csv"].decode("utf-8-sig"), newline="")))
    assert {row[4].removeprefix("'") for row in rows[1:]} == {name}
    assert not [row[4] for row in rows[1:] if row[4][0] in "=+-@\t\r\n"]
    book = openpyxl.load_workbook(io.BytesIO(found["xlsx"]))
    cells = [book["明细"].cell(row, 5) for row in range(2, 6)] + [book["用量确认单"]["B3"]]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
    assert json.loads(found["json"])["organisation"]["name_zh"] == name
    with pypdfium2.PdfDocument(found["pdf"]) as document:
        paper = "".join("".join(page.get_textpage().get_text_range().split()) for page in document)
    assert "".join(name.split()) in paper


def test_a_clerk_cannot_give_a_key_that_a_spreadsheet_would_run(callers: Callers) -> None:
    for key in ("=1+1", "+1", "-1", "@a"):
        answer = callers("slj.clerk").post("/requests", json=make_draft(make_line(key=key)))
        assert answer.status_code == 422, key

"""Pages over HTTP, on the real application and database: forms in, pages out, no script."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import Engine, text

from tests import acts
from tests.browser.visitors import PASSWORD, Visitors, words
from tests.callers import Callers
from tests.factories import make_draft


@pytest.fixture
def people(callers: Callers, engine: Engine) -> Iterator[Visitors]:
    """``people("slj.clerk")`` opens pages."""
    made = Visitors(callers.address, engine)
    yield made
    made.close()


def form(**changed: str) -> dict[str, str]:
    """The request form as somebody filled it in."""
    line = {"key": "web", "label": "填报入口", "purpose": "app", "pool": "EXT-X86", "image": "debian-12"}
    line |= {
        "vcpu": "8",
        "memory_gb": "32",
        "disk_gb": "500",
        "disk_tier": "SSD",
        "backup_gb": "500",
        "count": "1",
        "ports": "",
    }
    head = {
        "title": "扩建",
        "system": "SYS-019",
        "zone_class": "production",
        "justification": "汛期",
        "act": "save",
        "kind": "provision",
        "workspace": "",
        "line_count": "1",
    }
    return head | {"key": uuid4().hex} | {f"lines-0-{name}": value for name, value in line.items()} | changed


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        found: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
    return found


def test_a_page_asks_to_sign_in_and_leads_back_to_itself(people: Visitors) -> None:
    stranger = people.stranger()
    answer = stranger.get("/console/requests?status=draft")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Frequests%3Fstatus%3Ddraft"
    part = stranger.get("/console/requests", headers={"HX-Request": "true"})
    assert part.headers["hx-redirect"].startswith("/console/sign-in")


@pytest.mark.parametrize(
    "target", ["https://example.com/", "//example.com", "/console//x", "/api/v1/me", "/console/\\x"]
)
def test_a_sign_in_never_leads_to_another_site(people: Visitors, target: str) -> None:
    people("slj.clerk")
    visitor = people.stranger()
    account = {"username": "slj.clerk", "password": PASSWORD, "next": target}
    assert visitor.sent("/console/sign-in", account) == "/console/"


def test_a_wrong_password_says_nothing_about_the_name(people: Visitors) -> None:
    people("slj.clerk")
    visitor = people.stranger()
    known = visitor.post("/console/sign-in", {"username": "slj.clerk", "password": "wrong"})
    unknown = visitor.post("/console/sign-in", {"username": "nobody.here", "password": "wrong"})
    assert (known.status_code, unknown.status_code) == (401, 401)
    assert words(known) == words(unknown)


def test_after_signing_out_the_session_is_over(people: Visitors) -> None:
    clerk = people("slj.clerk")
    cookie = "; ".join(f"{name}={value}" for name, value in clerk.http.cookies.items())
    assert people.stranger().get("/console/", headers={"Cookie": cookie}).status_code == 200
    assert clerk.sent("/console/sign-out").endswith("done=signed_out")
    assert people.stranger().get("/console/", headers={"Cookie": cookie}).status_code == 303


def test_another_site_cannot_send_a_form_in_the_name_of_a_person(people: Visitors, engine: Engine) -> None:
    clerk = people("slj.clerk")
    answer = clerk.post("/console/requests/new", form(), headers={"Origin": "http://elsewhere.example"})
    assert answer.status_code == 403
    assert "不是从本平台的页面发出" in words(answer)
    assert count(engine, "resource_requests") == 0


def test_unknown_objects_and_those_of_others_are_both_not_found(people: Visitors, callers: Callers) -> None:
    request = acts.draft(callers)
    stranger = people("rsj.clerk")
    assert stranger.get(f"/console/requests/{request.id}").status_code == 404
    assert stranger.get(f"/console/requests/{uuid4()}").status_code == 404
    assert stranger.get("/console/nothing").status_code == 404
    assert "没有找到" in words(stranger.get(f"/console/plans/{uuid4()}"))


def test_the_audit_page_is_for_auditors(people: Visitors) -> None:
    refused = people("slj.clerk").get("/console/audit")
    assert refused.status_code == 403
    assert "您没有执行此操作的权限" in words(refused)
    assert people("sjj.auditor").get("/console/audit").status_code == 200


def test_the_form_shows_the_price_of_the_rater_that_bills(people: Visitors) -> None:
    answer = people("slj.clerk").post("/console/quote", form())
    assert answer.status_code == 200
    assert "¥1,016.00" in answer.text
    assert "¥336.00" in answer.text


def test_a_form_without_script_gains_and_loses_lines_and_keeps_what_was_typed(people: Visitors) -> None:
    clerk = people("slj.clerk")
    more = clerk.post("/console/requests/new", form(act="add-line", title="半句"))
    assert more.text.count('class="line-box"') == 2
    assert 'value="半句"' in more.text
    priced = clerk.post("/console/requests/new", form(act="quote"))
    assert "¥1,016.00" in priced.text


def test_every_wrong_field_comes_back_marked_with_what_was_typed(people: Visitors, engine: Engine) -> None:
    wrong = form(**{"lines-0-vcpu": "acht", "lines-0-key": "Web!", "title": ""})
    answer = people("slj.clerk").post("/console/requests/new", wrong)
    assert answer.status_code == 422
    for name in ("lines-0-vcpu", "lines-0-key", "title"):
        assert f'id="f-{name}-error"' in answer.text
    assert 'value="acht"' in answer.text
    assert count(engine, "resource_requests") == 0


def test_a_form_that_is_sent_twice_makes_one_request(people: Visitors, engine: Engine) -> None:
    clerk, same = people("slj.clerk"), form()
    assert clerk.sent("/console/requests/new", same) == clerk.sent("/console/requests/new", same)
    assert count(engine, "resource_requests") == 1


def test_classified_content_is_refused_on_the_form_and_kept_nowhere(people: Visitors, engine: Engine) -> None:
    marked = form(justification="机密★3年 SENTINEL-7f3a")
    answer = people("slj.clerk").post("/console/requests/new", marked)
    assert answer.status_code == 422
    assert "不得录入涉密信息" in words(answer)
    assert count(engine, "resource_requests") == 0
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM audit_events WHERE body LIKE '%SENTINEL%'"))
        assert kept.scalar_one() == 0


def test_an_act_on_an_old_version_is_refused_and_shows_how_things_are_now(
    people: Visitors, callers: Callers
) -> None:
    request = acts.submit(callers)
    path = f"/console/requests/{request.id}"
    version = {"version": str(request.version)}
    reviewer = people("xxh.reviewer")
    reviewer.sent(f"{path}/accept", version)
    late = reviewer.post(f"{path}/accept", version)
    assert late.status_code == 412
    assert "该对象已被他人修改" in words(late)
    assert "审核中" in words(late)


def test_a_decision_that_needs_words_is_not_taken_without(people: Visitors, callers: Callers) -> None:
    request = acts.submit(callers)
    path = f"/console/requests/{request.id}"
    reviewer = people("xxh.reviewer")
    assert "请填写意见" in words(reviewer.post(f"{path}/refuse", {"reason": "  "}))
    assert callers("xxh.reviewer").read_request(request.id).status == "submitted"
    reviewer.sent(f"{path}/refuse", {"reason": "材料不全 <b>"})
    assert "材料不全 &lt;b&gt;" in reviewer.get(path).text


def test_a_rule_that_refuses_is_quoted_with_its_clause(people: Visitors, callers: Callers) -> None:
    request = acts.endorse(callers, acts.draft(callers, make_draft(system="SYS-003"), "mzj.clerk"), "mzj")
    refused = people("mzj.clerk").post(f"/console/requests/{request.id}/submit")
    assert refused.status_code == 409
    assert "政策规则不允许该申请" in words(refused)
    assert "通知第" in words(refused)


def test_words_that_look_like_code_stay_words_on_every_page(people: Visitors) -> None:
    clerk = people("slj.clerk")
    hostile = '<img src=x onerror=alert(1)> {{ 7*7 }} ${file("/etc/passwd")} =1+1'
    path = clerk.sent("/console/requests/new", form(title=hostile, **{"lines-0-label": hostile}))
    for page in (path, "/console/requests", "/console/"):
        html = clerk.get(page).text
        assert "<img src=x" not in html
        assert "{{ 7*7 }}" in html


def test_the_language_of_the_address_stays(people: Visitors) -> None:
    clerk = people("slj.clerk")
    assert "My tasks" in words(clerk.get("/console/?lang=en"))
    assert "Water Resources Bureau" in words(clerk.get("/console/requests"))
    assert "我的待办" in words(clerk.get("/console/?lang=zh"))


def test_pages_are_never_cached_and_files_are(people: Visitors) -> None:
    clerk = people("slj.clerk")
    page = clerk.get("/console/")
    assert page.headers["cache-control"] == "no-store"
    style = next(part for part in page.text.split('"') if part.startswith("/static/gov.css"))
    assert "immutable" in clerk.get(style).headers["cache-control"]


def test_a_part_of_a_page_is_sent_only_to_who_asks_for_it(people: Visitors) -> None:
    clerk = people("slj.clerk")
    headers = {"HX-Request": "true", "HX-Target": "request-rows"}
    assert not clerk.get("/console/requests", headers=headers).text.lstrip().startswith("<!doctype")
    restored = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert clerk.get("/console/requests", headers=restored).text.startswith("<!doctype")


def test_the_queue_holds_what_a_role_can_decide_and_nothing_else(people: Visitors, callers: Callers) -> None:
    number = acts.submit(callers).number
    assert number in people("xxh.reviewer").get("/console/approvals").text
    assert number not in people("xxh.approver").get("/console/approvals").text
    assert number not in people("slj.clerk").get("/console/approvals").text


def test_a_whole_path_is_offered_by_buttons(people: Visitors, callers: Callers) -> None:
    clerk, officer, reviewer = people("slj.clerk"), people("slj.officer"), people("xxh.reviewer")
    path = clerk.sent("/console/requests/new", form(act="send")).split("?")[0]
    assert "endorse-and-submit" not in clerk.get(path).text
    officer.sent(f"{path}/endorse-and-submit")
    reviewer.sent(f"{path}/accept")
    reviewer.sent(f"{path}/return", {"reason": "请补充端口用途"})
    version = str(callers("slj.clerk").done("GET", path.removeprefix("/console"))["version"])
    edited = form(act="save", version=version, **{"lines-0-ports": "80，443"})
    clerk.sent(f"{path}/edit", edited)
    assert f"{path}/submit" not in clerk.get(path).text
    assert path.rpartition("/")[2] in officer.get("/console/approvals?waiting=requests.endorse").text
    officer.sent(f"{path}/endorse")
    clerk.sent(f"{path}/submit")
    reviewer.sent(f"{path}/accept")
    reviewer.sent(f"{path}/approve")
    page = words(reviewer.get(path))
    assert "生成执行计划" in page
    assert "请补充端口用途" in page
    stored = callers("xxh.reviewer").done("GET", path.replace("/console", ""))
    assert (stored["status"], stored["lines"][0]["ports"]) == ("approved", [80, 443])


def test_no_page_names_a_folder_of_the_machine(people: Visitors) -> None:
    home = str(Path.home())
    pages: list[httpx2.Response] = [
        people("xxh.admin").get(p) for p in ("/console/", "/console/runs", "/console/audit")
    ]
    assert all(home not in page.text for page in pages)

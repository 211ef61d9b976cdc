"""The request form over HTTP: everything that was asked for survives a save, or nothing is saved."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from orchestrator.cli.request_files import BadFile, read_request
from orchestrator.client.models import RequestLine
from orchestrator.resource_requests.drafting import MOST_LINES
from tests import acts
from tests.browser.visitors import Visitors, typed, words
from tests.callers import Callers
from tests.factories import make_draft, make_line
from tests.office import Office

Document = dict[str, Any]
LISTED = "将销毁以下资源"
SMALL = {"vcpu": 1, "memory_gb": 1, "disk_gb": 1, "backup_gb": 0}


@pytest.fixture(scope="module")
def people(shared_callers: Callers, shared_engine: Engine) -> Iterator[Visitors]:
    """``people("slj.clerk")`` opens pages of a city that the tests share."""
    made = Visitors(shared_callers.address, shared_engine)
    yield made
    made.close()


@pytest.fixture
def office_people(office: Office) -> Iterator[Visitors]:
    """``office_people("slj.clerk")`` opens pages of the test's own city."""
    made = Visitors(office.settings.url, office.engine)
    yield made
    made.close()


def many(count: int) -> list[Document]:
    """Lines that differ from each other and from the defaults of the form."""
    services: tuple[list[str], ...] = ([], ["HSS"], ["LOG", "BST"])
    return [
        make_line(
            key=f"h{n}",
            label=f"第{n}台",
            vcpu=1 + n % 3,
            disk_gb=n,
            host_services=services[n % 3],
            ports=[80 + n],
        )
        for n in range(count)
    ]


def lines_of(callers: Callers, path: str) -> tuple[RequestLine, ...]:
    """The lines of the request at `path` as they are stored, in their order."""
    return callers("slj.clerk").read_request(UUID(path.rpartition("/")[2])).lines


def numbers(callers: Callers) -> list[str]:
    return [item.number for item in callers("slj.clerk").list_requests().items]


@pytest.mark.parametrize("count", [30, MOST_LINES])
def test_every_line_of_a_draft_made_by_the_api_survives_a_save_on_its_page(
    people: Visitors, shared_callers: Callers, count: int
) -> None:
    draft = acts.draft(shared_callers, make_draft(*many(count)))
    path, clerk = f"/console/requests/{draft.id}", people("slj.clerk")
    sent = typed(clerk.get(f"{path}/edit"))
    assert clerk.sent(f"{path}/edit", sent | {"title": "只改标题", "act": "save"}) == f"{path}?done=saved"
    stored = shared_callers("slj.clerk").read_request(draft.id)
    assert stored.title == "只改标题"
    assert stored.lines == draft.lines


def test_one_line_more_than_the_limit_is_refused_by_the_api_by_a_file_and_by_the_page(
    people: Visitors, shared_callers: Callers, tmp_path: Path
) -> None:
    refused = shared_callers("slj.clerk").post("/requests", json=make_draft(*many(MOST_LINES + 1)))
    assert (refused.status_code, refused.json()["field"]) == (422, "lines")
    file = tmp_path / "request.json"
    file.write_text(json.dumps(make_draft(*many(MOST_LINES + 1))), encoding="utf-8")
    with pytest.raises(BadFile, match=r"lines: .* at most 50 items"):
        read_request(file)
    clerk = people("slj.clerk")
    draft = acts.draft(shared_callers, make_draft(*many(MOST_LINES)))
    path = f"/console/requests/{draft.id}"
    page = clerk.get(f"{path}/edit")
    assert 'value="add-line"' not in page.text
    assert f"上限：{MOST_LINES} 组" in words(page)
    sent = typed(page)
    last = {name: value for name, value in sent.items() if name.startswith("lines-49-")}
    more = {name.replace("-49-", "-50-"): value for name, value in last.items()} | {
        "lines-50-key": "one-more"
    }
    answer = clerk.post(f"{path}/edit", sent | more | {"line_count": "51", "act": "save"})
    assert answer.status_code == 422
    assert 'id="f-lines-error"' in answer.text
    assert "共 51 组云主机，一份申请最多 50 组。" in words(answer)
    assert answer.text.count('class="line-box"') == 51
    assert lines_of(shared_callers, path) == draft.lines


def without(sent: dict[str, str], *prefixes: str) -> dict[str, str]:
    return {name: value for name, value in sent.items() if not name.startswith(prefixes)}


LOST = {
    "lines-1": ("lines-1-",),
    "lines-2": ("lines-2-",),
    "lines-0-ports": ("lines-0-ports",),
    "lines-2-backup_gb": ("lines-2-backup_gb", "justification"),
    "line_count": ("line_count",),
    "system": ("system",),
    "kind": ("kind",),
    "version": ("version",),
}
"""Field that the refusal names -> beginnings of the names of all fields that did not arrive."""


@pytest.mark.parametrize("act", ["save", "send", "quote", "add-line", "remove-line-0"])
def test_a_form_that_arrives_in_part_is_not_saved_and_names_the_field(
    people: Visitors, shared_callers: Callers, act: str
) -> None:
    draft = acts.draft(shared_callers, make_draft(*many(3)))
    path, clerk = f"/console/requests/{draft.id}", people("slj.clerk")
    whole = typed(clerk.get(f"{path}/edit"))
    for named, lost in LOST.items():
        answer = clerk.post(f"{path}/edit", without(whole, *lost) | {"act": act})
        assert (answer.status_code, f"{named}" in words(answer)) == (422, True), named
        again = clerk.post(f"{path}/edit", typed(answer) | {"act": act})
        assert again.status_code == 422, f"{named} is still missing when the page of the refusal is sent"
    assert lines_of(shared_callers, path) == draft.lines


def test_an_incomplete_form_is_refused_in_the_part_of_the_page_that_htmx_asks_for(people: Visitors) -> None:
    clerk = people("slj.clerk")
    whole = typed(clerk.get("/console/requests/new"))
    part = {"HX-Request": "true", "HX-Target": "request-fields"}
    lost = without(whole, "lines-0-") | {"act": "add-line"}
    answer = clerk.post("/console/requests/new", lost, headers=part)
    assert answer.text.count('class="line-box"') == 1
    # htmx shows nothing of an answer that is an error.
    assert (answer.status_code, "缺少：lines-0。" in words(answer)) == (200, True)
    priced = words(clerk.post("/console/quote", lost))
    assert "缺少：lines-0。" in priced


def test_a_form_on_an_older_version_never_replaces_the_lines_that_came_since(
    people: Visitors, shared_callers: Callers
) -> None:
    draft = acts.draft(shared_callers, make_draft(*many(2)))
    path, clerk = f"/console/requests/{draft.id}", people("slj.clerk")
    old = typed(clerk.get(f"{path}/edit")) | {"title": "旧页面"}
    match = {"If-Match": f'"{draft.version}"'}
    shared_callers("slj.clerk").done(
        "PUT", path.removeprefix("/console"), json=make_draft(*many(4)), headers=match
    )
    newer = lines_of(shared_callers, path)
    assert len(newer) == 4
    for act, status in (
        ("quote", 200),
        ("save", 412),
        ("add-line", 200),
        ("remove-line-2", 200),
        ("save", 412),
    ):
        answer = clerk.post(f"{path}/edit", old | {"act": act})
        assert answer.status_code == status, act
        assert 'value="旧页面"' in answer.text
        old = typed(answer)
    assert lines_of(shared_callers, path) == newer


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"act": ""}, "字段 act"),
        ({"act": "delete"}, "delete"),
        ({"kind": "gift"}, "字段 kind 的值无效"),
        ({"kind": "change", "workspace": "x"}, "字段 workspace 的值无效"),
        ({"kind": "change"}, "变更或释放申请须从要变更的资源所在的申请打开"),
        ({"lines-1-key": "web"}, "主机名都是 web"),
        ({"lines-0-count": "2", "lines-1-key": "web-2"}, "主机名都是 web-2"),
    ],
)
def test_a_form_made_by_hand_is_refused_in_words_and_stores_nothing(
    people: Visitors, shared_callers: Callers, changed: dict[str, str], says: str
) -> None:
    clerk, before = people("slj.clerk"), numbers(shared_callers)
    more = clerk.post(
        "/console/requests/new", typed(clerk.get("/console/requests/new")) | {"act": "add-line"}
    )
    texts = dict.fromkeys(("title", "justification", "lines-0-label", "lines-1-label"), "入口")
    answer = clerk.post("/console/requests/new", typed(more) | texts | {"act": "save"} | changed)
    assert answer.status_code == 422
    assert says in words(answer)
    assert numbers(shared_callers) == before


def test_more_fields_than_any_page_has_and_a_field_sent_twice_are_refused(
    people: Visitors, shared_callers: Callers
) -> None:
    clerk, before = people("slj.clerk"), numbers(shared_callers)
    sent: dict[str, Any] = typed(clerk.get("/console/requests/new")) | {"act": "save"}
    flood = clerk.post("/console/requests/new", sent | {f"lines-{n}-key": "x" for n in range(2000)})
    twice = clerk.post("/console/requests/new", sent | {"title": ["a", "b"]})
    assert (flood.status_code, twice.status_code) == (422, 422)
    assert "表单的字段过多" in words(flood)
    assert "字段 title 出现了两次" in words(twice)
    assert numbers(shared_callers) == before


def test_what_a_change_leaves_out_is_listed_before_it_is_saved_and_for_all_who_decide(
    office_people: Visitors, office: Office
) -> None:
    live = office.provisioned(make_draft(make_line(count=2, **SMALL), make_line(key="db", **SMALL)))
    clerk = office_people("slj.clerk")
    opened = clerk.get(f"/console/requests/new?kind=change&workspace={office.workspace(live)}")
    assert LISTED not in words(opened)
    change = typed(opened) | {"justification": "缩容", "lines-0-count": "1", "act": "save"}
    unseen = clerk.post("/console/requests/new", change)
    assert unseen.status_code == 422
    assert "云主机 web-2 云硬盘 web-2-data" in words(unseen)
    shown = typed(unseen)
    shrunk = without(shown, "lines-1-") | {"line_count": "1", "act": "save"}
    answer = clerk.post("/console/requests/new", shrunk)
    assert (answer.status_code, "云主机 db 云主机 web-2" in words(answer)) == (422, True)
    assert numbers(office.callers) == [live.number]
    path = clerk.sent("/console/requests/new", shown | {"act": "send"}).partition("?")[0]
    for reader in ("slj.clerk", "slj.officer"):
        assert "云主机 web-2 云硬盘 web-2-data" in words(office_people(reader).get(path))
    read = office.callers("slj.officer").read_request(UUID(path.rpartition("/")[2]))
    assert read.removals == ("instance/web-2", "volume/web-2-data")
    waiting = words(office_people("slj.officer").get(f"/console/approvals?chosen=request:{read.id}"))
    assert "云主机 web-2 云硬盘 web-2-data" in waiting


def test_a_release_lists_all_that_it_destroys_to_its_own_department_until_it_has_ended(
    office_people: Visitors, office: Office
) -> None:
    live = office.provisioned(make_draft(make_line(**SMALL)))
    workspace = office.workspace(live)
    clerk = office_people("slj.clerk")
    release = clerk.get(f"/console/requests/new?kind=release&workspace={workspace}")
    assert "云主机 web 云硬盘 web-data" in words(release)
    path = clerk.sent("/console/requests/new", typed(release) | {"justification": "停用", "act": "save"})
    assert "云主机 web 云硬盘 web-data" in words(clerk.get(path))
    clerk.sent(f"{path.partition('?')[0]}/cancel", {"reason": "不停用了"})
    assert LISTED not in words(clerk.get(path))
    assert LISTED not in words(clerk.get(f"/console/requests/{live.id}"))
    stranger = office_people("rsj.clerk")
    sent = typed(stranger.get("/console/requests/new")) | {"title": "t", "justification": "j", "system": ""}
    for kind in ("change", "release"):
        foreign = sent | {"kind": kind, "workspace": str(workspace), "lines-0-label": "a", "act": "save"}
        answer = stranger.post("/console/requests/new", foreign)
        assert (answer.status_code, "本单位没有该工作区" in words(answer)) == (422, True)
        assert "web-data" not in answer.text

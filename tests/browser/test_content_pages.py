"""The pages of content revisions: the queue names one, its authority approves it on its page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from orchestrator.adapters.content_files import read_content
from orchestrator.core.db import transaction
from orchestrator.workflows.content import content_revisions
from orchestrator.workflows.people import accounts
from tests.browser.visitors import Visitors, words
from tests.callers import Callers
from tests.running import ROOT

QUEUE = "/console/approvals"


@pytest.fixture
def people(callers: Callers, engine: Engine) -> Iterator[Visitors]:
    made = Visitors(callers.address, engine)
    yield made
    made.close()


@pytest.fixture
def page(engine: Engine, tmp_path: Path) -> str:
    """Propose another quota of the water bureau; return the address of the revision."""
    shutil.copytree(ROOT / "quotas", tmp_path / "quotas")
    file = tmp_path / "quotas" / "departments" / "SLJ.yml"
    file.write_text(file.read_text().replace("vcpu: 32", "vcpu: 40", 1))
    bundle = read_content(tmp_path).bundle
    assert bundle is not None
    with transaction(engine) as session:
        author = accounts.actor_named(session, "xxh.reviewer")
        revision = content_revisions.load_content(session, bundle, author)
    assert revision is not None
    return f"/console/content-revisions/{revision.id}"


def test_the_authority_finds_a_revision_in_the_queue_and_approves_it(people: Visitors, page: str) -> None:
    for username in ("czj.finance", "xxh.reviewer", "xxh.approver"):
        assert page not in people(username).get(QUEUE).text
        assert f"{page}/approve" not in people(username).get(page).text
    office = people("zhb.approver")
    assert page in office.get(QUEUE).text
    shown = words(office.get(page))
    assert "SLJ/production/vcpu" in shown
    assert f"{page}/approve" in office.get(page).text
    refused = office.post(f"{page}/reject", data={"reason": " "})
    assert "请填写意见" in refused.text
    assert office.post(f"{page}/approve", data={"version": "1"}).status_code == 303
    assert page not in office.get(QUEUE).text
    assert "已生效" in words(office.get(page))


def test_the_list_of_revisions_is_for_those_who_read_everything(people: Visitors, page: str) -> None:
    assert page in people("sjj.auditor").get("/console/content-revisions").text
    assert people("slj.clerk").get("/console/content-revisions").status_code == 403
    assert people("slj.clerk").get(page).status_code == 403
    assert people("slj.clerk").post(f"{page}/approve", data={}).status_code == 403

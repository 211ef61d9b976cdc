"""Invariants 24 and 25, NEG-8, on real parts: typed text is never executed, no secret appears anywhere."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from orchestrator.client.encoding import encode
from orchestrator.client.models import PlanDetail, RequestDetail, RunDetail
from orchestrator.core.db import transaction
from orchestrator.core.sealing import Keys, load_keys
from orchestrator.runs import rendering
from orchestrator.workflows.people import accounts
from tests import acts
from tests.factories import make_draft, make_line
from tests.loops import at_least_one
from tests.running import ROOT, RunningService

Document = dict[str, Any]
MARKER = "/tmp/govcloud-a-template-was-run"  # noqa: S108 - The test fails if this file appears.
CORPUS = [
    '${file("/etc/passwd")}',
    "%{ for x in [1, 2] }${x}%{ endfor }",
    '"}\nresource "x" "y" {',
    f"{{{{ lookup('pipe','touch {MARKER}') }}}}",
    "{{ lookup('pipe','id') }}",
    "{% for x in range(9) %}x{% endfor %}",
    '=HYPERLINK("http://127.0.0.1/","x")',
    "+1+cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE audit_events; --",
    "\\u0022 \\ \" ' ` $(id) `id`",
    "$${literal} %%{literal}",
    "!unsafe &a [*a]: {b: c}",
    "市水利局 \u2028 \u202e \t end",
]
SYSTEM = '"}\nresource "x" "y" { <script>alert(8)</script> ' + f"{{{{ lookup('pipe','touch {MARKER}') }}}}"
"""NEG-8: the name of the request's system."""
LONG_KEY = "a-name-of-two-dozen-sign"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def request_of_texts(service: RunningService) -> RequestDetail:
    """Return a request with one host for each text; every other free text is hostile too."""
    small = {"vcpu": 1, "memory_gb": 1, "disk_gb": 0, "backup_gb": 0}
    lines = [make_line(key=f"t{number}", label=label, **small) for number, label in enumerate(CORPUS)]
    lines.append(make_line(key=LONG_KEY, count=2, **small | {"disk_gb": 1}))
    with service.engine.begin() as connection:
        rename = text("UPDATE systems SET name_zh = :name, name_en = :name WHERE code = 'SYS-019'")
        connection.execute(rename, {"name": SYSTEM})
    document = make_draft(*lines, title=" ".join(CORPUS)[:200], justification="\n".join(CORPUS))
    return acts.approve(service.callers, document)


@pytest.fixture(scope="module")
def plan(service: RunningService, request_of_texts: RequestDetail) -> PlanDetail:
    return acts.plan(service, request_of_texts)


@pytest.fixture(scope="module")
def applied(service: RunningService, plan: PlanDetail) -> RunDetail:
    ended = acts.apply(service, acts.approve_plan(service, plan))
    assert ended.status == "succeeded", service.log_lines(ended.id)
    return ended


@pytest.fixture(scope="module")
def baseline(service: RunningService, applied: RunDetail) -> PlanDetail:
    """Run the baseline check with real Ansible on all of these hosts; return its plan, with the run."""
    assert applied.plan_id is not None
    plans = service.callers("xxh.approver").list_plans().items
    waiting = next(item for item in plans if item.kind == "baseline")
    planned = service.ended_run(service.callers("xxh.approver").read_plan(waiting.id).runs[0].id)
    assert planned.status == "succeeded"
    found = acts.read_plan(service, waiting.id)
    ended = acts.apply(service, acts.approve_plan(service, found))
    assert ended.status == "succeeded", service.log_lines(ended.id)
    return acts.read_plan(service, found.id)


@pytest.fixture(scope="module")
def keys(service: RunningService) -> Keys:
    return load_keys(service.settings.keys_path)


def bundle(service: RunningService, keys: Keys, plan: PlanDetail) -> dict[str, bytes]:
    with service.engine.connect() as connection:
        statement = text("SELECT bundle FROM plan_artifacts WHERE plan_id = :plan")
        sealed = connection.execute(statement, {"plan": plan.id}).scalar_one()
    return rendering.unpack(keys.decrypt(bytes(sealed)))


def labels(objects: dict[str, Document]) -> list[str]:
    return [objects[f"t{number}"]["label"] for number in range(len(CORPUS))]


@pytest.mark.invariant(25)
def test_the_bundle_is_the_static_module_and_one_file_of_data(
    service: RunningService, plan: PlanDetail, keys: Keys
) -> None:
    files = bundle(service, keys, plan)
    module = ROOT / "terraform" / "clouds" / "sandbox"
    for name in set(files) - {rendering.VARIABLES_FILE}:
        assert files[name] == (module / name).read_bytes()
    assert labels(json.loads(files[rendering.VARIABLES_FILE])["instances"]) == CORPUS


@pytest.mark.invariant(25)
def test_terraform_planned_every_text_as_it_was_typed(plan: PlanDetail) -> None:
    planned = {item.logical.split("/")[1]: item.after for item in plan.changes if item.kind == "instance"}
    assert labels(planned) == CORPUS
    assert "root:x:" not in json.dumps(encode(plan))


@pytest.mark.invariant(25)
def test_the_cloud_got_every_text_as_it_was_typed(service: RunningService, applied: RunDetail) -> None:
    assert applied.plan_id is not None
    objects = service.ask_cloud(op="list")["objects"]
    made = {item["key"].split("/")[2]: item["spec"] for item in objects if item["kind"] == "instance"}
    assert labels(made) == CORPUS


@pytest.mark.invariant(25)
def test_ansible_ran_on_every_host_and_evaluated_no_text(
    service: RunningService, baseline: PlanDetail, keys: Keys
) -> None:
    inventory = json.loads(bundle(service, keys, baseline)["inventory/hosts.json"])
    hosts = {name for group in inventory.values() for name in group["hosts"]}
    texts = {f"t{number}": label for number, label in enumerate(CORPUS)}
    assert hosts == {*texts, LONG_KEY, f"{LONG_KEY}-2"}
    report = baseline.runs[-1].outcome.report or {}
    assert {name: report[name]["label"] for name in texts} == texts
    assert not Path(MARKER).exists()


@pytest.mark.invariant(25)
def test_neg_8_the_name_of_a_system_is_no_part_of_a_bundle_and_text_on_every_page(
    service: RunningService,
    request_of_texts: RequestDetail,
    plan: PlanDetail,
    baseline: PlanDetail,
    keys: Keys,
) -> None:
    for each in (plan, baseline):
        assert not [name for name, content in bundle(service, keys, each).items() if b"alert(8)" in content]
    paths = ("requests", f"requests/{request_of_texts.id}", f"plans/{plan.id}", "resources")
    for page in pages(service, *paths):
        assert "<script>alert(8)" not in page
        assert "&lt;script&gt;alert(8)" in page
        assert "lookup(" in page


@pytest.mark.invariant(25)
def test_pages_show_markup_as_text(
    service: RunningService, request_of_texts: RequestDetail, plan: PlanDetail
) -> None:
    shown = pages(service, f"requests/{request_of_texts.id}", f"plans/{plan.id}")
    for page in at_least_one(shown):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def pages(service: RunningService, *paths: str) -> list[str]:
    """Return the pages at these paths as the approver sees them."""
    with transaction(service.engine) as session:
        accounts.set_password(session, "xxh.approver", PASSWORD, "operator:test")
    with httpx2.Client(base_url=service.settings.url, timeout=30, follow_redirects=True) as browser:
        account = {"username": "xxh.approver", "password": PASSWORD}
        browser.post("/api/v1/session", json=account, headers={"Sec-Fetch-Site": "same-origin"})
        answers = [browser.get(f"/console/{path}") for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.text for answer in answers]


@pytest.mark.invariant(25)
def test_the_api_gives_every_text_back_as_it_was_typed(
    service: RunningService, request_of_texts: RequestDetail
) -> None:
    read = service.callers("slj.clerk").read_request(request_of_texts.id)
    assert [line.label for line in read.lines if line.key != LONG_KEY] == CORPUS
    assert read.justification == "\n".join(CORPUS)


RUN_TOKEN = re.compile(r"run_[A-Za-z0-9_-]{43}")


def answers(service: RunningService, request: RequestDetail, plan: PlanDetail) -> str:
    """Return every API answer about this request, read by people who may read everything."""
    reader, auditor = service.callers("xxh.reviewer"), service.callers("sjj.auditor")
    paths = [
        f"/requests/{request.id}",
        f"/plans/{plan.id}",
        "/plans",
        "/runs",
        "/resources",
        "/workspaces",
    ]
    texts = [reader.get(path).text for path in paths]
    for run in reader.list_runs().items:
        texts += [reader.get(f"/runs/{run.id}").text, reader.get(f"/runs/{run.id}/log").text]
    return "\n".join([*texts, auditor.get("/audit/events?limit=500").text])


@pytest.mark.invariant(24)
def test_no_secret_shows_in_answers_logs_bundles_or_files(
    service: RunningService,
    request_of_texts: RequestDetail,
    plan: PlanDetail,
    baseline: PlanDetail,
    keys: Keys,
) -> None:
    stored = json.loads(service.settings.keys_path.read_text())
    secrets = [stored["encryption"], stored["signing"], base64.b64decode(stored["signing"]).hex(), PASSWORD]
    logs = "\n".join(service.log_of(name).read_text() for name in ("web", "worker", "cloud"))
    bundles = [bundle(service, keys, each) for each in (plan, baseline)]
    contents = b"\n".join(content for files in bundles for content in files.values()).decode()
    for shown in (answers(service, request_of_texts, plan), logs, contents):
        assert not RUN_TOKEN.search(shown)
        assert not [secret for secret in secrets if secret in shown]
        assert service.callers("xxh.reviewer").token not in shown


@pytest.mark.invariant(24)
def test_no_file_of_a_prepared_folder_holds_the_token_of_its_run(
    service: RunningService, applied: RunDetail
) -> None:
    assert applied.plan_id is not None
    small = make_draft(make_line(key="n", vcpu=1, memory_gb=1, disk_gb=0, backup_gb=0))
    acts.plan(service, acts.approve(service.callers, small))
    files = [path for path in service.settings.runs_dir.rglob("*") if path.is_file()]
    assert any(path.name == "plan.bin" for path in files)
    assert not [path for path in files if RUN_TOKEN.search(path.read_bytes().decode("latin-1"))]


@pytest.mark.invariant(24)
@pytest.mark.usefixtures("baseline")
def test_states_plans_and_bundles_are_stored_sealed(service: RunningService) -> None:
    with service.engine.connect() as connection:
        stored = [
            *connection.execute(text("SELECT data FROM state_versions")).scalars(),
            *connection.execute(text("SELECT bundle FROM plan_artifacts")).scalars(),
            *connection.execute(
                text("SELECT plan_file FROM plan_artifacts WHERE plan_file IS NOT NULL")
            ).scalars(),
        ]
    assert len(stored) > 4
    assert not [data for data in stored if b"lineage" in data or b"resource" in data or b"PK" in data[:2]]

"""SC-1 without the statement, on real parts: request, approval, apply, activation, resize, release."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.client.models import RequestDetail, ResourceDetail
from orchestrator.core import clock
from orchestrator.core.db import transaction
from tests import acts
from tests.factories import make_draft, make_line
from tests.running import RunningService


@dataclass(frozen=True)
class Stage:
    """The request of a stage of the story, and what existed and was counted when it had ended."""

    request: RequestDetail
    resources: tuple[ResourceDetail, ...]
    intervals: list[tuple[str, int, str, str | None]]
    counters: dict[str, tuple[int, int]]
    cloud: list[dict[str, Any]]


def stage(service: RunningService, request: RequestDetail, first: RequestDetail) -> Stage:
    """Record what exists now; the resources are those of the first request."""
    there = service.ask_cloud(op="list")["objects"]
    return Stage(request, acts.resources(service, first), intervals(service), counters(service), there)


def intervals(service: RunningService) -> list[tuple[str, int, str, str | None]]:
    """Return SKU, quantity, first day and end of every interval, ordered by SKU and day."""
    statement = text(
        "SELECT sku_code, quantity, lower(days)::text, upper(days)::text FROM usage_intervals"
        " WHERE NOT isempty(days) ORDER BY sku_code, lower(days)"
    )
    with service.engine.connect() as connection:
        return [
            (sku, int(quantity), begin, end) for sku, quantity, begin, end in connection.execute(statement)
        ]


def pass_days(service: RunningService, days: int) -> None:
    with transaction(service.engine) as session:
        clock.advance(session, timedelta(days=days))


def counters(service: RunningService) -> dict[str, tuple[int, int]]:
    """Return class -> (held, committed) of the quota."""
    with service.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT resource_class, held, committed FROM quota_limits"
                " WHERE organisation_code = 'SLJ' AND zone_class = 'production'"
            )
        )
        return {name: (held, committed) for name, held, committed in rows}


@pytest.fixture(scope="module")
def trial(service: RunningService) -> Stage:
    """8 vCPU, 32 GB, 500 GB with backup, applied on 2019-06-19 as a free trial."""
    request = acts.provision(service)
    return stage(service, request, request)


@pytest.fixture(scope="module")
def active(service: RunningService, trial: Stage) -> Stage:
    """The trial, activated on the same day."""
    request = service.callers("slj.officer").activate_request(trial.request.id)
    return stage(service, request, request)


@pytest.fixture(scope="module")
def changed(service: RunningService, active: Stage) -> Stage:
    """Six days later the host has half of its CPUs and memory."""
    pass_days(service, 6)
    workspace = active.resources[0].workspace_id
    smaller = make_draft(make_line(vcpu=4, memory_gb=16), kind="change", workspace=str(workspace))
    return stage(service, acts.provision(service, smaller), active.request)


@pytest.fixture(scope="module")
def released(service: RunningService, trial: Stage, changed: Stage) -> Stage:
    """Five more days later everything is released."""
    pass_days(service, 5)
    workspace = changed.resources[0].workspace_id
    release = acts.provision(service, make_draft(kind="release", workspace=str(workspace)) | {"lines": []})
    return stage(service, release, trial.request)


def test_applying_a_request_makes_its_resources_and_turns_the_hold_into_a_commitment(trial: Stage) -> None:
    made = {item.address: item for item in trial.resources}
    assert trial.request.status == "in_trial"
    assert acts.hold_of(trial.request).status == "committed"
    assert made["instance/web"].status == made["volume/web-data"].status == "trial"
    assert (made["instance/web"].ip_address or "").startswith("127.")
    assert trial.counters == {"vcpu": (0, 8), "memory_gb": (0, 32), "block_gb": (0, 500)}


@pytest.mark.invariant(22)
def test_everything_in_the_cloud_has_one_row_and_a_whole_story(service: RunningService, trial: Stage) -> None:
    there = trial.cloud
    known = {item.cloud_id: item for item in trial.resources}
    assert len(known) == len(trial.resources) == len(there) > 3
    assert {item["id"] for item in there} == set(known)
    story = text(
        "SELECT count(*) FROM resources JOIN resource_requests r ON r.id = resources.request_id"
        " JOIN execution_plans p ON p.id = resources.plan_id AND p.request_id = r.id AND p.status = 'applied'"
        " JOIN approvals a ON a.plan_id = p.id AND a.decision = 'approved' AND a.digest = p.tuple_digest"
        " JOIN runs ON runs.plan_id = p.id AND runs.kind = 'apply' AND runs.status = 'succeeded'"
    )
    with service.engine.connect() as connection:
        assert connection.execute(story).scalar_one() == len(there)


def test_a_trial_costs_nothing(trial: Stage) -> None:
    assert trial.request.status == "in_trial"
    assert trial.intervals == []


def test_activation_opens_one_interval_for_every_sku_on_that_day(active: Stage) -> None:
    assert active.request.status == "fulfilled"
    assert active.intervals == [
        ("BAK-VM", 500, "2019-06-19", None),
        ("ECS-X86-CPU", 8, "2019-06-19", None),
        ("ECS-X86-MEM", 32, "2019-06-19", None),
        ("EVS-SSD", 500, "2019-06-19", None),
    ]


def test_a_change_splits_the_intervals_of_what_changes_and_leaves_the_others_whole(changed: Stage) -> None:
    assert changed.request.status == "fulfilled"
    assert changed.intervals == [
        ("BAK-VM", 500, "2019-06-19", None),
        ("ECS-X86-CPU", 8, "2019-06-19", "2019-06-25"),
        ("ECS-X86-CPU", 4, "2019-06-25", None),
        ("ECS-X86-MEM", 32, "2019-06-19", "2019-06-25"),
        ("ECS-X86-MEM", 16, "2019-06-25", None),
        ("EVS-SSD", 500, "2019-06-19", None),
    ]
    assert changed.counters == {"vcpu": (0, 4), "memory_gb": (0, 16), "block_gb": (0, 500)}


def test_a_release_destroys_everything_and_gives_quota_back(released: Stage) -> None:
    assert released.request.status == "fulfilled"
    assert released.counters == {"vcpu": (0, 0), "memory_gb": (0, 0), "block_gb": (0, 0)}
    assert {end for _, _, _, end in released.intervals} == {"2019-06-25", "2019-06-30"}
    assert {item.status for item in released.resources} == {"released"}
    assert released.cloud == []


def test_the_audit_of_the_whole_story_verifies(service: RunningService, released: Stage) -> None:
    assert released.request.status == "fulfilled"
    verified = service.callers("sjj.auditor").verify_audit()
    assert verified.ok, verified.findings
    assert service.command("audit", "verify").returncode == 0

"""SC-1 without the statement, on real parts: request, approval, apply, activation, resize, release."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.core import clock
from orchestrator.core.db import transaction
from tests import acts
from tests.factories import make_draft, make_line
from tests.running import RunningService

Document = dict[str, Any]


@pytest.fixture(scope="module")
def trial(service: RunningService) -> Document:
    """8 vCPU, 32 GB, 500 GB with backup, applied on 2019-06-19 as a free trial."""
    return acts.provision(service)


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


def held_and_committed(service: RunningService) -> dict[str, tuple[int, int]]:
    with service.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT resource_class, held, committed FROM quota_limits"
                " WHERE organisation_code = 'SLJ' AND zone_class = 'production'"
            )
        )
        return {name: (held, committed) for name, held, committed in rows}


def test_applying_a_request_makes_its_resources_and_turns_the_hold_into_a_commitment(
    service: RunningService, trial: Document
) -> None:
    made = {item["address"]: item for item in acts.resources(service, trial)}
    assert trial["status"] == "in_trial"
    assert trial["hold"]["status"] == "committed"
    assert made["instance/web"]["status"] == made["volume/web-data"]["status"] == "trial"
    assert made["instance/web"]["ip_address"].startswith("127.")
    assert held_and_committed(service) == {"vcpu": (0, 8), "memory_gb": (0, 32), "block_gb": (0, 500)}


@pytest.mark.invariant(22)
def test_everything_in_the_cloud_has_one_row_and_a_whole_story(
    service: RunningService, trial: Document
) -> None:
    there = service.ask_cloud(op="list")["objects"]
    known = {item["cloud_id"]: item for item in acts.resources(service, trial)}
    assert len(known) == len(acts.resources(service, trial)) == len(there) > 3
    assert {item["id"] for item in there} == set(known)
    story = text(
        "SELECT count(*) FROM resources JOIN resource_requests r ON r.id = resources.request_id"
        " JOIN execution_plans p ON p.id = resources.plan_id AND p.request_id = r.id AND p.status = 'applied'"
        " JOIN approvals a ON a.plan_id = p.id AND a.decision = 'approved' AND a.digest = p.tuple_digest"
        " JOIN runs ON runs.plan_id = p.id AND runs.kind = 'apply' AND runs.status = 'succeeded'"
    )
    with service.engine.connect() as connection:
        assert connection.execute(story).scalar_one() == len(there)


def test_a_trial_costs_nothing(service: RunningService, trial: Document) -> None:
    assert trial["status"] == "in_trial"
    assert intervals(service) == []


def test_activation_opens_one_interval_for_every_sku_on_that_day(
    service: RunningService, trial: Document
) -> None:
    active = acts.act(service.callers, "slj.officer", trial, "activate")
    assert active["status"] == "fulfilled"
    assert intervals(service) == [
        ("BAK-VM", 500, "2019-06-19", None),
        ("ECS-X86-CPU", 8, "2019-06-19", None),
        ("ECS-X86-MEM", 32, "2019-06-19", None),
        ("EVS-SSD", 500, "2019-06-19", None),
    ]


def test_a_change_splits_the_intervals_of_what_changes_and_leaves_the_others_whole(
    service: RunningService, trial: Document
) -> None:
    pass_days(service, 6)
    workspace = acts.resources(service, trial)[0]["workspace_id"]
    smaller = make_draft(make_line(vcpu=4, memory_gb=16), kind="change", workspace=workspace)
    changed = acts.provision(service, smaller)
    assert changed["status"] == "fulfilled"
    assert intervals(service) == [
        ("BAK-VM", 500, "2019-06-19", None),
        ("ECS-X86-CPU", 8, "2019-06-19", "2019-06-25"),
        ("ECS-X86-CPU", 4, "2019-06-25", None),
        ("ECS-X86-MEM", 32, "2019-06-19", "2019-06-25"),
        ("ECS-X86-MEM", 16, "2019-06-25", None),
        ("EVS-SSD", 500, "2019-06-19", None),
    ]
    assert held_and_committed(service) == {"vcpu": (0, 4), "memory_gb": (0, 16), "block_gb": (0, 500)}


def test_a_release_destroys_everything_and_gives_quota_back(service: RunningService, trial: Document) -> None:
    pass_days(service, 5)
    workspace = acts.resources(service, trial)[0]["workspace_id"]
    release = acts.provision(service, make_draft(kind="release", workspace=workspace) | {"lines": []})
    assert release["status"] == "fulfilled"
    assert held_and_committed(service) == {"vcpu": (0, 0), "memory_gb": (0, 0), "block_gb": (0, 0)}
    assert {end for _, _, _, end in intervals(service)} == {"2019-06-25", "2019-06-30"}
    assert {item["status"] for item in acts.resources(service, trial)} == {"released"}
    assert service.ask_cloud(op="list")["objects"] == []


def test_the_audit_of_the_whole_story_verifies(service: RunningService, trial: Document) -> None:
    assert trial["id"]
    verified = service.callers("sjj.auditor").done("GET", "/audit/verification")
    assert verified["ok"], verified["findings"]
    assert service.command("audit", "verify").returncode == 0

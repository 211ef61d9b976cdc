"""The findings of a refresh-only plan, and their stored form."""

import json
from typing import Any

from orchestrator.resources.drift import AttributeDrift, DriftFinding, stored_finding
from orchestrator.runs.saved_plan import CloudContract
from orchestrator.workers.plans.drift import drift_findings

CONTRACT = CloudContract(kinds={"sandbox_instance": "instance"}, decisive={})


def drifted(index: str, before: dict[str, Any], after: dict[str, Any] | None) -> dict[str, Any]:
    change = {"before": before, "after": after}
    return {"type": "sandbox_instance", "name": "instance", "index": index, "change": change}


def test_a_missing_object_and_changed_attributes_are_findings_in_the_order_of_addresses() -> None:
    plan = {
        "resource_drift": [
            drifted("web", {"power": "on", "vcpu": 4}, {"power": "off", "vcpu": 4, "note": "x"}),
            drifted("db", {"vcpu": 2}, None),
        ]
    }
    assert drift_findings(plan, CONTRACT) == [
        DriftFinding("instance/db", gone=True),
        DriftFinding(
            "instance/web",
            changes=(AttributeDrift("note", None, "x"), AttributeDrift("power", "on", "off")),
        ),
    ]


def test_a_finding_is_read_back_from_its_stored_form() -> None:
    finding = DriftFinding("instance/web", changes=(AttributeDrift("power", "on", "off"),))
    document = json.loads(json.dumps(finding.document()))
    assert document == {
        "address": "instance/web",
        "gone": False,
        "unknown": False,
        "changes": [{"attribute": "power", "state": "on", "reality": "off"}],
    }
    assert stored_finding(document) == finding

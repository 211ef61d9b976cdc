"""Conditions after every fault: nothing twice, nothing lost, nothing left behind."""

from collections import Counter
from uuid import UUID

from orchestrator.client.models import PlanDetail
from orchestrator.runs.state_files import managed_objects
from tests import acts
from tests.faults.product import Product
from tests.running import wait_until

_KINDS = {f"sandbox_{kind}": kind for kind in ("network", "security_group", "port", "instance", "volume")}
_THERE = ("trial", "active", "changing", "suspended", "releasing")
_HOLD_OF = dict.fromkeys(
    ("submitted", "returned", "accepted", "under_review", "approved", "planned", "cancelling"), "live"
) | dict.fromkeys(("in_trial", "fulfilled", "trial_ended"), "committed")
"""Status of a request -> status of its hold; in every other status it was released."""


def assert_nothing_lost(product: Product) -> None:
    """Wait until the product is at rest, then hold everything against everything."""
    wait_until(product.no_run_in_progress, "every run comes to an end")
    wait_until(lambda: not product.engines(), "no engine process is left")
    assert product.rows("SELECT * FROM state_locks") == []
    _runs_have_ended(product)
    _nothing_ran_twice(product)
    for workspace in product.rows("SELECT id, key FROM workspaces"):
        _one_picture(product, workspace["id"], workspace["key"])
    _holds_add_up(product)
    verified = product.callers("sjj.auditor").verify_audit()
    assert verified.ok, verified.findings


def _runs_have_ended(product: Product) -> None:
    """A failed run has its reason in both languages, and the next action."""
    silent = product.rows(
        "SELECT kind, status, reason, next_step FROM runs WHERE status <> 'succeeded'"
        " AND (coalesce(reason, '') = '' OR coalesce(reason_zh, '') = ''"
        " OR coalesce(next_step, '') = '' OR coalesce(next_step_zh, '') = '')"
    )
    assert silent == []
    hanging = product.rows(
        "SELECT plan.number, plan.status FROM execution_plans plan"
        " WHERE plan.status IN ('applying', 'verifying', 'generated', 'checked')"
    )
    assert hanging == []


def _nothing_ran_twice(product: Product) -> None:
    """No run sent its saved plan to Terraform more than once, and no plan was applied by two runs."""
    for run in product.rows("SELECT id FROM runs WHERE kind = 'apply'"):
        lines = product.log_lines(run["id"])
        assert sum(line.startswith("$ terraform apply") for line in lines) <= 1, lines
    twice = product.rows(
        "SELECT plan_id FROM runs WHERE kind = 'apply' AND status = 'succeeded'"
        " GROUP BY plan_id HAVING count(*) > 1"
    )
    assert twice == []


def _one_picture(product: Product, workspace_id: UUID, key: str) -> None:
    """Cloud, rows and state tell the same; after a failure the rows still know all that exists."""
    made = product.objects(key)
    rows = {
        row["address"]: row
        for row in product.rows(
            "SELECT address, status, cloud_id FROM resources"
            " WHERE workspace_id = :id AND status <> 'released'",
            id=workspace_id,
        )
    }
    assert set(made) <= set(rows), "the cloud has something that no row knows"
    known = {address: row["cloud_id"] for address, row in rows.items() if row["cloud_id"]}
    assert {made[address]["id"] for address in made if address in known} <= set(known.values())
    if not _last_apply_succeeded(product, workspace_id):
        return
    there = {address for address, row in rows.items() if row["status"] in _THERE}
    in_state = managed_objects(product.state(workspace_id), _KINDS)
    assert set(made) == there == set(in_state)
    assert {address: item["id"] for address, item in made.items()} == {
        address: item["id"] for address, item in in_state.items()
    }
    assert {item["state"] for item in made.values()} <= {"running", "present", "stopped"}


def _last_apply_succeeded(product: Product, workspace_id: UUID) -> bool:
    last = product.rows(
        "SELECT run.status FROM runs run JOIN execution_plans plan ON plan.id = run.plan_id"
        " WHERE run.workspace_id = :id AND run.kind = 'apply' AND plan.kind <> 'baseline'"
        " AND plan.status <> 'stale' ORDER BY run.created_at DESC LIMIT 1",
        id=workspace_id,
    )
    return bool(last) and last[0]["status"] == "succeeded"


def _holds_add_up(product: Product) -> None:
    """Every counter is the sum of the holds on it, and a hold is live exactly until its request is done."""
    held, committed = Counter[str](), Counter[str]()
    items = product.rows(
        "SELECT hold.status, hold.organisation_code AS code, item.target, item.amount"
        " FROM holds hold JOIN hold_items item ON item.hold_id = hold.id"
    )
    for item in items:
        name = f"{item['code']}:{item['target']}" if item["target"].startswith("quota:") else item["target"]
        if item["status"] == "live":
            held[name] += max(0, item["amount"])
        elif item["status"] == "committed":
            committed[name] += item["amount"]
    for name, (is_held, is_committed) in _counters(product).items():
        assert (is_held, is_committed) == (held[name], committed[name]), name
    for row in product.rows(
        "SELECT request.number, request.status AS stands, hold.status FROM resource_requests request"
        " JOIN holds hold ON hold.request_id = request.id"
    ):
        assert row["status"] == _HOLD_OF.get(row["stands"], "released"), row


def _counters(product: Product) -> dict[str, tuple[int, int]]:
    rows = product.rows(
        "SELECT concat_ws(':', organisation_code, 'quota', zone_class, resource_class) AS name,"
        " held, committed FROM quota_limits UNION ALL"
        " SELECT concat_ws(':', 'pool', pool_code, resource_class), held, committed FROM pool_capacities"
        " UNION ALL"
        " SELECT 'budget:' || id, held_fen, committed_fen FROM budget_lines"
    )
    return {row["name"]: (row["held"], row["committed"]) for row in rows}


def finish(product: Product, plan: PlanDetail) -> None:
    """Do what a failed run's next step says, and find everything there: the same objects, none twice."""
    failed = acts.read_plan(product, plan.id)
    if failed.status == "failed":
        product.callers("xxh.reviewer").abandon_plan(plan.id)
    before = {address: item["id"] for address, item in product.objects(product.workspace_key(plan)).items()}
    again = product.planned(product.reader.read_request(plan.request_id))
    run = acts.apply(product, again)
    assert run.status == "succeeded", (run.reason, product.log_lines(run.id)[-20:])
    after = {address: item["id"] for address, item in product.objects(product.workspace_key(plan)).items()}
    assert before.items() <= after.items(), "an object was made a second time"
    assert_all_there(product, plan)


def assert_all_there(product: Product, plan: PlanDetail) -> None:
    """Every requested object exists once and is known, and the hold has become a commitment."""
    assert_nothing_lost(product)
    request = product.reader.read_request(plan.request_id)
    assert request.status in ("in_trial", "fulfilled")
    assert acts.hold_of(request).status == "committed"
    assert sorted(product.objects(product.workspace_key(plan))) == [
        "instance/web",
        "network/main",
        "port/web",
        "security_group/web",
        "volume/web-data",
    ]

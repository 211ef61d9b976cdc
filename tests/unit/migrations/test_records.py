"""What a migration stores as JSON is read back as it was."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime

import pytest

from orchestrator.migrations.findings import finding
from orchestrator.migrations.kinds import Side, SideBilling
from orchestrator.migrations.movers import Mismatch, Preflight, Progress, Proof
from orchestrator.migrations.records import (
    Billing,
    PreflightRecord,
    ProgressRecord,
    Retirement,
    stored_billing,
    stored_preflight,
    stored_progress,
    stored_proof,
    stored_retirement,
)

FINDING = finding("not_following", {"side": Side.TARGET})
EARLIER = Progress(10.0, 3, 1, 1_000, 200, 2, 0, 200, 0, 0, False, False, ())
LATER = Progress(12.0, 3, 2, 1_000, 800, 2, 2, 200, 200, 0, False, False, (FINDING,))
PROOF = Proof(
    False,
    (Mismatch("table", "public.person", "9 rows", "8 rows"),),
    3,
    9,
    3,
    2,
    200,
    0,
    "d" * 64,
    {"source": {}},
)


def through_json(document: object) -> dict[str, object]:
    stored: dict[str, object] = json.loads(json.dumps(document))
    return stored


def test_a_preflight_is_read_back() -> None:
    record = PreflightRecord(Preflight((FINDING,), 1_000, 200, 2), datetime(2019, 6, 19, tzinfo=UTC))
    document = through_json(record.document())
    assert document["passed"] is False
    assert stored_preflight(document) == record


def test_progress_is_read_back_with_its_rate() -> None:
    record = ProgressRecord.since(EARLIER, LATER)
    assert (record.bytes_a_second, record.seconds_left) == (400, 0.5)
    assert stored_progress(through_json(record.document())) == record


@pytest.mark.parametrize("earlier", [None, LATER], ids=["first", "same instant"])
def test_a_single_reading_has_no_rate(earlier: Progress | None) -> None:
    record = ProgressRecord.since(earlier, LATER)
    assert (record.bytes_a_second, record.seconds_left) == (None, None)


def test_a_proof_is_read_back() -> None:
    assert stored_proof(through_json(asdict(PROOF))) == PROOF


def test_billing_and_retirement_are_read_back() -> None:
    billing = Billing(SideBilling.TRIAL)
    assert through_json(billing.document()) == {"source": "not_billed", "target": "trial"}
    assert stored_billing(through_json(billing.document())) == billing
    retirement = Retirement(date(2019, 7, 1), "Overwritten.", "", date(2019, 7, 2))
    assert stored_retirement(through_json(retirement.document())) == retirement


def test_before_the_first_record_there_is_none() -> None:
    assert stored_preflight({}) is None
    assert stored_progress({}) is None
    assert stored_proof({}) is None
    assert stored_billing({}) is None
    assert stored_retirement({}) is None

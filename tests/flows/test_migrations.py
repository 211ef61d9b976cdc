"""A live system moved onto hosts that a request has made, and back, and over again, on real parts."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.client.api import ApiClient
from orchestrator.client.encoding import encode
from orchestrator.client.models import (
    MigrationDetail,
    PauseMeasurement,
    RetirementBody,
    SideBilling,
    SidesBilling,
)
from orchestrator.demo.sample_system import NAMES_FILE, UPLOADS, SampleClients, lost, root_of, stored
from orchestrator.migrations.pause import write_pause
from orchestrator.migrations.transfer import MigrationHost
from tests import transfers
from tests.loops import at_least_one
from tests.running import RunningService
from tests.transfers import APPLIER, NAME, OFFICER, REVIEWER, Legacy, MigrationCase


@dataclass(frozen=True)
class Counted:
    """Acknowledged writes until a moment: their number, missing ones, and duplicate ids."""

    acknowledged: int
    lost: tuple[int, int]
    more_than_once: int
    written_there: bool


@dataclass
class Played:
    """One whole migration under writes, played once; tests read its results."""

    service: RunningService
    legacy: Legacy
    target: MigrationHost
    migration: MigrationCase
    clients: SampleClients
    pages: dict[str, MigrationDetail] = field(default_factory=dict)
    counted: dict[str, Counted] = field(default_factory=dict)

    def keep(self, step: str) -> MigrationDetail:
        self.pages[step] = self.migration.read()
        return self.pages[step]

    def count(self, step: str, serving: MigrationHost) -> None:
        """Look for everything that was acknowledged until now on the side that serves now."""
        acknowledged = self.clients.acknowledged()
        found = stored(serving)
        often = sum(1 for times in found.values() if times != 1)
        latest = max(acknowledged, key=lambda each: each.at)
        self.counted[step] = Counted(
            len(acknowledged), lost(acknowledged, serving), often, latest.address == serving.address
        )


@pytest.fixture(scope="module")
def played(service: RunningService) -> Iterator[Played]:
    legacy = Legacy(service)
    request = transfers.provision(service)
    target = legacy.target(request)
    clients = legacy.clients()
    try:
        made = Played(service, legacy, target, MigrationCase(service, request), clients)
        _play(made)
        yield made
    finally:
        clients.stop()


def _play(made: Played) -> None:
    migration, legacy = made.migration, made.legacy.host
    made.keep("registered")
    _make_old_names(made.legacy.host)
    migration.prepared()
    made.keep("prepared")
    migration.cut_over()
    made.keep("first cutover")
    time.sleep(2)
    made.count("first cutover", made.target)
    migration.well(APPLIER, ApiClient.roll_back_migration)
    made.keep("returned")
    time.sleep(1)
    made.count("returned", legacy)
    migration.cut_over()
    made.keep("second cutover")
    time.sleep(1)
    _hand_in_pause(made, 3)
    made.count("second cutover", made.target)
    made.clients.stop()
    made.count("writers stopped", made.target)
    migration.act(OFFICER, ApiClient.accept_migration)
    made.keep("accepted")
    migration.well(REVIEWER, ApiClient.plan_finalisation_migration)
    migration.approved("clean_up")
    migration.well(APPLIER, ApiClient.finalise_migration)
    made.keep("finalised")
    record = RetirementBody(stopped_on=date(2019, 6, 19), sanitisation="磁盘已消磁。")
    made.service.callers(APPLIER).retire_migration(migration.id, record)
    made.keep("retired")


def _make_old_names(host: MigrationHost) -> None:
    """A file, and a folder with one, whose names an old archive has brought along in GBK."""
    uploads = os.fsencode(root_of(host) / UPLOADS.path)
    folder, file = b"/" + "报表".encode("gbk"), b"/" + "报表.dat".encode("gbk")
    Path(os.fsdecode(uploads + folder)).mkdir()
    for place in (uploads + file, uploads + folder + file):
        Path(os.fsdecode(place)).write_text("old")


def _hand_in_pause(made: Played, number: int) -> None:
    switch = made.migration.read().switches[number - 1]
    fenced, opened = moment_of(switch.fenced_at), moment_of(switch.opened_at)
    seen = write_pause(made.clients.acknowledged(), fenced, opened, 3.0)
    pause = PauseMeasurement(longest_ms=seen.longest_ms, at_fence_ms=seen.at_fence_ms)
    made.service.callers(APPLIER).record_switch_pause(made.migration.id, number, pause)


def moment_of(instant: datetime | None) -> float:
    assert instant is not None
    return instant.timestamp()


@pytest.mark.parametrize("step", ["first cutover", "returned", "second cutover", "writers stopped"])
def test_every_acknowledged_write_is_found_once_on_the_serving_side_after_each_switch(
    played: Played, step: str
) -> None:
    counted = played.counted[step]
    assert (counted.lost, counted.more_than_once, counted.written_there) == ((0, 0), 0, True)
    assert counted.acknowledged > 100


def test_names_of_files_that_are_no_utf8_are_proven_and_kept_with_the_proof(played: Played) -> None:
    proof = played.pages["first cutover"].switches[0].proof
    (folder,) = (proof.reports or {})["source"].folders.values()
    assert r"\xb1\xa8\xb1\xed" in folder.parts
    assert all(each.proof_equal for each in played.pages["second cutover"].switches)


def test_the_states_follow_the_way_of_the_domain(played: Played) -> None:
    statuses = {step: page.status for step, page in played.pages.items()}
    assert statuses == {
        "registered": "registered",
        "prepared": "rehearsed",
        "first cutover": "trial_run",
        "returned": "rolled_back",
        "second cutover": "trial_run",
        "accepted": "accepted",
        "finalised": "finalised",
        "retired": "legacy_retired",
    }


def test_side_address_and_billing_change_with_the_cutover_and_its_audit_event_names_them(
    played: Played,
) -> None:
    page = played.pages["first cutover"]
    assert (page.serving_side, page.serving_address) == ("target", played.target.address)
    assert page.billing == SidesBilling(source=SideBilling.NOT_BILLED, target=SideBilling.TRIAL)
    statement = text(
        "SELECT body FROM audit_events WHERE action = 'migration:trial_run' AND object_id = :id ORDER BY seq"
    )
    with played.service.engine.connect() as connection:
        facts = json.loads(connection.execute(statement, {"id": str(page.id)}).scalars().first() or "{}")[
            "data"
        ]
    assert (facts["from_address"], facts["to_address"]) == (played.legacy.host.address, played.target.address)
    assert facts["billing"] == encode(page.billing)
    assert facts["fenced_ms"] == page.switches[0].fenced_ms


def test_every_switch_keeps_its_proof_and_the_audit_its_digest(played: Played) -> None:
    switches = played.pages["second cutover"].switches
    assert [each.direction for each in switches] == ["cutover", "rollback", "cutover"]
    assert all(each.proof_equal and each.followed_at for each in switches)
    with played.service.engine.connect() as connection:
        kept = text("SELECT body FROM audit_events WHERE action = 'migration:proof' ORDER BY seq")
        bodies = [row[0] for row in connection.execute(kept)]
    assert [each.proof_digest in body for each, body in zip(switches, bodies, strict=True)] == [True] * 3


def test_the_digest_of_a_proof_can_be_computed_again_from_the_hash_of_every_table_on_both_sides(
    played: Played,
) -> None:
    for switch in at_least_one(played.pages["second cutover"].switches):
        reports = switch.proof.reports or {}
        databases = [reports[side].database for side in ("source", "target")]
        hashes = [one.tables["public.report"].hash for one in databases if one is not None]
        assert len(hashes) == 2
        assert hashes[0] == hashes[1] != "0:0"
        kept = json.dumps(encode(reports), sort_keys=True).encode()
        assert hashlib.sha256(kept).hexdigest() == switch.proof_digest


@pytest.mark.invariant(31)
def test_a_rollback_restores_side_address_and_name_as_they_were_before_the_cutover(played: Played) -> None:
    before, after = played.pages["prepared"], played.pages["returned"]
    assert (after.serving_side, after.serving_address) == (before.serving_side, before.serving_address)
    switch, back = played.pages["returned"].switches
    assert (back.from_address, back.to_address) == (switch.to_address, switch.from_address)
    assert back.name_switched
    names = json.loads((root_of(played.legacy.names) / NAMES_FILE).read_text())
    assert names[NAME] == played.target.address


@pytest.mark.invariant(28)
def test_one_old_address_has_one_new_one_and_a_rollback_is_the_inverse_of_its_cutover(played: Played) -> None:
    switches = played.pages["retired"].switches
    pairs = {
        way: {(each.from_address, each.to_address) for each in switches if each.direction == way}
        for way in ("cutover", "rollback")
    }
    assert pairs["cutover"] == {(played.legacy.host.address, played.target.address)}
    assert pairs["rollback"] == {(new, old) for old, new in pairs["cutover"]}


def test_the_pause_that_clients_saw_stands_beside_the_one_of_the_script(played: Played) -> None:
    switch = played.pages["retired"].switches[-1]
    assert switch.pause_at_fence_ms is not None
    assert switch.pause_ms is not None
    assert 0 < switch.pause_at_fence_ms <= switch.pause_ms < 5000
    assert 0 < (switch.fenced_ms or 0) < 2000


@pytest.mark.invariant(22)
def test_every_change_of_a_host_has_plan_approval_and_run(played: Played) -> None:
    page = played.pages["retired"]
    done = [each for each in page.plans if each.plan.status == "applied"]
    acts = sorted(each.act for each in done)
    assert acts == ["clean_up", "cutover", "cutover", "prepare", "rollback"]
    for each in done:
        digests = {item.digest for item in each.approvals}
        assert digests == {each.plan.tuple_digest}
        assert [run.status for run in each.runs if run.kind == "apply"] == ["succeeded"]


def test_the_target_is_billed_from_its_acceptance_on(played: Played) -> None:
    assert played.pages["accepted"].billing == SidesBilling(
        source=SideBilling.NOT_BILLED, target=SideBilling.ACTIVE
    )
    with played.service.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT count(*) FROM usage_intervals WHERE NOT isempty(days)")
        ).scalar_one()
    assert rows > 0


def test_progress_and_findings_are_kept_for_every_reader(played: Played) -> None:
    page = played.pages["prepared"]
    assert page.preflight.passed
    assert page.progress.ready
    assert page.progress.tables == (page.progress.tables_done or 0) > 0
    # Two old names and what clients have written meanwhile come on top of the seed.
    assert (page.progress.files or 0) > transfers.SEED["files"]
    assert (page.progress.files_done or 0) >= transfers.SEED["files"]

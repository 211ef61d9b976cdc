"""Transfers, findings, proofs, pauses and rates: decisions without any host."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.migrations import after_preparation, before_preparation, findings
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.movers import Progress
from orchestrator.migrations.pause import Acknowledged, read_record, write_pause
from orchestrator.migrations.progress import rate
from orchestrator.migrations.proof import compare
from orchestrator.migrations.transfer import BadTransfer, DatabasePart, FolderPart, MigrationHost, Transfer

PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"
SOURCE = MigrationHost("legacy-1", "10.10.0.1", {"plugin": "sandbox", "host_root": "/hosts/a"})
TARGET = MigrationHost("db-1", "198.18.0.1", {"plugin": "sandbox", "host_root": "/hosts/b"})


def transfer(**changed: Any) -> Transfer:
    parts: dict[str, Any] = {"key": "m1", "database": DatabasePart("app", ("app",)), **changed}
    return Transfer(source=parts.pop("source", SOURCE), target=parts.pop("target", TARGET), **parts)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"key": "M-1"}, "key"),
        ({"key": "x" * 21}, "key"),
        ({"database": None}, "database, folders"),
        ({"database": DatabasePart("app", ())}, "database.writers"),
        ({"target": SOURCE}, "target.address"),
        ({"folders": (FolderPart("../etc"),)}, "folders"),
        ({"folders": (FolderPart("/etc"),)}, "folders"),
        ({"folders": (FolderPart("a"), FolderPart("a"))}, "folders"),
        ({"budget_ms": 0}, "budget_ms"),
        ({"files_port": 70000}, "files_port"),
    ],
)
def test_a_transfer_that_could_not_be_carried_out_is_refused_by_field(
    changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadTransfer, match=re.escape(field)):
        transfer(**changed)


def test_every_code_that_a_program_reports_has_words_in_both_languages() -> None:
    sources = "\n".join(path.read_text() for path in PLAYBOOKS.rglob("programs/*/*.py"))
    pattern = r"""(?:Refused\(|findings\.add\(|"code": |THEN |ELSE )["']([a-z_]+)["']"""
    internal = {"no_database_part", "no_folders"}  # Faults of the program itself, shown as they are.
    codes = set(re.findall(pattern, sources)) - internal
    known = {**before_preparation.TEXTS, **after_preparation.TEXTS}
    assert len(codes) > 40
    assert codes - known.keys() == set()
    assert all(all(texts[1:]) for texts in known.values())


def test_a_finding_shows_its_facts_and_never_fails_over_a_missing_one() -> None:
    found = findings.finding("no_replica_identity", {"table": "public.{x}"})
    assert "public.{x}" in found.problem_en
    assert found.blocking
    assert "-" in findings.finding("disk_full", {}).problem_en
    assert findings.finding("never heard of", {}).blocking


def report() -> dict[str, Any]:
    return {
        "database": {"tables": {"public.t": {"rows": 2, "hash": "1:2"}}, "sequences": {"public.s": 7}},
        "folders": {"up": {"parts": {"a": {"files": 2, "bytes": 10, "hash": "x"}}, "later": 0}},
    }


def test_equal_reports_prove_and_count() -> None:
    proof = compare({Side.SOURCE: report(), Side.TARGET: report()}, Side.TARGET)
    assert proof.equal
    assert (proof.tables, proof.rows, proof.sequences, proof.files, proof.file_bytes) == (1, 2, 1, 2, 10)


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        (("database", "tables", "public.t", "hash"), "1:3", "table"),
        (("database", "tables", "public.t", "rows"), 3, "table"),
        (("database", "tables", "public.new"), {"rows": 0, "hash": "0:0"}, "table"),
        (("database", "sequences", "public.s"), 6, "sequence"),
        (("folders", "up", "parts", "a", "hash"), "y", "files"),
        (("folders", "up", "parts", "b"), {"files": 1, "bytes": 1, "hash": "z"}, "files"),
    ],
)
def test_any_difference_is_a_mismatch_of_its_kind(path: tuple[str, ...], value: Any, kind: str) -> None:
    target = copy.deepcopy(report())
    place = target
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    proof = compare({Side.SOURCE: report(), Side.TARGET: target}, Side.TARGET)
    assert [each.kind for each in proof.mismatches] == [kind]


def test_a_sequence_of_the_side_that_serves_may_be_ahead() -> None:
    ahead = report()
    ahead["database"]["sequences"]["public.s"] = 99
    assert compare({Side.SOURCE: report(), Side.TARGET: ahead}, Side.TARGET).equal
    assert not compare({Side.SOURCE: report(), Side.TARGET: ahead}, Side.SOURCE).equal


def test_the_gap_of_the_switch_is_distinguished_from_a_longer_stall() -> None:
    moments = [*range(10), 12.0, 12.001, 12.002, 12.102, 12.103]
    acknowledged = [Acknowledged(str(number), float(at), "a") for number, at in enumerate(moments)]
    pause = write_pause(acknowledged, 12.01, 12.09, around=20)
    assert (pause.longest_ms, pause.at_fence_ms, pause.writes) == (3000.0, 100.0, 15)


@pytest.mark.parametrize("moments", [[], [1.0, 2.0], [11.0, 12.0]])
def test_a_pause_needs_writes_on_both_sides_of_the_switch(moments: list[float]) -> None:
    with pytest.raises(ValueError, match="no acknowledged write"):
        write_pause([Acknowledged("x", at, "a") for at in moments], 10.0, 10.1, around=20)


def test_an_incomplete_line_is_no_acknowledgement() -> None:
    found = read_record(["c1-1 12.5 127.0.0.1 report -", "c1-2 13.5 127.0"])
    assert [each.write for each in found] == ["c1-1"]


def look(at: float, done: int) -> Progress:
    return Progress(at, 1, 0, 800, done, 0, 0, 200, 0, 0, True, False, ())


@given(seconds=st.floats(0.1, 1000), first=st.integers(0, 800), more=st.integers(0, 800))
def test_rate_and_time_left_fit_each_other(seconds: float, first: int, more: int) -> None:
    later = min(800, first + more)
    found = rate(look(0, first), look(seconds, later))
    if found.seconds_left is not None and found.bytes_a_second:
        assert found.seconds_left * found.bytes_a_second == pytest.approx(1000 - later)
    assert (found.seconds_left is None) == (later == first)


def test_a_side_that_was_read_earlier_cannot_be_the_later_look() -> None:
    with pytest.raises(ValueError, match="not later"):
        rate(look(2, 1), look(1, 2))


def test_sides_are_each_others_opposite() -> None:
    side: Side = Side.SOURCE
    assert transfer().hosts()[side] is SOURCE
    assert transfer().movers == ("postgresql_logical",)
    assert transfer(folders=(FolderPart("srv/x"),)).movers == ("postgresql_logical", "files_stream")

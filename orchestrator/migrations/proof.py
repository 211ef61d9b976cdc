"""Compare the reports of both sides. Pure, and no part of any mover."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.migrations.kinds import Side
from orchestrator.migrations.movers import Mismatch, Proof


def compare(reports: Mapping[Side, Mapping[str, Any]], to: Side) -> Proof:
    """Return the proof of a switch to the side `to`, from the reports of the prover on both sides.

    Tables and files must be equal. A sequence of the opened side may be ahead: it is in use already.
    """
    mismatches = (*_tables(reports), *_sequences(reports, to), *_files(reports))
    tables = _part(reports[to], "tables")
    folders = reports[to]["folders"].values()
    parts = [part for folder in folders for part in folder["parts"].values()]
    return Proof(
        equal=not mismatches,
        mismatches=mismatches,
        tables=len(tables),
        rows=sum(table["rows"] for table in tables.values()),
        sequences=len(_part(reports[to], "sequences")),
        files=sum(part["files"] for part in parts),
        file_bytes=sum(part["bytes"] for part in parts),
        later_files=sum(folder["later"] for folder in folders),
        digest=hashlib.sha256(json.dumps(reports, sort_keys=True).encode()).hexdigest(),
        reports={str(side): report for side, report in reports.items()},
    )


def _part(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = (report["database"] or {}).get(name, {})
    return part


def _tables(reports: Mapping[Side, Mapping[str, Any]]) -> Iterator[Mismatch]:
    source, target = (_part(reports[side], "tables") for side in Side)
    for name in sorted(source.keys() | target.keys()):
        if source.get(name) != target.get(name):
            yield Mismatch(
                "table", name, _described(source.get(name), "rows"), _described(target.get(name), "rows")
            )


def _sequences(reports: Mapping[Side, Mapping[str, Any]], to: Side) -> Iterator[Mismatch]:
    now, before = _part(reports[to], "sequences"), _part(reports[to.other], "sequences")
    for name, value in sorted(before.items()):
        if now.get(name, -1) < value:
            values = {to: str(now.get(name)), to.other: str(value)}
            yield Mismatch("sequence", name, values[Side.SOURCE], values[Side.TARGET])


def _files(reports: Mapping[Side, Mapping[str, Any]]) -> Iterator[Mismatch]:
    source, target = reports[Side.SOURCE]["folders"], reports[Side.TARGET]["folders"]
    for folder in sorted(source.keys() | target.keys()):
        ours, theirs = (side.get(folder, {"parts": {}})["parts"] for side in (source, target))
        for part in sorted(ours.keys() | theirs.keys()):
            if ours.get(part) != theirs.get(part):
                name = f"{folder}/{part}".removesuffix("/.")
                yield Mismatch(
                    "files", name, _described(ours.get(part), "files"), _described(theirs.get(part), "files")
                )


def _described(value: Mapping[str, Any] | None, count: str) -> str:
    return "-" if value is None else f"{value[count]} {count}, {value['hash']}"

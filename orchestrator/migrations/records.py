"""The JSON documents of a migration as frozen records: preflight, progress of the copy, proof, billing. Pure.

No other module reads or writes these documents. `document` is the stored form, `stored_…` its inverse; an
empty document has no record.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Self

from orchestrator.migrations.findings import Finding
from orchestrator.migrations.kinds import Side, SideBilling
from orchestrator.migrations.movers import Mismatch, Preflight, Progress, Proof
from orchestrator.migrations.progress import rate

Document = Mapping[str, Any]


@dataclass(frozen=True)
class PreflightRecord:
    """A preflight and the instant at which it was recorded."""

    preflight: Preflight
    at: datetime

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "passed": self.preflight.passed,
            "findings": [_finding_document(finding) for finding in self.preflight.findings],
            "database_bytes": self.preflight.database_bytes,
            "file_bytes": self.preflight.file_bytes,
            "files": self.preflight.files,
            "at": self.at.isoformat(),
        }


def stored_preflight(document: Document) -> PreflightRecord | None:
    """Return the preflight of a migration, or None before the first one."""
    if not document:
        return None
    preflight = Preflight(
        findings=_stored_findings(document["findings"]),
        database_bytes=document["database_bytes"],
        file_bytes=document["file_bytes"],
        files=document["files"],
    )
    return PreflightRecord(preflight, datetime.fromisoformat(document["at"]))


@dataclass(frozen=True)
class ProgressRecord:
    """Progress of the copy, its rate in bytes a second, and the seconds left; None where not known."""

    progress: Progress
    bytes_a_second: int | None = None
    seconds_left: float | None = None

    @classmethod
    def since(cls, earlier: Progress | None, progress: Progress) -> Self:
        """Return the progress with the rate since an earlier reading."""
        if earlier is None or progress.at <= earlier.at:
            return cls(progress)
        pace = rate(earlier, progress)
        left = None if pace.seconds_left is None else round(pace.seconds_left, 1)
        return cls(progress, round(pace.bytes_a_second), left)

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            **asdict(self.progress),
            "trouble": [_finding_document(finding) for finding in self.progress.trouble],
            "bytes_a_second": self.bytes_a_second,
            "seconds_left": self.seconds_left,
        }


def stored_progress(document: Document) -> ProgressRecord | None:
    """Return the progress of a migration's copy, or None before the first reading."""
    if not document:
        return None
    values = {field.name: document[field.name] for field in fields(Progress)}
    progress = Progress(**{**values, "trouble": _stored_findings(document["trouble"])})
    return ProgressRecord(progress, document["bytes_a_second"], document["seconds_left"])


def stored_proof(document: Document) -> Proof | None:
    """Return the equality proof of a switch, or None if none was read."""
    if not document:
        return None
    mismatches = tuple(Mismatch(**mismatch) for mismatch in document["mismatches"])
    return Proof(**{**document, "mismatches": mismatches})


@dataclass(frozen=True)
class Billing:
    """The billing state of both sides. A legacy source is no resource of the cloud and is never billed."""

    target: SideBilling
    source: SideBilling = SideBilling.NOT_BILLED

    def document(self) -> dict[str, str]:
        """Return the stored form."""
        return {Side.SOURCE.value: self.source.value, Side.TARGET.value: self.target.value}


def stored_billing(document: Document) -> Billing | None:
    """Return the billing state of both sides, or None before the first cutover."""
    if not document:
        return None
    return Billing(SideBilling(document[Side.TARGET]), SideBilling(document[Side.SOURCE]))


@dataclass(frozen=True)
class Retirement:
    """The record of the retirement of a legacy system."""

    stopped_on: date
    sanitisation: str
    remark: str = ""
    recorded_on: date | None = None

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "stopped_on": self.stopped_on.isoformat(),
            "sanitisation": self.sanitisation,
            "remark": self.remark,
            "recorded_on": self.recorded_on.isoformat() if self.recorded_on else None,
        }


def stored_retirement(document: Document) -> Retirement | None:
    """Return the record of the retirement, or None before it."""
    if not document:
        return None
    return Retirement(
        stopped_on=date.fromisoformat(document["stopped_on"]),
        sanitisation=document["sanitisation"],
        remark=document["remark"],
        recorded_on=date.fromisoformat(document["recorded_on"]),
    )


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "facts": {name: str(value) for name, value in finding.facts.items()}}


def _stored_findings(documents: list[Document]) -> tuple[Finding, ...]:
    return tuple(Finding(**document) for document in documents)

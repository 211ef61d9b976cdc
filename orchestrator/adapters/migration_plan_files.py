"""Read a migration plan. All mistakes are reported together, each with its file and line."""

from dataclasses import dataclass
from pathlib import Path

from orchestrator.adapters.document_files import DocumentReader, Problem
from orchestrator.migrations.plan_files import MigrationPlanDocument


@dataclass(frozen=True)
class PlanReading:
    """A plan, or its problems sorted by line."""

    plan: MigrationPlanDocument | None
    problems: tuple[Problem, ...]


def read_plan(name: str, data: bytes) -> PlanReading:
    """Read one plan. `name` is the file name shown in problems."""
    reader = DocumentReader(Path())
    reader.take(name, data, MigrationPlanDocument)
    plan = reader.documents.get(name)
    if reader.problems or not isinstance(plan, MigrationPlanDocument):
        return PlanReading(None, tuple(sorted(reader.problems)))
    return PlanReading(plan, ())

"""Read migration plans. All mistakes are reported together, each with its file and line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.adapters.document_files import DocumentReader, Problem
from orchestrator.migrations.plan_files import MigrationPlanDocument

FOLDER: Final = "migration_plans"


@dataclass(frozen=True)
class PlanReading:
    """A plan, or its problems sorted by line."""

    plan: MigrationPlanDocument | None
    problems: tuple[Problem, ...]


def read_plan(name: str, data: bytes) -> PlanReading:
    """Read one plan. `name` is the file name shown in problems."""
    reader = DocumentReader(Path())
    reader.take(name, data, MigrationPlanDocument)
    return _reading(reader, name)


def read_plans(content: Path) -> dict[str, PlanReading]:
    """Read the plans of the content folder, by file. The key of a plan must be the name of its file."""
    readings = {}
    for path in sorted((content / FOLDER).glob("*.yml")):
        file = f"{FOLDER}/{path.name}"
        reader = DocumentReader(content)
        reader.read(file, MigrationPlanDocument)
        plan = reader.documents.get(file)
        if isinstance(plan, MigrationPlanDocument) and plan.plan != path.stem:
            reader.add(file, ("plan",), f"must be the name of its file, {path.stem}")
        readings[file] = _reading(reader, file)
    return readings


def _reading(reader: DocumentReader, file: str) -> PlanReading:
    plan = reader.documents.get(file)
    if reader.problems or not isinstance(plan, MigrationPlanDocument):
        return PlanReading(None, tuple(sorted(reader.problems)))
    return PlanReading(plan, ())

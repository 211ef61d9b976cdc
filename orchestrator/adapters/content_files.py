"""Read the content folder: every file, every mistake at once, each with its file and line.

Nothing is loaded while anything is wrong: a reading has either a bundle or problems.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import ValidationError

from orchestrator.adapters.yaml_files import Path as FieldPath
from orchestrator.adapters.yaml_files import YamlTree, read_yaml
from orchestrator.content.bundle import ContentBundle
from orchestrator.content.documents import (
    FOLDERS,
    SINGLE_FILES,
    Document,
    OrganisationDocument,
    PriceCatalogueDocument,
    QuotaRules,
    ResourcePoolDocument,
    ResourcePoolsDocument,
    SkuDocument,
    SkusDocument,
    SystemDocument,
    SystemsDocument,
)
from orchestrator.content.references import reference_findings

MAX_FILES = 2_000

Coded = TypeVar(
    "Coded", OrganisationDocument, SystemDocument, SkuDocument, PriceCatalogueDocument, ResourcePoolDocument
)


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake. ``file`` is the path from the content folder; line and column start at 1."""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        """Show the problem as one line, as compilers do."""
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


@dataclass(frozen=True)
class ContentReading:
    """What reading the content folder gave: a bundle, or problems sorted by file and line."""

    bundle: ContentBundle | None
    problems: tuple[Problem, ...]


@dataclass
class _Reading:
    """What has been read so far."""

    trees: dict[str, YamlTree] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    kept: dict[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    problems: set[Problem] = field(default_factory=set)

    def add(self, file: str, path: FieldPath, message: str) -> None:
        place = self.trees[file].place_of(path)
        self.problems.add(Problem(file, place.line, place.column, _field_name(path), message))


def read_content(folder: Path) -> ContentReading:
    """Read everything under ``folder/quotas``; ``folder`` is the product's content folder.

    A mistake in the content is a problem of the reading, never an exception.
    """
    reading = _Reading()
    for file, model in _files(folder, reading):
        _read_file(folder, file, model, reading)
    raw = {file: tree.value for file, tree in reading.trees.items()}
    for finding in reference_findings(raw, reading.documents):
        reading.add(finding.file, _original_path(reading, finding.file, finding.path), finding.message)
    if reading.problems:
        return ContentReading(None, tuple(sorted(reading.problems)))
    return ContentReading(_bundle(reading.documents), ())


def _files(folder: Path, reading: _Reading) -> Iterator[tuple[str, type[Document]]]:
    """Give every expected file that is there; what is missing or unexpected becomes a problem."""
    quotas = folder / "quotas"
    present = sorted(path.relative_to(folder).as_posix() for path in quotas.rglob("*") if _is_content(path))
    if len(present) > MAX_FILES:
        reading.problems.add(Problem("quotas", 1, 1, "", f"there are more than {MAX_FILES} files"))
        return
    for file in sorted(set(SINGLE_FILES) - set(present)):
        reading.problems.add(Problem(file, 1, 1, "", "this file is missing"))
    for file in present:
        name = PurePosixPath(file)
        model = SINGLE_FILES.get(file) or (FOLDERS.get(str(name.parent)) if name.suffix == ".yml" else None)
        if model is None or (folder / file).is_symlink():
            expected = "content is ordinary .yml files in the known places"
            reading.problems.add(Problem(file, 1, 1, "", f"this file is not expected here; {expected}"))
        else:
            yield file, model


def _is_content(path: Path) -> bool:
    return (path.is_symlink() or not path.is_dir()) and path.suffix != ".md" and not path.name.startswith(".")


def _read_file(folder: Path, file: str, model: type[Document], reading: _Reading) -> None:
    try:
        data = (folder / file).read_bytes()
    except OSError as error:
        reading.problems.add(Problem(file, 1, 1, "", f"the file cannot be read: {error.strerror}"))
        return
    tree = reading.trees[file] = read_yaml(data)
    for fault in tree.faults:
        place = fault.place
        reading.problems.add(Problem(file, place.line, place.column, _field_name(fault.path), fault.message))
    if tree.value is not None:
        _validate(file, model, tree.value, reading)


def _validate(file: str, model: type[Document], value: object, reading: _Reading) -> None:
    """Validate a file; when some items of its lists are wrong, keep a document of the others."""
    try:
        reading.documents[file] = model.model_validate(value)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        for mistake in errors:
            reading.add(file, mistake["loc"], _message(mistake))
        sound, kept = _without_wrong_items(value, [mistake["loc"] for mistake in errors])
        try:
            reading.documents[file] = model.model_validate(sound)
        except ValidationError:
            return
        reading.kept[file] = kept


def _without_wrong_items(
    value: object, paths: Sequence[FieldPath]
) -> tuple[object, Mapping[str, Sequence[int]]]:
    """Leave out the list items in which mistakes lie; also give which positions of each list were kept."""
    if not isinstance(value, Mapping):
        return value, {}
    wrong = {path[:2] for path in paths}
    kept = {
        name: [index for index in range(len(items)) if (name, index) not in wrong]
        for name, items in value.items()
        if isinstance(items, tuple)
    }
    return {
        name: tuple(items[n] for n in kept[name]) if name in kept else items for name, items in value.items()
    }, kept


def _original_path(reading: _Reading, file: str, path: FieldPath) -> FieldPath:
    """Translate a position in a shortened list to the position in the file."""
    kept = reading.kept.get(file, {})
    match path:
        case (str(name), int(index), *rest) if name in kept and index < len(kept[name]):
            return (name, kept[name][index], *rest)
    return path


def _message(mistake: Any) -> str:
    kind = mistake["type"]
    if kind == "missing":
        return "this field is missing"
    if kind == "extra_forbidden":
        return "this field is unknown"
    message = str(mistake["msg"]).removeprefix("Value error, ")
    shown = mistake["input"]
    return f"{message}; found {str(shown)[:60]!r}" if isinstance(shown, str | int | None) else message


def _field_name(path: FieldPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _by_code(documents: Iterable[Coded]) -> tuple[Coded, ...]:
    return tuple(sorted(documents, key=lambda document: document.code))


def _bundle(documents: Mapping[str, Document]) -> ContentBundle:
    found = list(documents.values())
    (systems,) = (one for one in found if isinstance(one, SystemsDocument))
    (skus,) = (one for one in found if isinstance(one, SkusDocument))
    (pools,) = (one for one in found if isinstance(one, ResourcePoolsDocument))
    (rules,) = (one for one in found if isinstance(one, QuotaRules))
    return ContentBundle(
        organisations=_by_code(one for one in found if isinstance(one, OrganisationDocument)),
        systems=_by_code(systems.systems),
        skus=_by_code(skus.skus),
        price_catalogues=_by_code(one for one in found if isinstance(one, PriceCatalogueDocument)),
        resource_pools=_by_code(pools.resource_pools),
        quota_rules=rules,
    )

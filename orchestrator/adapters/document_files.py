"""Read hand-written documents and collect their mistakes, each with file and line.

Shared by the readers of the content, of policy packs and of migration plans.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.adapters.yaml_files import Path as FieldPath
from orchestrator.adapters.yaml_files import YamlTree, read_yaml
from orchestrator.core.documents import Document


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


@dataclass
class DocumentReader:
    """Reads files of one folder; collects valid documents and all problems.

    If some items of a document's lists are invalid, ``documents`` has a document of the valid items, so that
    these are still checked against other files; ``add`` translates positions back.
    """

    folder: Path
    trees: dict[str, YamlTree] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    problems: set[Problem] = field(default_factory=set)
    _valid_positions: dict[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)

    @property
    def raw(self) -> Mapping[str, object]:
        """The data of every readable file."""
        return {file: tree.value for file, tree in self.trees.items()}

    def complain(self, file: str, message: str) -> None:
        """Add a problem of a whole file."""
        self.problems.add(Problem(file, 1, 1, "", message))

    def add(self, file: str, path: FieldPath, message: str) -> None:
        """Add a problem at a place in a document that was read."""
        self._note(file, self._original_path(file, path), message)

    def read(self, file: str, model: type[Document]) -> None:
        """Read and validate one file."""
        try:
            data = (self.folder / file).read_bytes()
        except OSError as error:
            self.complain(file, f"the file cannot be read: {error.strerror}")
            return
        self.take(file, data, model)

    def take(self, file: str, data: bytes, model: type[Document]) -> None:
        """Validate the content of one file, which need not be in the folder."""
        tree = self.trees[file] = read_yaml(data)
        for fault in tree.faults:
            place = fault.place
            self.problems.add(Problem(file, place.line, place.column, field_name(fault.path), fault.message))
        if tree.value is not None:
            self._validate(file, model, tree.value)

    def _validate(self, file: str, model: type[Document], value: object) -> None:
        try:
            self.documents[file] = model.model_validate(value)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            for mistake in errors:
                self._note(file, mistake["loc"], _message(mistake))
            valid_items, valid_positions = _without_invalid_items(
                value, [mistake["loc"] for mistake in errors]
            )
            try:
                self.documents[file] = model.model_validate(valid_items)
            except ValidationError:
                return
            self._valid_positions[file] = valid_positions

    def _note(self, file: str, path: FieldPath, message: str) -> None:
        place = self.trees[file].place_of(path)
        self.problems.add(Problem(file, place.line, place.column, field_name(path), message))

    def _original_path(self, file: str, path: FieldPath) -> FieldPath:
        """Translate a position in a shortened list to the position in the file."""
        positions = self._valid_positions.get(file, {})
        match path:
            case (str(name), int(index), *rest) if name in positions and index < len(positions[name]):
                return (name, positions[name][index], *rest)
        return path


def _without_invalid_items(
    value: object, paths: Sequence[FieldPath]
) -> tuple[object, Mapping[str, Sequence[int]]]:
    """Return the value without list items that have mistakes, and the positions of the others by list."""
    if not isinstance(value, Mapping):
        return value, {}
    invalid = {path[:2] for path in paths}
    valid = {
        name: [index for index in range(len(items)) if (name, index) not in invalid]
        for name, items in value.items()
        if isinstance(items, tuple)
    }
    return {
        name: tuple(items[n] for n in valid[name]) if name in valid else items
        for name, items in value.items()
    }, valid


def _message(mistake: Any) -> str:
    kind = mistake["type"]
    if kind == "missing":
        return "this field is missing"
    if kind == "extra_forbidden":
        return "this field is unknown"
    message = str(mistake["msg"]).removeprefix("Value error, ")
    shown = mistake["input"]
    return f"{message}; found {str(shown)[:60]!r}" if isinstance(shown, str | int | None) else message


def field_name(path: FieldPath) -> str:
    """Format a path for people: ``systems[3].target.vcpu``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")

"""Read hand-written documents and collect what is wrong with them, each mistake with file and line.

The readers of the content and of a policy pack share this; it knows neither.
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
    """Reads files of one folder, keeping valid documents and problems of all of them.

    Where some items of a document's lists are wrong, ``documents`` holds a document of the other items,
    so that these are checked against other files too; ``add`` translates positions back.
    """

    folder: Path
    trees: dict[str, YamlTree] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    problems: set[Problem] = field(default_factory=set)
    _kept: dict[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)

    @property
    def raw(self) -> Mapping[str, object]:
        """The data of every readable file."""
        return {file: tree.value for file, tree in self.trees.items()}

    def complain(self, file: str, message: str) -> None:
        """Note a problem of a file as a whole."""
        self.problems.add(Problem(file, 1, 1, "", message))

    def add(self, file: str, path: FieldPath, message: str) -> None:
        """Note a problem at a place of a document that was read."""
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
        """Validate the bytes of one file, wherever they came from."""
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
            sound, kept = _without_wrong_items(value, [mistake["loc"] for mistake in errors])
            try:
                self.documents[file] = model.model_validate(sound)
            except ValidationError:
                return
            self._kept[file] = kept

    def _note(self, file: str, path: FieldPath, message: str) -> None:
        place = self.trees[file].place_of(path)
        self.problems.add(Problem(file, place.line, place.column, field_name(path), message))

    def _original_path(self, file: str, path: FieldPath) -> FieldPath:
        """Translate a position in a shortened list to the position in the file."""
        kept = self._kept.get(file, {})
        match path:
            case (str(name), int(index), *rest) if name in kept and index < len(kept[name]):
                return (name, kept[name][index], *rest)
        return path


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
    """Write a path as people do: ``systems[3].target.vcpu``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")

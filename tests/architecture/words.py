"""The glossary as data, and the words of the checkout: texts for people, and names.

``python -m tests.architecture.words`` removes the entries of ``open_words.txt`` that are no longer needed.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from tests.architecture.conftest import ROOT, Checkout, SourceFile

GLOSSARY = "docs/glossary.md"
OPEN_LIST = Path(__file__).parent / "open_words.txt"
# These hold the forbidden words because they forbid them, or quote texts that are not ours.
EXEMPT = (
    GLOSSARY,
    "tests/architecture/",
    "LICENSE",
    "NOTICE",
    "assets/",
    "requirements/",
    "orchestrator/schema/versions/",
)
SUFFIXES = (".py", ".md", ".html", ".po", ".yml", ".sql", ".tf", ".json", ".toml", ".js", ".css", ".sh")
CHINESE = re.compile(r"[\u3400-\u9fff]")
COMMENT = re.compile(r"(?:^|\s)#(.*)$", re.MULTILINE)
DOCSTRING = re.compile(r'^[ \t]*[rR]?"""(.*?)"""', re.MULTILINE | re.DOTALL)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Glossary:
    """`terms` are the fixed terms, `never` the words that no text may hold, `homes` the folders of a word."""

    terms: tuple[str, ...]
    never: tuple[str, ...]
    homes: tuple[tuple[str, tuple[str, ...]], ...]

    @cached_property
    def forbidden(self) -> re.Pattern[str]:
        """Match a forbidden word; a longer fixed term that contains it matches first, in the group `term`."""
        containing = [term for term in self.terms if any(word in term for word in self.never)]
        return re.compile(f"(?P<term>{_any_of(containing)})|{_any_of(self.never)}", re.IGNORECASE)

    @cached_property
    def housed(self) -> re.Pattern[str]:
        """Match a word that only some folders may use."""
        return re.compile(_any_of([word for word, _ in self.homes]), re.IGNORECASE)

    def may_be_wrong(self, text: str) -> bool:
        """Return False if no forbidden word can be in `text`: a quick look before its parts are read."""
        flat = " ".join(text.lower().replace("_", " ").replace("#", " ").split())
        joined = flat.replace(" ", "")
        return any(word in flat or word in joined for word in self._looked_for)

    @cached_property
    def _looked_for(self) -> list[str]:
        words = [*self.never, *(word for word, _ in self.homes)]
        return sorted({*words, *(word.replace(" ", "") for word in words)})

    def wrong_words(self, name: str, text: str) -> set[str]:
        """Return the words of `text` that the file `name` must not hold."""
        found = {m[0].lower() for m in self.forbidden.finditer(text) if not m["term"]}
        for match in self.housed.finditer(text):
            homes = next(homes for word, homes in self.homes if word == match[0].lower())
            if not name.startswith(homes):
                found.add(match[0].lower())
        return found


def read_glossary(text: str) -> Glossary:
    """Read the tables of the glossary; a column is known by its head."""
    terms: list[str] = []
    never: list[str] = []
    homes: list[tuple[str, tuple[str, ...]]] = []
    for row in _rows(text):
        terms += [*_words(row.get("English", "")), *_words(row.get("中文", ""))]
        never += _words(row.get("never", ""))
        places = tuple(re.findall(r"`([^`]+)`", row.get("only in", "")))
        homes += [(word, places) for word in _words(row.get("word", ""))]
    return Glossary(tuple(terms), tuple(never), tuple(homes))


def _rows(text: str) -> Iterator[dict[str, str]]:
    heads: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            heads = []
        elif not heads:
            heads = cells
        elif not set(cells[0]) <= {"-"}:
            yield dict(zip(heads, cells, strict=True))


def _words(cell: str) -> list[str]:
    """Return the words of a cell; one with a remark in parentheses is left to the reader."""
    words = (word.strip() for word in re.split(r"[,、;]", re.sub(r"（[^）]*）", "", cell)))
    return [word for word in words if word.strip("–") and "(" not in word and ")" not in word]


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern for any of the words, the longest first; English ones are matched as whole words."""
    return "|".join(
        word if CHINESE.search(word) else rf"\b{word.replace(' ', '[ -]')}\b"
        for word in sorted(words, key=len, reverse=True)
    )


def written(file: SourceFile) -> Iterator[str]:
    """Yield the texts and the names of a file, each on one line."""
    yield " ".join(re.split(r"[_\-./]", file.name))
    if file.name.endswith(".py"):
        yield from (" ".join(text.split()) for text in _python(file))
    else:
        yield " ".join(file.text.replace("_", " ").split())


def _python(file: SourceFile) -> Iterator[str]:
    yield " ".join(COMMENT.findall(file.text))
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.replace("_", " ")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield _apart(node.name)
        elif isinstance(node, ast.arg):
            yield _apart(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield _apart(node.id)


def _apart(name: str) -> str:
    return CAMEL.sub(" ", name).replace("_", " ")


def docstrings(file: SourceFile) -> list[str]:
    """Return the docstrings of a Python file, those of constants and fields among them."""
    return DOCSTRING.findall(file.text)


def wrong_words(checkout: Checkout) -> dict[str, set[str]]:
    """Return the forbidden words of each file that holds any."""
    glossary = read_glossary((ROOT / GLOSSARY).read_text(encoding="utf-8"))
    wrong = {}
    for file in checkout.texts(*SUFFIXES):
        if not file.name.startswith(EXEMPT) and glossary.may_be_wrong(f"{file.name} {file.text}"):
            words = glossary.wrong_words(file.name, "\n".join(written(file)))
            if words:
                wrong[file.name] = words
    return wrong


def open_files() -> list[str]:
    """Return the files whose words are still to be rewritten; the list may only become shorter."""
    lines = OPEN_LIST.read_text(encoding="utf-8").splitlines() if OPEN_LIST.exists() else []
    return [line for line in lines if line and not line.startswith("#")]


def write_open_files(names: Iterable[str]) -> None:
    """Write the list with a headline for each folder, so that two branches can shorten it at once."""
    lines = ["# Files that still hold forbidden words. Shorten this list: python -m tests.architecture.words"]
    folder = ""
    for name in sorted(names, key=lambda name: (str(PurePath(name).parent), name)):
        if folder != (folder := str(PurePath(name).parent)):
            lines.append(f"# {folder}")
        lines.append(name)
    OPEN_LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    wrong = wrong_words(Checkout())
    write_open_files(name for name in open_files() if name in wrong)

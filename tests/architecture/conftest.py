"""The files of this checkout, for the tests of its rules."""

import ast
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A copy of a checkout has no repository to ask; these are the folders that tools make in it.
MADE_BY_TOOLS = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".terraform",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    "output",
}


@dataclass(frozen=True)
class SourceFile:
    """One text file of the checkout; `name` is its path from the root."""

    name: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.name).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.name)


class Checkout:
    """The files that are, or are about to be, committed."""

    root = ROOT

    @cached_property
    def names(self) -> list[str]:
        git = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(git, check=False, capture_output=True)
        if listing.returncode == 0 and (ROOT / ".git").exists():
            found = (name for name in listing.stdout.decode().split("\0") if name)
        else:
            found = (str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not _made_by_tools(path))
        return sorted(name for name in found if (ROOT / name).is_file())

    def python(self, *folders: str) -> list[SourceFile]:
        """Python files below these folders; revisions, which a tool writes, are left out."""
        return [
            file
            for file in self.texts(".py")
            if file.name.startswith(folders) and "/schema/versions/" not in file.name
        ]

    def texts(self, *suffixes: str) -> list[SourceFile]:
        """Text files with one of these endings; all text files without any."""
        chosen = (name for name in self.names if not suffixes or name.endswith(suffixes))
        return [SourceFile(name) for name in chosen if _is_text(ROOT / name)]


@pytest.fixture(scope="session")
def checkout() -> Checkout:
    return Checkout()


def _made_by_tools(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part in MADE_BY_TOOLS or part.endswith("_cache") for part in parts)


def _is_text(path: Path) -> bool:
    with path.open("rb") as start:
        return b"\0" not in start.read(4096)

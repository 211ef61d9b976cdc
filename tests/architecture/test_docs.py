"""Documents name only existing paths, symbols, commands and make targets."""

import re
from itertools import chain
from typing import Any

import pytest
import typer

from orchestrator.cli import app
from tests.architecture.conftest import Checkout, SourceFile

CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
PATH = re.compile(r"[\w.{},<>*-]+(?:/[\w.{},<>*-]*)+(?:::\w+)?")
PLACEHOLDER = re.compile(r"<[^<>]*>|NNNN")


@pytest.fixture(scope="module")
def documents(checkout: Checkout) -> list[SourceFile]:
    return [
        file for file in checkout.texts(".md") if file.name.count("/") == 0 or file.name.startswith("docs/")
    ]


def test_every_path_in_the_documents_exists(documents: list[SourceFile], checkout: Checkout) -> None:
    top = {name.split("/")[0] for name in checkout.names}
    missing = {
        f"{file.name}: {path}"
        for file in documents
        for quoted in CODE.findall(file.text)
        for path in PATH.findall(quoted)
        if path.split("/")[0] in top and not exists(path, checkout)
    }
    assert not missing


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_a_reader_comes_from_the_readme_to_every_page_and_learns_what_the_demo_prints(
    name: str, documents: list[SourceFile], checkout: Checkout
) -> None:
    text = (checkout.root / name).read_text(encoding="utf-8")
    pages = [file.name for file in documents if re.fullmatch(r"docs/[\w-]+\.md", file.name)]
    told = {*pages, "statement_total_fen", "write_pause_ms", "bill preview", "docs/images/statement.png"}
    assert {word for word in told if word not in text} == set()


def exists(path: str, checkout: Checkout) -> bool:
    place, _, symbol = path.partition("::")
    pattern = PLACEHOLDER.sub("*", place).rstrip("/")
    matches = list(checkout.root.glob(pattern))
    if symbol:
        return any(re.search(rf"\b{symbol}\b", match.read_text(encoding="utf-8")) for match in matches)
    return bool(matches)


def test_every_command_in_the_documents_exists(documents: list[SourceFile]) -> None:
    commands = typer.main.get_command(app)
    wrong = {
        f"{file.name}: govcloud {' '.join(words)}"
        for file in documents
        for words in calls(file.text, "govcloud")
        if not is_command(commands, words)
    }
    assert not wrong


def test_every_make_target_in_the_documents_exists(documents: list[SourceFile], checkout: Checkout) -> None:
    makefile = (checkout.root / "Makefile").read_text(encoding="utf-8")
    named = {words[0] for file in documents for words in calls(file.text, "make") if words}
    assert {
        target for target in named if not re.search(rf"(^|\s){target}(\s|:)", makefile, re.MULTILINE)
    } == set()


def calls(text: str, program: str) -> list[list[str]]:
    """The plain words that follow `program` in quoted code and at the start of lines of code blocks."""
    blocks = chain.from_iterable(block.splitlines() for block in FENCE.findall(text))
    found = (
        re.match(rf"\s*(?:\$ )?{program}((?: +[a-z][a-z-]*)*)(?=\s|$)", line)
        for line in chain(CODE.findall(FENCE.sub("", text)), blocks)
    )
    return [match[1].split() for match in found if match]


def is_command(command: Any, words: list[str]) -> bool:
    """True when the words lead to a command; those after a command without children are its arguments."""
    for word in words:
        children = getattr(command, "commands", None)
        if children is None:
            return True
        if word not in children:
            return False
        command = children[word]
    return True

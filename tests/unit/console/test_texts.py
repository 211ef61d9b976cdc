import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.pofile import read_po

from orchestrator.billing.statement_document import UNITS_ZH
from orchestrator.console.words.i18n import CONSOLE_DIR
from orchestrator.console.words.labels import WORDS
from orchestrator.console.words.messages import extract, read_english, room_of
from orchestrator.console.words.tones import TONES
from tests.loops import at_least_one

CHINESE = re.compile(r"[\u3400-\u9fff]")
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
MARKERS = {"N_", "_", "gettext"}


def unmarked(tree: ast.AST) -> Iterator[str]:
    """Chinese texts of a module that no extraction would find; docstrings cannot reach a reader."""
    marked = {
        id(argument)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MARKERS
        for argument in call.args
    }
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    for node in constants:
        if isinstance(node.value, str) and CHINESE.search(node.value) and id(node) not in marked:
            yield node.value


def test_every_text_of_the_console_has_english() -> None:
    english = {m.id: m.string for m in read_english() if m.id}
    wanted = {m.id for m in extract() if m.id}
    assert wanted - english.keys() == set(), "run python -m orchestrator.console.words.messages"
    assert english.keys() - wanted == set(), "run python -m orchestrator.console.words.messages"
    assert [text for text, translated in english.items() if not translated] == []


def test_english_keeps_every_placeholder() -> None:
    for message in at_least_one(read_english()):
        if message.id:
            assert sorted(PLACEHOLDER.findall(str(message.id))) == sorted(
                PLACEHOLDER.findall(str(message.string))
            )


def test_english_contains_no_chinese() -> None:
    assert [m.string for m in read_english() if m.string and CHINESE.search(str(m.string))] == []


def test_no_chinese_text_in_code_escapes_translation() -> None:
    for path in at_least_one(sorted(Path(CONSOLE_DIR).rglob("*.py"))):
        found = list(unmarked(ast.parse(path.read_text(encoding="utf-8"))))
        assert found == [], f"{path.name}: mark these with N_()"


def test_colours_are_only_given_to_words_that_exist() -> None:
    for kind, tones in TONES.items():
        assert tones.keys() <= WORDS[kind].keys()
        assert set(tones.values()) <= {"wait", "good", "bad", "busy"}


def test_every_unit_of_a_price_has_a_word() -> None:
    assert UNITS_ZH.keys() - WORDS["unit"].keys() == set()


def test_what_stands_beneath_a_cell_stays_beneath_it_on_a_phone() -> None:
    """A stacked cell sets its children side by side, so a text and its subtitle must be one child."""
    apart = re.compile(r'<td[^>]*data-label=[^>]*>[^<]+<span class="sub"')
    for template in at_least_one(Path(CONSOLE_DIR).rglob("templates/**/*.html")):
        assert apart.findall(template.read_text("utf-8")) == [], template


def test_a_text_is_translated_in_the_room_that_uses_it() -> None:
    rooms = {message.id: room_of(message) for message in extract() if message.id}
    for path in at_least_one(CONSOLE_DIR.glob("*/locale/en.po")):
        with path.open("rb") as file:
            texts = {message.id for message in read_po(file, locale="en") if message.id}
        assert {text for text in texts if rooms.get(text) != path.parts[-3]} == set(), path

"""Files and functions stay small enough to read, and names describe their content."""

import ast
from pathlib import PurePath

from tests.architecture.conftest import Checkout

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
# Each of these names is a drawer for things that have no place.
BANNED = {"helper", "helpers", "manager", "managers", "service", "util", "utils"}
# How a function that fails the test by itself is called.
ASSERTING = ("assert_", "check", "expect", "require", "wait_")
OURS = ("benchmarks/", "orchestrator/", "playbooks/", "terraform/", "tests/", "tools/")


def test_no_file_is_longer_than_400_lines(checkout: Checkout) -> None:
    long = {file.name: file.text.count("\n") for file in checkout.python(*OURS)}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines(checkout: Checkout) -> None:
    long = {
        f"{file.name}:{node.lineno} {node.name}"
        for file in checkout.python(*OURS)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION
    }
    assert not long


def test_no_module_is_a_drawer(checkout: Checkout) -> None:
    names = {name for name in checkout.names if name.endswith(".py")}
    assert not {name for name in names if BANNED.intersection(PurePath(name).with_suffix("").parts)}


def test_every_test_says_what_it_expects(checkout: Checkout) -> None:
    silent = {
        f"{file.name}:{node.lineno} {node.name}"
        for file in checkout.python("tests/")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not expects(node)
    }
    assert not silent


def expects(test: ast.FunctionDef) -> bool:
    """True for an assertion, `pytest.raises`, or a call of a function whose name says that it asserts."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in {"raises", "fail"} or name.startswith(ASSERTING):
                return True
    return False

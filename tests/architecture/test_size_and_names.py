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


def test_no_test_asserts_only_in_a_loop_that_may_be_empty(checkout: Checkout) -> None:
    vacuous = {
        f"{file.name}:{test.lineno} {test.name}"
        for file in checkout.python("tests/")
        for test in ast.walk(file.tree)
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        if "given" not in ast.unparse(ast.Tuple(test.decorator_list)) and may_assert_nothing(test)
    }
    assert not vacuous, "Loop over at_least_one(...), or assert the whole list."


def may_assert_nothing(test: ast.FunctionDef) -> bool:
    """True where every statement that could assert is in a loop over something that may be empty."""
    values = {
        target.id: node.value
        for node in ast.walk(test)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return not any(asserts_always(statement, values) for statement in test.body)


def asserts_always(statement: ast.stmt, values: dict[str, ast.expr]) -> bool:
    """True for an assertion or a call, also in a block or in a loop that runs at least once."""
    if isinstance(statement, ast.For):
        loops = runs_at_least_once(statement.iter, values)
        return loops and any(asserts_always(inner, values) for inner in statement.body)
    if isinstance(statement, ast.With | ast.If | ast.Try | ast.While):
        raises = isinstance(statement, ast.With) and "raises" in ast.unparse(statement).splitlines()[0]
        return raises or any(asserts_always(inner, values) for inner in statement.body)
    called = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    return called or isinstance(statement, ast.Assert)


def runs_at_least_once(things: ast.expr, values: dict[str, ast.expr]) -> bool:
    """True for a display of values, a constant, a range, and what `at_least_one` returns."""
    if isinstance(things, ast.Name):
        return things.id.isupper() or (things.id in values and runs_at_least_once(values[things.id], {}))
    if isinstance(things, ast.Call):
        name = ast.unparse(things.func)
        owner = [things.func.value] if isinstance(things.func, ast.Attribute) else []
        return name in {"range", "at_least_one"} or any(
            runs_at_least_once(part, values) for part in (*owner, *things.args)
        )
    if isinstance(things, ast.Dict):
        return bool(things.keys)
    return isinstance(things, ast.Tuple | ast.List | ast.Set) and bool(things.elts)

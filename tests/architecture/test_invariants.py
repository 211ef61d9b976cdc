"""The invariants of the domain are shown by number, and no number is made up."""

import ast
from collections.abc import Iterator

from tests.architecture.conftest import Checkout, SourceFile

LAST = 42
PROVISIONING = {1, 2, 3, 9, *range(18, 26), 38, 39, 41}
"""The invariants from a request to its resources."""
BILLING = set(range(4, 9))
MIGRATING = {28, 30, 31}


def numbers(file: SourceFile) -> Iterator[int]:
    """The numbers with which the tests of a file are marked."""
    for node in ast.walk(file.tree):
        is_mark = isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.invariant"
        if isinstance(node, ast.Call) and is_mark:
            yield from (ast.literal_eval(argument) for argument in node.args)


def test_each_invariant_that_was_built_is_shown_by_a_test(checkout: Checkout) -> None:
    shown = {number for file in checkout.python("tests/") for number in numbers(file)}
    assert shown >= PROVISIONING | BILLING | MIGRATING
    assert shown <= set(range(1, LAST + 1))

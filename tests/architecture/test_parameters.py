"""A function has at most five parameters, and at most one of them is a boolean."""

import ast
from collections.abc import Iterator

from tests.architecture.conftest import Checkout, SourceFile

MOST_PARAMETERS = 5
MOST_BOOLEANS = 1
CHECKED = ("orchestrator/", "playbooks/", "terraform/")
# The option --json that every command has; typer reads it from the parameter.
OPTION = "AsJson"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_function_has_more_than_five_parameters_or_two_booleans(checkout: Checkout) -> None:
    assert not violations(checkout), "Pass a dataclass instead, or split the function."


def test_booleans_are_found_by_annotation_and_by_default() -> None:
    source = (
        "def f(self, a: bool, b=False, *, c: bool | None = None, d: Annotated[bool, Query()] = True): ..."
    )
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert [argument.arg for argument, default in parameters(function) if is_boolean(argument, default)] == [
        "a",
        "b",
        "c",
        "d",
    ]


def violations(checkout: Checkout) -> set[str]:
    return {
        f"{file.name} {name}"
        for file in checkout.python(*CHECKED)
        for name, function in functions(file)
        if breaks_the_rule(function)
    }


def functions(file: SourceFile) -> Iterator[tuple[str, Function]]:
    """Yield every function with its qualified name."""
    to_visit: list[tuple[str, ast.AST]] = [("", file.tree)]
    while to_visit:
        prefix, parent = to_visit.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, Function | ast.ClassDef):
                if not isinstance(node, ast.ClassDef):
                    yield prefix + node.name, node
                to_visit.append((f"{prefix}{node.name}.", node))
            else:
                to_visit.append((prefix, node))


def breaks_the_rule(function: Function) -> bool:
    named = list(parameters(function))
    booleans = [argument for argument, default in named if is_boolean(argument, default)]
    return len(named) > MOST_PARAMETERS or len(booleans) > MOST_BOOLEANS


def parameters(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Yield each named parameter except self and cls, with its default."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(positional, defaults, strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return (pair for pair in pairs if pair[0].arg not in {"self", "cls"})


def is_boolean(argument: ast.arg, default: ast.expr | None) -> bool:
    if isinstance(argument.annotation, ast.Name) and argument.annotation.id == OPTION:
        return False
    if isinstance(default, ast.Constant) and isinstance(default.value, bool):
        return True
    annotation = argument.annotation
    return annotation is not None and any(
        isinstance(node, ast.Name) and node.id == "bool" for node in ast.walk(annotation)
    )

"""Every import of the service is a declared dependency, not just one of the tests."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.architecture.conftest import Checkout, SourceFile

# Built from assets/ of this repository and installed beside the service.
OWN = {"orchestrator", "govcloud_assets"}


def test_every_library_that_the_service_imports_is_declared(checkout: Checkout) -> None:
    project = tomllib.loads((checkout.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [name for names in project["optional-dependencies"].values() for name in names]
    declared = {plain(re.split(r"[\[<>=;! ]", name)[0]) for name in [*project["dependencies"], *optional]}
    distributions = packages_distributions()
    undeclared = {
        f"{file.name}: {library}"
        for file in checkout.python("orchestrator/")
        for library in libraries(file)
        if not declared.intersection(plain(name) for name in distributions.get(library, [library]))
    }
    assert not undeclared


def libraries(file: SourceFile) -> set[str]:
    """Top names of the third-party modules that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OWN


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

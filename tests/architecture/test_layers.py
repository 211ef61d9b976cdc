"""Who may import whom, and who may touch the database; the contracts are in pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.architecture.conftest import Checkout, SourceFile

# Whoever needs more of the database than an engine or a session to hand on is one of these.
SQL_FILES = ("models.py", "store.py", "queries.py", "content_rows.py")
HANDED_ON = {"Engine", "Session"}
# What can go wrong with a database is no secret of the database files.
ERRORS = "sqlalchemy.exc"
SQL_FOLDERS = ("orchestrator/core/", "orchestrator/schema/")
# The transaction at the edge, and the one around a schema revision.
COMMITTERS = {"orchestrator/core/db.py", "orchestrator/schema/env.py"}


def test_every_import_keeps_the_contracts() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([lint, "--no-cache"], check=False, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_only_the_edge_commits(checkout: Checkout) -> None:
    committing = {
        file.name
        for file in checkout.python("orchestrator/")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        # Holds are committed too, but with arguments.
        and not (node.args or node.keywords)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "begin_nested"}
    }
    assert committing <= COMMITTERS


def test_outside_of_models_stores_and_queries_nothing_but_an_engine_or_a_session_is_handed_on(
    checkout: Checkout,
) -> None:
    taken = {
        f"{file.name}: {name}"
        for file in checkout.python("orchestrator/")
        if not file.name.startswith(SQL_FOLDERS) and not file.name.endswith(SQL_FILES)
        for name in names_imported(file, "sqlmodel", "sqlalchemy") - HANDED_ON
    }
    assert not taken


def names_imported(file: SourceFile, *modules: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom) and node.module == ERRORS:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in modules:
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(
                alias.name
                for alias in node.names
                if alias.name != ERRORS and alias.name.split(".")[0] in modules
            )
    return names

"""SQL statements by name: WITH clauses are made of other blocks, and names are unique."""

from pathlib import Path

import pytest

from orchestrator.core.sql_blocks import load_sql

FILE = """-- A comment on the file.

-- name: usage
usage AS (SELECT 1 AS day)

-- name: terms
terms AS (SELECT 2 AS price)

-- name: lines
-- Every day with its price.
CREATE TABLE lines AS
-- with: usage, terms
SELECT * FROM usage, terms
"""


def test_a_with_clause_is_made_of_the_blocks_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "lines.sql").write_text(FILE)
    statements = load_sql(tmp_path / "lines.sql")
    assert statements["usage"] == "usage AS (SELECT 1 AS day)"
    assert statements["lines"].splitlines()[1:] == [
        "CREATE TABLE lines AS",
        "WITH usage AS (SELECT 1 AS day),",
        "terms AS (SELECT 2 AS price)",
        "SELECT * FROM usage, terms",
    ]


def test_a_name_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "lines.sql").write_text(FILE)
    with pytest.raises(ValueError, match="second block usage"):
        load_sql(tmp_path / "lines.sql", tmp_path / "lines.sql")


def test_a_with_clause_names_blocks_that_exist(tmp_path: Path) -> None:
    (tmp_path / "lines.sql").write_text("-- name: lines\n-- with: usage\nSELECT * FROM usage\n")
    with pytest.raises(KeyError, match="usage"):
        load_sql(tmp_path / "lines.sql")

"""SQL statements by name: WITH clauses are made of other blocks, and names are unique."""

from pathlib import Path

import pytest

from orchestrator.core.sql_blocks import load_driver_sql, load_sql

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


def test_a_block_is_included_in_another_and_in_what_that_one_includes(tmp_path: Path) -> None:
    (tmp_path / "lines.sql").write_text(
        "-- name: one\nSELECT 1\n-- name: two\n(\n    -- include: one\n)\n"
        "-- name: three\nSELECT\n-- include: two\n"
    )
    assert load_sql(tmp_path / "lines.sql")["three"] == "SELECT\n(\nSELECT 1\n)"


def test_the_driver_gets_its_own_marks_for_parameters_and_for_percents(tmp_path: Path) -> None:
    (tmp_path / "lines.sql").write_text(
        "-- name: lines\nSELECT :day::date, 'quota:' || :day WHERE x LIKE 'a%'\n"
    )
    statement = load_driver_sql(tmp_path / "lines.sql")["lines"]
    assert statement == "SELECT %(day)s::date, 'quota:' || %(day)s WHERE x LIKE 'a%%'"

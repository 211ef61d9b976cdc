from types import SimpleNamespace

from orchestrator.adapters.statement_files.tables import REPORT_TITLES
from orchestrator.billing.usage_report import COLUMNS, DepartmentYear, amounts


def line(**fen: int) -> SimpleNamespace:
    names = ("appropriated_fen", "held_fen", "committed_fen", "spent_fen", "free_fen")
    return SimpleNamespace(**{**dict.fromkeys(names, 0), **fen})


def test_a_column_sums_the_budget_lines_and_the_statements_of_the_year() -> None:
    budget = [
        line(appropriated_fen=900, held_fen=200, free_fen=700),
        line(appropriated_fen=100, free_fen=100),
    ]
    year = DepartmentYear(budget, [SimpleNamespace(total_fen=30), SimpleNamespace(total_fen=4)])
    assert amounts(year) == {
        "appropriated_fen": 1_000,
        "held_fen": 200,
        "committed_fen": 0,
        "spent_fen": 0,
        "free_fen": 800,
        "stated_fen": 34,
    }


def test_every_column_has_a_title_in_both_languages_and_in_the_files() -> None:
    assert all(column.zh and column.en for column in COLUMNS)
    assert {f"{column.zh}(元)" for column in COLUMNS} <= set(REPORT_TITLES)
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)

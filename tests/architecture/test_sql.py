"""SQL of more than five lines stands in `.sql` files, as blocks that paste into psql."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.conftest import Checkout

LONGEST_TEXT = 5
SQL = re.compile(
    r"\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|\bUPDATE \w+\s+SET\b|\bDELETE FROM\b"
    r"|\bCREATE [A-Z ]*(TABLE|FUNCTION|TRIGGER|INDEX|VIEW)\b|\bALTER (TABLE|ROLE)\b",
    re.DOTALL,
)
# A revision is a record of what was executed once; it never changes with a file beside it.
REVISIONS = "orchestrator/schema/versions/"


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every string; what is inserted into an f-string counts as one word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
            yield node.lineno, "".join(str(part) for part in parts)


def long_sql(text: str) -> bool:
    return SQL.search(text) is not None and len(text.strip().splitlines()) > LONGEST_TEXT


def test_long_sql_is_recognised() -> None:
    assert long_sql("\nSELECT a,\n b,\n c,\n d,\n e\nFROM t\n")
    assert not long_sql("\nSELECT a,\n b,\n c,\n d\nFROM t\n")
    assert not long_sql("a\nb\nc\nd\ne\nf\n")


def test_python_has_no_sql_of_more_than_five_lines(checkout: Checkout) -> None:
    files = [file for file in checkout.python("orchestrator/") if not file.name.startswith(REVISIONS)]
    assert files
    assert {
        f"{file.name}:{line}" for file in files for line, text in texts(file.tree) if long_sql(text)
    } == set()

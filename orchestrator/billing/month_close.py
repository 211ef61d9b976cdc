"""The statements of ``month_close.sql``, with the relations of the rater."""

from pathlib import Path
from typing import Final

from orchestrator.core.sql_blocks import load_sql

_FOLDER = Path(__file__).parent
MONTH_CLOSE: Final = load_sql(_FOLDER / "rating.sql", _FOLDER / "month_close.sql")

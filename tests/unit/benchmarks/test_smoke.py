import importlib
from pathlib import Path

import pytest

from benchmarks import smoke
from benchmarks.smoke import SMALLEST

FOLDER = Path(smoke.__file__).parent


def test_the_smoke_run_leaves_no_benchmark_out() -> None:
    programs = {path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text("utf-8")}
    assert programs - {"smoke"} == set(SMALLEST)


@pytest.mark.parametrize("name", sorted(SMALLEST))
def test_every_benchmark_can_be_imported(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").main)

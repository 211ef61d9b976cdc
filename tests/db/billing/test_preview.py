"""`govcloud bill preview` answers from the case alone, writes nothing, and names the mistakes of a case."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from orchestrator.billing.preview_case import Case
from tests.conftest import ROOT
from tests.postgres import Server

COUNT = "SELECT count(*) FROM "
EXAMPLES = ROOT / "docs" / "examples" / "billing"


def preview(url: str, case: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
    place = "-" if isinstance(case, str) else str(case)
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", "bill", "preview", "--input", place, *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        input=case if isinstance(case, str) else None,
    )


def rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        names = connection.execute(
            text(
                "SELECT table_schema || '.' || table_name FROM information_schema.tables"
                " WHERE table_type = 'BASE TABLE' AND table_schema IN ('public', 'queue')"
            )
        ).scalars()
        return {name: connection.execute(text(COUNT + name)).scalar_one() for name in names}


@pytest.mark.parametrize("name", ["halved", "price_cut", "every_rule"])
def test_the_documented_examples_give_the_documented_lines_on_an_empty_database(
    server: Server, name: str
) -> None:
    done = preview(server.url(), EXAMPLES / f"{name}.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (EXAMPLES / f"{name}.lines.json").read_text(encoding="utf-8")


def test_without_prices_of_its_own_a_case_is_rated_by_the_stored_ones_and_leaves_no_trace(
    engine: Engine, city_url: str, tmp_path: Path
) -> None:
    before = rows(engine)
    usage = {
        "resource": "web",
        "sku": "ECS-X86-CPU",
        "quantity": 8,
        "starts": "2019-06-19",
        "ends": "2019-07-01",
    }
    output = tmp_path / "lines.json"
    done = preview(city_url, json.dumps({"usage": [usage]}), "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert json.loads(output.read_text())["total"] == "134.40"
    assert rows(engine) == before


def case_with(**changed: Any) -> str:
    usage = {"resource": "web", "sku": "CPU", "quantity": 8, "starts": "2020-02-01", "ends": "2020-03-01"}
    catalogue = {"code": "A", "starts": "2020-01-01", "prices": [{"sku": "CPU", "price": "42.00"}]}
    return json.dumps({"catalogues": [catalogue], "usage": [usage | changed]})


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (case_with(quantity=-1), "usage.0.quantity"),
        (case_with(quantity="8.1234567"), "at most six decimals"),
        (case_with(starts="2020-02-30"), "usage.0.starts"),
        (case_with(ends="2020-02-01"), "lies after starts"),
        (case_with(state="paused"), "usage.0.state"),
        (case_with(sku="MEM"), "MEM has no price on 2020-02-01"),
        (case_with(starts="2019-12-31"), "CPU has no price on 2019-12-31"),
        (case_with(spec={"arch": "x86", "vcpu": 1, "memory_gb": 1}), "refers to no spec"),
        (case_with(colour="red"), "usage.0.colour"),
        ("{", "not JSON"),
    ],
)
def test_a_wrong_case_is_refused_with_the_field_or_the_day(server: Server, case: str, words: str) -> None:
    done = preview(server.url(), case)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_that_is_given_twice_is_refused(server: Server) -> None:
    case = json.loads(case_with())
    case["usage"].append(case["usage"][0] | {"starts": "2020-02-29"})
    done = preview(server.url(), json.dumps(case))
    assert "usage of CPU on web is given twice from 2020-02-29 on" in done.stderr


def test_the_documented_schema_is_that_of_the_case() -> None:
    written = json.loads((ROOT / "docs" / "billing" / "case.schema.json").read_text(encoding="utf-8"))
    assert written == Case.model_json_schema(by_alias=True)

"""Migration plans as people write them: every mistake at once, each with its file and line."""

from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.adapters.migration_plan_files import read_plan
from orchestrator.core.clock import CITY
from orchestrator.migrations.plan_files import MigrationPlanDocument, stored_plan, transfer_of
from orchestrator.migrations.transfer import MigrationHost

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "migration_plans" / "sample-flood-warning.yml"
SOURCE = MigrationHost("legacy-1", "127.16.0.1", {"plugin": "sandbox", "host_root": "/a"})
TARGET = MigrationHost("web", "127.17.0.1", {"plugin": "sandbox", "host_root": "/b"})
NAMES = MigrationHost("names-1", "127.18.0.1", {"plugin": "sandbox", "host_root": "/c"})


def sample() -> MigrationPlanDocument:
    plan = read_plan("sample.yml", SAMPLE.read_bytes()).plan
    assert plan is not None
    return plan


def mistakes(text: str) -> list[str]:
    return [str(each) for each in read_plan("plan.yml", text.encode()).problems]


def test_every_plan_in_the_content_folder_is_valid() -> None:
    paths = sorted((ROOT / "migration_plans").glob("*.yml"))
    assert paths
    plans = [read_plan(path.name, path.read_bytes()).plan for path in paths]
    assert [plan and plan.plan for plan in plans] == [path.stem for path in paths]


def test_all_mistakes_of_a_plan_are_reported_at_once_with_file_and_line() -> None:
    wrong = (
        SAMPLE.read_text("utf-8")
        .replace("system: SYS-019", "system: 19")
        .replace("writers: [app]", "writers: []")
        .replace("- srv/app/uploads", "- ../etc")
        .replace("pause_budget_ms: 2000", "pause_budget_ms: 0")
        + "unknown: 1\n"
    )
    problems = mistakes(wrong)
    lines = {int(each.split(":")[1]) for each in problems}
    assert all(each.startswith("plan.yml:") for each in problems)
    assert lines == {
        number
        for number, line in enumerate(wrong.splitlines(), 1)
        if any(word in line for word in ("system: 19", "writers: []", "../etc", "budget_ms: 0", "unknown"))
    }


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("  workspace: legacy", "  address: 10.0.0.1", "is named by its workspace"),
        (
            "reached_by: sandbox\n  workspace: legacy",
            "reached_by: ssh\n  workspace: legacy",
            "by its address",
        ),
        ("host: legacy-1", "host: web", "named twice"),
        ("trial_days: 0", "windows: [{begins: 2019-06-20, ends: 2019-06-21 00:00}]", "2019-06-19 22:00"),
        (
            "trial_days: 0",
            'windows: [{begins: "2019-06-20 01:00", ends: "2019-06-20 00:00"}]',
            "after it begins",
        ),
    ],
)
def test_a_contradiction_is_reported_in_words(good: str, bad: str, said: str) -> None:
    assert said in "\n".join(mistakes(SAMPLE.read_text("utf-8").replace(good, bad)))


def test_an_escape_that_writes_an_unstorable_character_is_reported_at_its_field() -> None:
    title = next(line for line in SAMPLE.read_text().splitlines() if line.startswith("title:"))
    for escape in (r"\0", r"\ud800"):
        problems = mistakes(SAMPLE.read_text().replace(title, f'title: "a{escape}b"'))
        assert problems
        assert all(problem.startswith("plan.yml:") for problem in problems)


def test_the_plan_names_no_address_of_the_target_and_the_transfer_takes_it_from_outside() -> None:
    moved = transfer_of(sample(), "MG-2019-0001", SOURCE, TARGET, NAMES)
    assert "address" not in sample().model_dump()["target"]
    assert (moved.key, moved.target.address, moved.budget_ms) == ("mg20190001", "127.17.0.1", 2000)
    assert moved.movers == ("postgresql_logical", "files_stream")


@pytest.mark.invariant(30)
def test_a_cutover_may_begin_inside_a_window_of_the_plan_only() -> None:
    text = SAMPLE.read_text("utf-8") + 'windows: [{begins: "2019-06-19 22:00", ends: "2019-06-20 02:00"}]\n'
    plan = read_plan("plan.yml", text.encode()).plan
    assert plan is not None
    evening = datetime(2019, 6, 19, 22, 0, tzinfo=CITY)
    assert plan.may_cut_over(evening)
    assert not plan.may_cut_over(evening.replace(hour=21, minute=59))
    assert not plan.may_cut_over(datetime(2019, 6, 20, 2, 0, tzinfo=CITY))
    assert sample().may_cut_over(evening)


def test_a_stored_plan_is_the_same_plan() -> None:
    assert stored_plan(sample().model_dump(mode="json")) == sample()
    assert stored_plan(sample().model_dump(mode="json")).digest() == sample().digest()

"""The policy pack is complete and quotes the notice exactly; mistakes in a pack are reported."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from orchestrator.adapters.policy_files import InvalidPack, load_pack
from orchestrator.core.calendar import Deadline, add_working_days
from orchestrator.policies.judgements import JUDGES
from orchestrator.policies.pack import CalendarDocument, DutyRole, Rule

FOLDER = Path(__file__).resolve().parents[3] / "policies" / "xinyu-2019"
PACK = load_pack(FOLDER)
QUOTED = [rule for rule in PACK.rules if rule.quote_zh]


@pytest.mark.parametrize("rule", QUOTED, ids=lambda rule: rule.id)
def test_every_quote_is_whole_sentences_of_the_notice_at_its_position(rule: Rule) -> None:
    assert rule.quote_start is not None
    assert PACK.notice_zh[rule.quote_start : rule.quote_end] == rule.quote_zh
    assert rule.quote_start == 0 or PACK.notice_zh[rule.quote_start - 1] in "。\n"
    assert rule.quote_zh is not None
    assert rule.quote_zh.endswith("。")


@pytest.mark.parametrize("rule", QUOTED, ids=lambda rule: rule.id)
def test_every_quote_stands_in_the_clause_it_names(rule: Rule) -> None:
    before = PACK.notice_zh[: rule.quote_start]
    starts = [number for number in range(1, 17) if f"\n{number}." in before]
    assert rule.clause == str(max(starts, default=0))


def test_the_pack_has_the_thirty_rules() -> None:
    assert [rule.id for rule in PACK.rules] == [f"R-{number:02d}" for number in range(1, 31)]


def test_a_rule_is_judged_on_requests_exactly_when_a_function_judges_it() -> None:
    assert {rule.id for rule in PACK.rules if "request" in rule.judged_at} == set(JUDGES)


def test_the_text_of_the_notice_carries_no_repair_log() -> None:
    assert "repair log" not in PACK.notice_zh
    assert PACK.notice_zh.startswith(PACK.head.notice_title_zh)


def test_the_contradicting_dates_of_the_duty_list_are_both_kept() -> None:
    due = {deadline.id: deadline for deadline in PACK.deadlines}
    assert due["DL-01"].due == date(2019, 6, 30)
    assert (due["DL-07"].due, due["DL-07"].replaces) == (date(2019, 9, 30), "DL-01")
    assert due["DL-10"].yearly == "05-31"


def test_the_calendars_of_2019_to_2026_are_loaded() -> None:
    assert [document.year for document in PACK.calendars] == list(range(2019, 2027))


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2025, 1, 24), 3, date(2025, 2, 5)),
        (date(2019, 6, 6), 1, date(2019, 6, 10)),
        (date(2019, 4, 26), 3, date(2019, 4, 30)),
        (date(2019, 9, 27), 3, date(2019, 10, 8)),
        (date(2020, 1, 23), 1, date(2020, 2, 3)),
    ],
)
def test_a_deadline_follows_the_official_holidays_and_make_up_days(start: date, days: int, end: date) -> None:
    assert add_working_days(start, days, PACK.calendar) == Deadline(end, provisional=False)


@pytest.mark.parametrize("document", PACK.calendars, ids=lambda document: str(document.year))
def test_every_make_up_day_is_a_weekend_day_that_is_no_holiday(document: CalendarDocument) -> None:
    year = document.calendar_year()
    assert year.make_up_days
    for day in year.make_up_days:
        assert day.weekday() >= 5
        assert day not in year.days_off


def test_the_time_limits_are_those_promised() -> None:
    limits = {limit.step: (limit.count, limit.unit) for limit in PACK.time_limits}
    assert limits["accept"] == (3, "working_days")
    assert limits["trial"] == (15, "calendar_days")
    assert PACK.time_limit("review").count == 2
    assert PACK.trial_days == 15


def test_no_body_decides_on_itself() -> None:
    substitutes = {(one.organisation, one.role): one.by_organisation for one in PACK.duties.substitutes}
    assert substitutes[("XXH", DutyRole.CENTRE_APPROVER)] == "ZHB"
    assert substitutes[("ZHB", DutyRole.SMART_CITY_OFFICE)] == "XXH"
    assert substitutes[("FGW", DutyRole.DRC_OFFICER)] == "GOV"
    assert substitutes[("CZJ", DutyRole.FINANCE)] == "GOV"


def test_the_acts_on_one_change_exclude_each_other_pairwise() -> None:
    acts = {act.act: set(act.never_with) for act in PACK.duties.acts}
    chain = ["draft_request", "endorse_request", "author_plan", "approve_plan", "apply_plan"]
    assert [set(chain[:position]) - acts[act] for position, act in enumerate(chain)] == [set()] * len(chain)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "pack")
    return tmp_path / "pack"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("rules.yml", "市政府各部门明确一名信息主官", "市政府各部门明确两名信息主官", "a different text"),
        ("rules.yml", "id: R-30", "id: R-29", "already given"),
        ("rules.yml", "judged_at: [exemption]", "judged_at: [request]", "no function judges R-02"),
        ("rules.yml", '    clause: "1"\n', "", "only with basis notice"),
        ("rules.yml", "effect: refuse", "effect: shout", "'refuse'"),
        ("rules.yml", "：$detail", "：$details", "pattern"),
        ("pack.yml", '"100000.00"', "100000", "quoted string"),
        ("duties.yml", "never_with: [draft_request]", "never_with: [sing]", 'no other act "sing"'),
        ("duties.yml", "by_organisation: GOV", "by_organisation: CZJ", "another organisation"),
        ("calendar/2019.yml", "year: 2019", "year: 2020", "must lie in 2020"),
        ("time_limits.yml", "step: review", "step: accept", "already given"),
        ("deadlines.yml", "due: 2019-06-30", "yearly: 06-30\n    due: 2019-06-30", "either due or yearly"),
    ],
)
def test_a_mistake_in_a_pack_is_named_with_its_file(
    folder: Path, file: str, old: str, new: str, message: str
) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidPack) as caught:
        load_pack(folder)
    assert any(problem.file == file and message in problem.message for problem in caught.value.problems)


def test_a_quote_that_starts_inside_a_sentence_is_refused(folder: Path) -> None:
    rule = PACK.rule("R-26")
    assert rule.quote_zh is not None
    assert rule.quote_start is not None
    text = (folder / "rules.yml").read_text(encoding="utf-8")
    text = text.replace(rule.quote_zh, rule.quote_zh[5:])
    text = text.replace(f"quote_start: {rule.quote_start}", f"quote_start: {rule.quote_start + 5}")
    (folder / "rules.yml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidPack, match="whole sentences"):
        load_pack(folder)


@pytest.mark.parametrize("file", ["pack.yml", "rules.yml", "notice.zh.txt", "duties.yml"])
def test_a_pack_without_one_of_its_files_is_refused(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(InvalidPack, match=file):
        load_pack(folder)


def test_a_year_whose_calendar_is_missing_is_provisional(folder: Path) -> None:
    (folder / "calendar/2026.yml").unlink()
    calendar = load_pack(folder).calendar
    assert add_working_days(date(2025, 12, 31), 2, calendar).provisional


def test_the_digest_changes_with_the_content_of_the_pack(folder: Path) -> None:
    assert load_pack(folder).digest == PACK.digest
    text = (folder / "pack.yml").read_text(encoding="utf-8")
    (folder / "pack.yml").write_text(text.replace('"100000.00"', '"100000.01"'), encoding="utf-8")
    assert load_pack(folder).digest != PACK.digest

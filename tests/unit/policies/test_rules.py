"""The verdicts of the policy pack on requests, rule by rule."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.policy_files import load_pack
from orchestrator.policies.classified_marks import has_mark
from orchestrator.policies.facts import (
    BudgetClaim,
    Claim,
    LineFacts,
    LiveExemption,
    PricePeriod,
    RequestFacts,
    SystemFacts,
)
from orchestrator.policies.pack import JudgedKind
from orchestrator.policies.rules import RuleResult, Verdict, is_stopped, judge_request, required_approvals

PACK = load_pack(Path(__file__).resolve().parents[3] / "policies" / "xinyu-2019")
DAY = date(2019, 6, 19)
SYSTEM = SystemFacts("SYS-019", "non_classified_confirmed", 2, zombie=False)
GOOD = RequestFacts(
    kind=JudgedKind.PROVISION,
    day=DAY,
    organisation="SLJ",
    organisation_kind="city_dept",
    texts={"title": "山洪预警扩容", "justification": "本系统为非涉密系统"},
    lines=(LineFacts("web-1", ("ECS-X86-CPU", "EVS-SSD")),),
    system=SYSTEM,
    officer_filing="current",
    quota=(Claim("production/vcpu", 8, 24, 0, 32),),
    pools=(Claim("EXT-X86/vcpu", 8, 0, 0, 1600),),
    budget=(BudgetClaim("SLJ/2019", 600_000, 5_000_000, 0, 0, 0),),
    yearly_cost_fen=10_000_000,
    prices=(
        PricePeriod("ECS-X86-CPU", date(2019, 5, 1), date(2021, 1, 1)),
        PricePeriod("EVS-SSD", DAY, None),
    ),
    priced_days=(DAY, date(2020, 1, 1)),
)


LEVEL_3 = replace(SYSTEM, mlps_level=3)


def judged(rule_id: str, **changes: Any) -> RuleResult:
    (result,) = [one for one in judge_request(replace(GOOD, **changes), PACK) if one.rule_id == rule_id]
    return result


def with_system(**changes: Any) -> SystemFacts:
    return replace(SYSTEM, **changes)


def test_a_sound_request_passes_every_rule() -> None:
    results = judge_request(GOOD, PACK)
    assert {result.verdict for result in results} == {Verdict.PASS}
    assert not is_stopped(results)
    assert [result.rule_id for result in results] == sorted(result.rule_id for result in results)


def test_a_request_without_facts_is_stopped_and_says_what_is_missing() -> None:
    bare = RequestFacts(JudgedKind.PROVISION, DAY, "SLJ", "city_dept")
    results = {result.rule_id: result for result in judge_request(bare, PACK)}
    unknown = {rule for rule, result in results.items() if result.verdict is Verdict.UNKNOWN}
    assert unknown == {"R-09", "R-16", "R-17", "R-26", "R-27", "R-28", "R-30"}
    assert results["R-16"].missing == ("quota", "pools")
    assert all(results[rule].stops for rule in unknown)
    assert required_approvals(bare, PACK) == ("centre_approver", "smart_city_office", "finance")


def test_every_refusal_cites_its_clause_and_a_whole_sentence() -> None:
    result = judged("R-26", officer_filing="lapsed")
    assert result.clause == "13"
    assert result.quote_zh.startswith("市政府各部门明确一名信息主官")
    assert "lapsed" in result.message_zh
    assert "lapsed" in result.message_en


@pytest.mark.parametrize(
    "text",
    [
        "机密★10年",
        "★绝密",
        "秘密 ★ 长期",
        "机密",
        "【机密】",
        "# 绝密\n正文",
        "正文\n密级：秘密\n正文",
        "机密级",
        "本系统涉密",
        "涉 密 系统",
        "涉\u200b密",
        "非涉密部分以外涉密",
        "Ⓧ 絕密★",
        "是否涉密:是",
    ],
)
def test_a_mark_of_classification_is_refused_and_nothing_of_it_is_kept(text: str) -> None:
    results = judge_request(replace(GOOD, texts={"justification": text, "title": "x"}), PACK)
    (result,) = results
    assert (result.rule_id, result.verdict, result.stops) == ("R-01", Verdict.REFUSE, True)
    assert result.facts == (("fields", "justification"),)
    assert text not in repr(result)


@pytest.mark.parametrize(
    "text",
    [
        "本系统为非涉密系统",
        "本系统不涉密",
        "非 涉密",
        "保护商业秘密和个人信息",
        "机密性要求高",
        "协同办公系统（非密）",
        "",
    ],
)
def test_ordinary_words_are_no_mark_of_classification(text: str) -> None:
    assert judged("R-01", texts={"title": text}).verdict is Verdict.PASS


def test_a_long_line_of_signs_after_a_word_takes_no_long_time() -> None:
    assert not has_mark("机密" + "-" * 200_000 + "x")


@pytest.mark.parametrize("kind", JudgedKind)
def test_a_mark_is_refused_on_every_kind_of_request(kind: JudgedKind) -> None:
    assert judged("R-01", kind=kind, texts={"title": "机密★"}).stops


@pytest.mark.parametrize(
    ("category", "verdict"),
    [
        ("server", Verdict.REFUSE),
        ("storage_device", Verdict.REFUSE),
        ("machine_room", Verdict.REFUSE),
        ("rack", Verdict.REFUSE),
        ("ups", Verdict.REFUSE),
        ("network_device", Verdict.ESCALATE),
        ("security_device", Verdict.ESCALATE),
        ("terminal", Verdict.PASS),
        ("cloud_service", Verdict.PASS),
        ("teapot", Verdict.UNKNOWN),
    ],
)
def test_hardware_is_judged_by_the_category_of_its_line(category: str, verdict: Verdict) -> None:
    assert judged("R-04", lines=(LineFacts("rack-1", category=category),)).verdict is verdict


def test_hardware_is_never_found_by_reading_a_text() -> None:
    assert judged("R-04", texts={"lines.web-1.label": "机架式服务器 4 台"}).verdict is Verdict.PASS


def test_refused_hardware_names_the_service_to_use_instead() -> None:
    result = judged("R-04", lines=(LineFacts("h-1", category="server"),))
    assert "h-1: server → ECS-X86-CPU" in result.message_zh
    assert result.clause == "1"


@pytest.mark.parametrize(
    ("exemption", "verdict"),
    [
        (LiveExemption("SYS-019", "hardware", "national", date(2019, 6, 20)), Verdict.PASS),
        (LiveExemption("SYS-019", "hardware", "national", DAY), Verdict.REFUSE),
        (LiveExemption("SYS-019", "hardware", "provincial", date(2020, 1, 1)), Verdict.REFUSE),
        (LiveExemption("SYS-019", "room", "national", date(2020, 1, 1)), Verdict.REFUSE),
        (LiveExemption("SYS-001", "hardware", "national", date(2020, 1, 1)), Verdict.REFUSE),
    ],
)
def test_only_a_live_national_exemption_of_the_system_excuses_hardware(
    exemption: LiveExemption, verdict: Verdict
) -> None:
    lines = (LineFacts("h-1", category="server"),)
    assert judged("R-04", lines=lines, exemptions=(exemption,)).verdict is verdict


def test_a_big_screen_is_refused_unless_a_national_or_provincial_basis_excuses_it() -> None:
    lines = (LineFacts("wall", category="big_screen"),)
    excuse = LiveExemption("SYS-019", "big_screen", "provincial", date(2020, 1, 1))
    assert judged("R-06", lines=lines).verdict is Verdict.REFUSE
    assert judged("R-06", lines=lines, exemptions=(excuse,)).verdict is Verdict.PASS


def test_without_a_valid_certificate_nothing_new_enters_production() -> None:
    lapsed = date(2020, 4, 15)
    assert judged("R-08", day=date(2020, 4, 14)).verdict is Verdict.PASS
    assert judged("R-08", day=lapsed).verdict is Verdict.BLOCK
    assert judged("R-08", day=lapsed, zone_class="trial").verdict is Verdict.PASS
    release = judge_request(replace(GOOD, kind=JudgedKind.RELEASE, day=lapsed), PACK)
    assert "R-08" not in {result.rule_id for result in release}


@pytest.mark.parametrize(
    ("level", "verdict"),
    [
        (2, Verdict.PASS),
        (3, Verdict.PASS),
        (4, Verdict.REFUSE),
        (0, Verdict.UNKNOWN),
        (None, Verdict.UNKNOWN),
    ],
)
def test_a_system_above_the_level_of_the_platform_is_refused(level: int | None, verdict: Verdict) -> None:
    assert judged("R-09", system=with_system(mlps_level=level)).verdict is verdict


def test_exactly_at_the_quota_passes_and_one_more_is_blocked() -> None:
    assert judged("R-16", quota=(Claim("production/vcpu", 8, 20, 4, 32),)).verdict is Verdict.PASS
    result = judged("R-16", quota=(Claim("production/vcpu", 9, 20, 4, 32),))
    assert result.verdict is Verdict.BLOCK
    assert "production/vcpu: 9 + 20 + 4 > 32" in result.message_en


def test_the_pool_is_judged_as_the_quota_is() -> None:
    assert judged("R-16", pools=(Claim("EXT-X86/vcpu", 8, 1590, 3, 1600),)).verdict is Verdict.BLOCK


def test_a_request_that_takes_nothing_of_a_class_passes_even_where_it_is_overdrawn() -> None:
    assert judged("R-16", quota=(Claim("production/block_gb", 0, 5, 5, 8),)).verdict is Verdict.PASS


def test_the_cost_until_the_end_of_the_year_fits_the_free_budget_to_the_fen() -> None:
    line = BudgetClaim("SLJ/2019", 1_000, 5_000, 1_000, 2_000, 1_000)
    assert judged("R-17", budget=(line,)).verdict is Verdict.PASS
    over = judged("R-17", budget=(replace(line, projected_fen=1_001),))
    assert over.verdict is Verdict.BLOCK
    assert "10.01 > 10.00" in over.message_zh


@pytest.mark.parametrize("filing", ["lapsed", "never_filed"])
def test_a_city_department_without_a_current_officer_is_blocked_and_others_are_warned(filing: str) -> None:
    assert judged("R-26", officer_filing=filing).verdict is Verdict.BLOCK
    county = judged("R-26", officer_filing=filing, organisation_kind="county")
    assert (county.verdict, county.stops) == (Verdict.WARN, False)
    unknown = judged("R-26", officer_filing=None, organisation_kind="county")
    assert (unknown.verdict, unknown.stops) == (Verdict.UNKNOWN, False)


@pytest.mark.parametrize("kind", ["release", "shrink", "renew", "security_change", "rollback"])
def test_a_lapsed_filing_never_stops_what_is_not_new(kind: str) -> None:
    results = judge_request(replace(GOOD, kind=kind, officer_filing="lapsed"), PACK)  # type: ignore[arg-type]
    assert "R-26" not in {result.rule_id for result in results}
    assert not is_stopped(results)


def test_a_release_needs_no_quota_budget_or_price() -> None:
    facts = RequestFacts(
        JudgedKind.RELEASE, DAY, "SLJ", "city_dept", system=with_system(classification="mixed", zombie=True)
    )
    assert not is_stopped(judge_request(facts, PACK))


@pytest.mark.parametrize("classification", ["undetermined", "mixed"])
def test_what_is_not_confirmed_as_non_classified_is_blocked(classification: str) -> None:
    assert judged("R-27", system=with_system(classification=classification)).verdict is Verdict.BLOCK


def test_a_zombie_system_gets_nothing_new() -> None:
    assert judged("R-28", system=with_system(zombie=True)).verdict is Verdict.BLOCK


def test_level_3_and_large_amounts_ask_for_further_approval_without_stopping() -> None:
    result = judged("R-29", system=LEVEL_3, yearly_cost_fen=10_000_001)
    assert (result.verdict, result.stops) == (Verdict.ESCALATE, False)
    assert "smart_city_office, finance" in result.message_en


@pytest.mark.parametrize(
    ("changes", "roles"),
    [
        ({}, ("centre_approver",)),
        ({"system": LEVEL_3}, ("centre_approver", "smart_city_office")),
        ({"yearly_cost_fen": 10_000_000}, ("centre_approver",)),
        ({"yearly_cost_fen": 10_000_001}, ("centre_approver", "finance")),
        ({"lines": (LineFacts("n", category="network_device"),)}, ("centre_approver", "smart_city_office")),
        ({"organisation": "XXH"}, ("smart_city_office",)),
        (
            {"organisation": "XXH", "system": LEVEL_3},
            ("smart_city_office", "smart_city_office"),
        ),
        (
            {"organisation": "ZHB", "system": LEVEL_3},
            ("centre_approver", "centre_approver"),
        ),
    ],
)
def test_the_approvals_that_a_request_needs(changes: dict[str, Any], roles: tuple[str, ...]) -> None:
    assert required_approvals(replace(GOOD, **changes), PACK) == roles


@pytest.mark.parametrize(
    ("periods", "wrong"),
    [
        ([(date(2019, 5, 1), date(2021, 1, 1))], None),
        ([(date(2019, 5, 1), date(2019, 9, 1)), (date(2019, 9, 1), None)], None),
        ([(date(2019, 5, 1), date(2019, 9, 1)), (date(2019, 9, 2), None)], "2019-09-01: 0"),
        ([(date(2019, 5, 1), date(2019, 9, 2)), (date(2019, 9, 1), None)], "2019-09-01: 2"),
        ([(date(2019, 6, 20), None)], "2019-06-19: 0"),
        ([(date(2019, 5, 1), date(2019, 12, 31))], "2019-12-31: 0"),
        ([(date(2019, 5, 1), date(2020, 1, 1))], None),
        ([], "2019-06-19: 0"),
    ],
)
def test_every_quoted_day_needs_exactly_one_price(
    periods: list[tuple[date, date | None]], wrong: str | None
) -> None:
    prices = tuple(PricePeriod("BAK-VM", since, until) for since, until in periods)
    result = judged("R-30", lines=(LineFacts("web-1", ("BAK-VM",)),), prices=prices)
    assert result.verdict is (Verdict.BLOCK if wrong else Verdict.PASS)
    assert wrong is None or wrong in result.message_en

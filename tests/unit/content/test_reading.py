"""Reading the content reports every mistake at once, with file and line; invalid content is not loaded."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters.content_files import ContentReading, read_content

QUOTAS = Path(__file__).resolve().parents[3] / "quotas"
SLJ = "quotas/departments/SLJ.yml"
CATALOGUE = "quotas/price_catalogues/CAT-2021-01.yml"
SYSTEMS = "quotas/systems.yml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(QUOTAS, tmp_path / "quotas")
    return tmp_path


def edit(folder: Path, file: str, old: str, new: str) -> int:
    """Replace the first occurrence and return its line number."""
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def only(reading: ContentReading) -> tuple[str, int, str, str]:
    assert reading.bundle is None
    (problem,) = reading.problems
    return problem.file, problem.line, problem.field, problem.message


def test_all_mistakes_of_all_files_are_reported_at_once_sorted(folder: Path) -> None:
    edit(folder, SLJ, "vcpu: 32", "vcpu: many")
    edit(folder, SLJ, '"50000.00"', "50000")
    edit(folder, SYSTEMS, "[SYS-010, SYS-028]", "[SYS-010, SYS-999]")
    edit(folder, "quotas/resource_pools.yml", "arch: arm", "arch: z80")
    reading = read_content(folder)
    assert reading.bundle is None
    assert list(reading.problems) == sorted(reading.problems)
    assert {problem.file for problem in reading.problems} == {
        SLJ,
        "quotas/systems.yml",
        "quotas/resource_pools.yml",
    }
    assert len(reading.problems) == 4


MISTAKES: dict[str, tuple[str, str, str, str, str]] = {
    "a text that cannot be stored": (
        SYSTEMS,
        "os: CentOS 7.6",
        r'os: "Cent\0OS"',
        "systems[0].source.os",
        "the text contains U+0000",
    ),
    "a field whose name cannot be stored": (
        SYSTEMS,
        "arch: x86",
        r'"ar\0ch": x86',
        "systems[0].source",
        "the name of a field contains U+0000",
    ),
    "a number that is none": (SLJ, "vcpu: 32", "vcpu: many", "quota.vcpu", "valid integer"),
    "a negative size": (SLJ, "vcpu: 32", "vcpu: -1", "quota.vcpu", "greater than or equal to 0"),
    "a truth value as a size": (SLJ, "vcpu: 32", "vcpu: true", "quota.vcpu", "valid integer"),
    "an unknown field": (SLJ, "mbps: 100", "mbps: 100\n  speed: 3", "access_link.speed", "unknown"),
    "an amount without decimals": (
        SLJ,
        '"50000.00"',
        '"50000.0"',
        "budget_lines[0].appropriated",
        "not an amount",
    ),
    "a negative amount": (
        SLJ,
        '"50000.00"',
        '"-50000.00"',
        "budget_lines[0].appropriated",
        "must not be negative",
    ),
    "an unknown kind": (SLJ, "kind: city_dept", "kind: bureau", "kind", "'city_dept'"),
    "an unknown role": (SLJ, "[department_clerk]", "[king]", "people[0].roles[0]", "'department_clerk'"),
    "a day that does not exist": (
        SLJ,
        "2019-05-20",
        "2019-02-30",
        "officer_filings[0].filed_on",
        "2019-06-19",
    ),
    "an unknown parent": (
        SLJ,
        "kind: city_dept",
        "parent: NIX\nkind: city_dept",
        "parent",
        'no organisation "NIX"',
    ),
    "a parent that is itself": (
        SLJ,
        "kind: city_dept",
        "parent: SLJ\nkind: city_dept",
        "parent",
        "its own ancestor",
    ),
    "another code than the file": (SLJ, "code: SLJ", "code: SLX", "code", "SLX.yml"),
    "a code that is taken": (SLJ, "slj.clerk", "rsj.clerk", "people[0].username", "already declared"),
    "an unknown officer": (
        SLJ,
        "officer: slj.officer",
        "officer: no.body",
        "officer_filings[0].officer",
        "no.body",
    ),
    "an officer without the role": (
        SLJ,
        "officer: slj.officer",
        "officer: slj.clerk",
        "officer_filings[0].officer",
        "not an information officer",
    ),
    "a line break in a name": (SLJ, "name_zh: 市水利局", 'name_zh: "市水\\n利局"', "name_zh", "line breaks"),
    "an unknown SKU": (CATALOGUE, "sku: BAK-DB", "sku: BAK-XX", "prices[0].sku", 'no SKU "BAK-XX"'),
    "a percentage for a plain SKU": (
        CATALOGUE,
        'price: "0.40"',
        "percent_of_spec: 3",
        "prices[0]",
        "give price",
    ),
    "two kinds of price": (
        CATALOGUE,
        'price: "0.40"',
        'price: "0.40"\n    percent_of_spec: 3',
        "prices[0]",
        "one of price",
    ),
    "overlapping catalogues": (
        CATALOGUE,
        "valid_from: 2021-01-01",
        "valid_from: 2020-12-31",
        "valid_from",
        "overlap",
    ),
    "a gap between catalogues": (
        CATALOGUE,
        "valid_from: 2021-01-01",
        "valid_from: 2021-01-02",
        "valid_from",
        "no catalogue covers",
    ),
    "an unknown pool": (
        SYSTEMS,
        "pool: EXT-ARM",
        "pool: EXT-ARX",
        "systems[16].target.pool",
        'no pool "EXT-ARX"',
    ),
    "an unknown department": (
        SYSTEMS,
        "department: XGW",
        "department: XXX",
        "systems[0].department",
        'no organisation "XXX"',
    ),
    "a dependency on itself": (SYSTEMS, "[SYS-010, SYS-028]", "[SYS-001]", "systems[0].depends[0]", "itself"),
    "a system given twice": (
        SYSTEMS,
        "code: SYS-028",
        "code: SYS-027",
        "systems[27].code",
        "already declared",
    ),
    "a step of nothing": ("quotas/quota_rules.yml", "  vcpu: 8", "  vcpu: 0", "", "at least 1"),
    "a duplicate key": (
        SLJ,
        "kind: city_dept",
        "kind: city_dept\nkind: county",
        "kind",
        "already given in line 4",
    ),
    "an alias": (SLJ, "vcpu: 32", "vcpu: &size 32", "", "anchors and aliases"),
    "a tag": (SLJ, "vcpu: 32", "vcpu: !!python/object:os.system 32", "", "tags are not accepted"),
    "a second document": (SLJ, "access_link:", "---\naccess_link:", "", "one document"),
    "a control sign": (SLJ, "市水利局", "市水\u200b\x07利局", "", "U+0007"),
    "broken YAML": (SLJ, "  vcpu: 32", "  vcpu: [32", "", "did not find"),
    "deep nesting": (SLJ, "vcpu: 32", "vcpu: " + "[" * 20 + "]" * 20, "", "nested deeper"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_once_at_its_file_and_field(folder: Path, name: str) -> None:
    file, old, new, field, message = MISTAKES[name]
    line = edit(folder, file, old, new)
    problems = [problem for problem in read_content(folder).problems if message in problem.message]
    assert [(problem.file, problem.field) for problem in problems] == [(file, field)]
    assert problems[0].line in range(line - 1, line + 3) or field == ""


def test_a_mistake_in_one_system_does_not_hide_a_wrong_reference_in_another(folder: Path) -> None:
    edit(folder, SYSTEMS, "mlps_level: 3", "mlps_level: three")
    edit(folder, SYSTEMS, "[SYS-003]", "[SYS-777]")
    fields = [problem.field for problem in read_content(folder).problems]
    assert fields == ["systems[0].mlps_level", "systems[24].depends[0]"]


def test_a_mistake_in_a_declaration_is_not_reported_again_where_it_is_used(folder: Path) -> None:
    edit(folder, "quotas/departments/XGW.yml", "kind: city_dept", "kind: bureau")
    assert only(read_content(folder))[:3] == ("quotas/departments/XGW.yml", 4, "kind")


@pytest.mark.parametrize("file", [SYSTEMS, "quotas/skus.yml", "quotas/quota_rules.yml"])
def test_a_missing_file_is_a_problem(folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert any(p.file == file and "missing" in p.message for p in read_content(folder).problems)


@pytest.mark.parametrize("file", [f"{SLJ[:-4]}.yaml", "quotas/more.yml", "quotas/departments/x/Y.yml"])
def test_a_file_in_an_unknown_place_is_a_problem_instead_of_being_skipped(folder: Path, file: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("code: X1\n", encoding="utf-8")
    assert only(read_content(folder))[0] == file


def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder / "quotas/departments/NEW.yml").symlink_to("/etc/passwd")
    assert "ordinary" in only(read_content(folder))[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "UTF-8"),
        (lambda path: path.write_bytes(b"a: " + b"x" * 1_000_001), "larger"),
        (lambda path: path.write_bytes(b"# nothing\n"), "empty"),
    ],
)
def test_a_file_that_is_no_readable_text_is_a_problem(
    folder: Path, change: Callable[[Path], object], message: str
) -> None:
    change(folder / SLJ)
    assert any(
        problem.file == SLJ and message in problem.message for problem in read_content(folder).problems
    )


def test_an_empty_folder_names_every_missing_file(tmp_path: Path) -> None:
    assert len(read_content(tmp_path).problems) == 4


def test_comments_order_and_layout_do_not_change_the_digest(folder: Path) -> None:
    before = read_content(folder).bundle
    text = (folder / SLJ).read_text(encoding="utf-8")
    first, rest = re.split(r"(?<=\n)", text, maxsplit=1)
    (folder / SLJ).write_text(f"# moved\n{rest}\n{first}", encoding="utf-8")
    after = read_content(folder).bundle
    assert before is not None
    assert after is not None
    assert before.digest == after.digest


def test_the_words_no_and_1_30_stay_texts(folder: Path) -> None:
    edit(folder, SLJ, "name_en: Water Resources Bureau", "name_en: no")
    bundle = read_content(folder).bundle
    assert bundle is not None
    assert bundle.rows()[("organisation", "SLJ")]["name_en"] == "no"


def test_a_problem_reads_like_a_compilers_message(folder: Path) -> None:
    edit(folder, SLJ, "vcpu: 32", "vcpu: many")
    (problem,) = read_content(folder).problems
    assert str(problem).startswith(f"{SLJ}:6:3: quota.vcpu: ")

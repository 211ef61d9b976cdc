"""Reports of `make audit` and `make outdated` from the answers of pip-audit, npm and uv."""

from typing import Any

import pytest

from tools import audit, outdated

CLEAN_PACKAGE: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
SKIPPED_PACKAGE: dict[str, Any] = {"name": "b", "skip_reason": "not found"}
FAULTY_PACKAGE: dict[str, Any] = {
    "name": "c",
    "version": "2",
    "vulns": [{"id": "X-1", "fix_versions": ["2.1"]}, {"id": "X-2", "fix_versions": []}],
}


@pytest.mark.parametrize(
    ("packages", "code"),
    [
        ([CLEAN_PACKAGE], audit.CLEAN),
        ([CLEAN_PACKAGE, SKIPPED_PACKAGE], audit.NOT_COMPARED),
        ([CLEAN_PACKAGE, FAULTY_PACKAGE], audit.FOUND),
        ([SKIPPED_PACKAGE, FAULTY_PACKAGE], audit.FOUND),
    ],
)
def test_a_list_is_clean_only_if_every_package_was_compared(packages: list[Any], code: int) -> None:
    verdict = audit.judge_python({"dependencies": packages})
    assert verdict.code == code
    assert any("NOT COMPARED" in line for line in verdict.lines) is (SKIPPED_PACKAGE in packages)


def test_each_advisory_is_named_with_the_version_that_mends_it() -> None:
    assert audit.judge_python({"dependencies": [FAULTY_PACKAGE]}).lines == [
        "c 2: X-1, fixed in 2.1",
        "c 2: X-2, fixed in no version yet",
    ]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"vulnerabilities": {}}, audit.CLEAN),
        ({"vulnerabilities": {"echarts": {"severity": "high"}}}, audit.FOUND),
        ({"message": "405 Method Not Allowed"}, audit.NOT_COMPARED),
    ],
)
def test_an_npm_registry_without_advisories_is_no_clean_result(document: dict[str, Any], code: int) -> None:
    assert audit.judge_npm(document).code == code


def test_a_package_is_outdated_if_there_is_a_version_that_no_list_has() -> None:
    locked = outdated.versions(
        "a==1 \\\n    --hash=sha256:0\n"
        "b[x]==1 ; python_full_version < '3.12' \\\n"
        "b==2 ; python_full_version >= '3.12' \\\n"
    )
    assert locked == {"a": {"1"}, "b": {"1", "2"}}
    assert outdated.newer(locked, {"a": {"1"}, "b": {"1", "2"}}) == []
    assert outdated.newer(locked, {"a": {"1.1"}, "b": {"1", "3"}}) == [
        ("a", "1", "1.1"),
        ("b", "1, 2", "1, 3"),
    ]

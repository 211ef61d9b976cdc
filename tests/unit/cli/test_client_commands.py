"""Output, storage and calls of a command, without a service."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.cli import connection
from orchestrator.cli.request_files import BadFile, read_request
from orchestrator.cli.showing import cny, when
from orchestrator.client.connection import ApiProblem, Unreachable
from orchestrator.core.errors import NotFound
from orchestrator.refusals import explain, problem_lines

HEAVY = {"alembic", "fastapi", "httpx2", "procrastinate", "psycopg", "pydantic", "sqlalchemy", "uvicorn"}
LINE: dict[str, Any] = {
    "key": "sms",
    "label": "短信",
    "pool": "EXT-X86",
    "vcpu": 2,
    "memory_gb": 8,
    "disk_gb": 100,
}
REQUEST: dict[str, Any] = {
    "system": "SYS-019",
    "title": "雨情短信节点",
    "justification": "汛期短信发布",
    "lines": [LINE],
}


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("GOVCLOUD_TOKEN", raising=False)
    monkeypatch.delenv("GOVCLOUD_URL", raising=False)


def test_help_loads_no_engine_no_table_and_no_client() -> None:
    program = "import sys, orchestrator.cli; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not HEAVY & set(loaded.stdout.split())


def test_a_token_is_kept_in_a_file_that_only_its_owner_reads() -> None:
    connection.keep_login({"url": "http://127.0.0.1:1", "username": "slj.clerk", "token": "gc_secret"})
    connection.keep_login({"url": "http://127.0.0.1:1", "username": "slj.clerk", "token": "gc_newer"})
    assert stat.S_IMODE(connection.login_path().stat().st_mode) == 0o600
    assert connection.kept_login()["token"] == "gc_newer"


def test_a_token_is_never_sent_to_another_service(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.keep_login({"url": "http://127.0.0.1:1", "username": "slj.clerk", "token": "gc_secret"})
    monkeypatch.setenv("GOVCLOUD_URL", "http://127.0.0.1:2")
    with pytest.raises(connection.NotLoggedIn, match=r"127\.0\.0\.1:2"), connection.signed_in():
        pass


def test_a_service_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVCLOUD_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GOVCLOUD_TOKEN", "gc_any")
    with connection.signed_in() as client, pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1"):
        client.read_me()


@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump])
def test_a_request_is_read_from_yaml_and_from_json(write: Callable[[Any], str], tmp_path: Path) -> None:
    file = tmp_path / "request"
    file.write_text(write(REQUEST), encoding="utf-8")
    draft = read_request(file)
    assert (draft.title, draft.lines[0].vcpu) == ("雨情短信节点", 2)


def test_every_wrong_field_of_a_file_is_named(tmp_path: Path) -> None:
    line = LINE | {"key": "SMS one", "vcpu": "two"}
    wrong = REQUEST | {"lines": [line], "titel": "x"}
    file = tmp_path / "request.yaml"
    file.write_text(yaml.safe_dump(wrong), encoding="utf-8")
    with pytest.raises(BadFile) as caught:
        read_request(file)
    named = {problem.split(": ")[1] for problem in caught.value.problems}
    assert named == {"lines.0.key", "lines.0.vcpu", "titel"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [1,2\nb: 3\n", "line 2"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"!!python/object/apply:os.system ['id']", "line 1"),
        (b"[]", "dictionary"),
        (b"", "dictionary"),
        (b" " * 1_000_001, "at most one million bytes"),
        (json.dumps(REQUEST | {"title": "a\0"}).encode(), r"title: The text contains U\+0000"),
        (
            json.dumps(REQUEST | {"lines": [LINE | {"label": "\ud800"}]}).encode(),
            r"lines\.0\.label: ",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "request.yaml"
    file.write_bytes(content)
    with pytest.raises(BadFile, match=said):
        read_request(file)


def test_an_argument_that_is_no_text_is_wrong_usage() -> None:
    argv: list[str | bytes] = [sys.executable, "-m", "orchestrator", "requests", "show", b"GC-\xff"]
    ended = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (2, "Argument 3 is not text in UTF-8.\n")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="No such file"):
        read_request(tmp_path / "none.yaml")


def test_a_refusal_shows_rule_clause_and_quote() -> None:
    document = {
        "title": "A policy rule refuses this request.",
        "detail": "Over the quota.",
        "detail_zh": "超出配额",
        "rule": "R-16",
        "clause": "3",
        "quote_zh": "按需分配",
        "field": "lines",
    }
    assert problem_lines(document) == [
        "A policy rule refuses this request.",
        "Over the quota.",
        "超出配额",
        "Field: lines",
        "Rule R-16, clause 3",
        "“按需分配”",
    ]


def test_fields_that_the_service_refuses_are_shown_one_a_line() -> None:
    errors = [{"field": "title", "message": "Field required"}, {"field": "lines", "message": "too long"}]
    lines = problem_lines(
        {"title": "The input is not valid.", "detail": "", "errors": errors, "field": "title"}
    )
    assert lines == ["The input is not valid.", "title: Field required", "lines: too long"]


def test_a_defect_of_the_program_is_not_explained_away() -> None:
    assert explain(KeyError("x")) is None
    assert explain(NotFound("No plan.")) == ["No plan."]
    assert explain(PermissionError(13, "Permission denied", "/srv")) == ["/srv: Permission denied"]
    assert explain(ApiProblem({"title": "Sign in.", "status": 401})) == ["Sign in."]


def test_amounts_and_instants_are_shown_as_the_city_writes_them() -> None:
    assert (cny(101_600), cny(-5)) == ("1,016.00 CNY", "-0.05 CNY")
    assert (when("2019-06-19T01:00:00Z"), when(None)) == ("2019-06-19 09:00", "")

"""The command line as people use it: from a file to resources, each act by the person whose act it is."""

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.cli import main
from tests.running import RunningService

PASSWORD = "a long enough password"
REQUEST = """
system: SYS-019
title: 雨情短信节点
justification: 汛期短信发布
lines:
  - {key: sms, label: "[bold]短信[/bold]", pool: EXT-X86, vcpu: 2, memory_gb: 8, disk_gb: 100, backup_gb: 100}
"""
RELEASE = """
kind: release
workspace: {}
system: SYS-019
title: 停用短信节点
justification: 业务已下线
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Say = Callable[..., Done]


@pytest.fixture
def say(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> Say:
    """``say("slj.clerk", "requests", "list")``: that person's command, with a token from the environment."""
    monkeypatch.setenv("GOVCLOUD_URL", service.settings.url)
    monkeypatch.setenv("COLUMNS", "200")

    def command(username: str, *arguments: str) -> Done:
        monkeypatch.setenv("GOVCLOUD_TOKEN", service.callers(username).token)
        return run(monkeypatch, *arguments)

    return command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, stdin: str = "") -> Done:
    """One command in this process."""
    monkeypatch.setattr(sys, "argv", ["govcloud", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return Done(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def file(service: RunningService) -> Path:
    path = service.home / "request.yaml"
    path.write_text(REQUEST, encoding="utf-8")
    path.chmod(0o644)
    return path


def done(command: Done) -> str:
    """Return the output of a successful command."""
    assert command.returncode == 0, command.stderr
    return command.stdout


def test_a_request_goes_from_a_file_to_resources_by_commands(say: Say, file: Path) -> None:
    assert "A month 244.00 CNY" in done(say("slj.clerk", "quote", str(file)))
    number = json.loads(done(say("slj.clerk", "requests", "draft", str(file), "--json")))["number"]
    assert "is awaiting_endorsement" in done(say("slj.clerk", "requests", "ask-endorsement", number))
    assert f"govcloud requests submit {number}" in done(say("slj.officer", "requests", "endorse", number))
    assert "is submitted" in done(say("slj.clerk", "requests", "submit", number))
    assert "is under_review" in done(say("xxh.reviewer", "requests", "accept", number))
    assert "is approved" in done(say("xxh.reviewer", "requests", "approve", number))
    planned = json.loads(done(say("xxh.reviewer", "requests", "plan", number, "--follow", "--json")))
    plan = json.loads(done(say("xxh.approver", "plans", "show", planned["plan_id"], "--json")))
    assert "Creates host sms (2 vCPU, 8 GB)." in done(say("xxh.approver", "plans", "show", plan["number"]))
    digest = plan["tuple_digest"]
    assert "is approved" in done(say("xxh.approver", "plans", "approve", plan["number"], "--digest", digest))
    assert "Apply complete!" in done(say("csp1.applier", "plans", "apply", plan["number"], "--follow"))
    assert "instance/sms" in done(say("slj.clerk", "resources", "list", "--request", number))
    workspace = number.lower().replace("gc", "slj")
    assert "Reality matches the state." in done(say("xxh.reviewer", "drift", "check", workspace))
    assert "is fulfilled" in done(say("slj.officer", "requests", "activate", number))
    assert "[bold]短信[/bold]" in done(say("slj.clerk", "requests", "show", number))
    made = json.loads(done(say("slj.clerk", "resources", "list", "--request", number, "--json")))
    for command, status in (("suspend", "suspended"), ("resume", "active")):
        changed = done(say("slj.officer", "resources", command, made[0]["id"][:8], "--reason", "汛期已过"))
        assert f"{'status:':<20} {status}" in changed
    file.with_name("release.yaml").write_text(RELEASE.format(made[0]["workspace_id"]), encoding="utf-8")
    release = done(say("slj.clerk", "requests", "draft", str(file.with_name("release.yaml"))))
    assert "Its plan will destroy, with all data: instance/sms" in release


def test_another_digest_than_the_shown_one_is_refused(say: Say) -> None:
    refused = say("xxh.approver", "plans", "approve", "EP-2019-0001", "--digest", "0" * 64)
    assert refused.returncode == 1
    assert refused.stderr


def test_an_act_of_somebody_else_is_refused_with_the_right_that_is_missing(say: Say, file: Path) -> None:
    number = json.loads(done(say("slj.clerk", "requests", "draft", str(file), "--json")))["number"]
    done(say("slj.clerk", "requests", "ask-endorsement", number))
    refused = say("slj.clerk", "requests", "endorse", number)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "requests:endorse" in refused.stderr


def test_a_rule_that_refuses_is_named(say: Say, service: RunningService) -> None:
    file = service.home / "large.yaml"
    file.write_text(REQUEST.replace("vcpu: 2", "vcpu: 64"), encoding="utf-8")
    file.chmod(0o644)
    number = json.loads(done(say("slj.clerk", "requests", "draft", str(file), "--json")))["number"]
    done(say("slj.clerk", "requests", "ask-endorsement", number))
    done(say("slj.officer", "requests", "endorse", number))
    refused = say("slj.clerk", "requests", "submit", number)
    assert refused.returncode == 1
    assert "Rule R-16" in refused.stderr


def test_what_does_not_exist_and_what_is_written_wrongly_have_different_exit_codes(say: Say) -> None:
    assert say("slj.clerk", "requests", "show", "GC-2019-9999").returncode == 1
    assert say("slj.clerk", "requests", "show").returncode == 2
    assert say("slj.clerk", "requests", "vanish").returncode == 2


def test_signing_in_keeps_a_token_and_a_wrong_password_keeps_none(
    service: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service.command("people", "password", "slj.clerk", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    monkeypatch.setenv("GOVCLOUD_URL", service.settings.url)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("GOVCLOUD_TOKEN", raising=False)
    sign_in = ("login", "slj.clerk", "--password-stdin")
    assert run(monkeypatch, *sign_in, stdin="wrong\n").returncode == 1
    assert run(monkeypatch, "whoami").returncode == 1
    done(run(monkeypatch, *sign_in, stdin=f"{PASSWORD}\n"))
    assert "department_clerk" in done(run(monkeypatch, "whoami"))
    done(run(monkeypatch, "logout"))
    assert "Nobody is signed in" in run(monkeypatch, "whoami").stderr

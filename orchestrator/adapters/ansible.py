"""Ansible through ansible-runner, in a process of its own that is watched, stopped and swept after.

Nothing of a bundle's inventory and vars is ever a template: every value is marked unsafe before Ansible reads
it, so `{{ lookup('pipe', 'id') }}` reaches the host as exactly these characters.
"""

import importlib.metadata
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator.adapters.engine_process import ProcessOutcome, run_process
from orchestrator.adapters.terraform_events import EventReader
from orchestrator.runs.engine import EngineResult, EngineRun

WORK_FOLDER: Final = "ansible"
_MARK: Final = "GOVCLOUD_PLAY"
_INHERITED: Final = ("LD_LIBRARY_PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "SSH_AUTH_SOCK", "TZ")
_PLAYBOOK: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}\.yml")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_GROUP: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_VARIABLE: Final = re.compile(r"[a-z_][A-Za-z0-9_]{0,60}")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# What YAML refuses in a text, or folds as an end of line, although JSON writes it as it is.
_NOT_PLAIN: Final = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_SECONDS_TO_SWEEP: Final = 5.0


class BundleError(Exception):
    """A bundle cannot be played; the text names the file and what is wrong in it."""


class AnsibleRunnerEngine:
    """Plays playbooks from bundles. `grace_seconds` is how long an interrupted play may take to end."""

    def __init__(self, *, grace_seconds: float = 10) -> None:
        self._grace_seconds = grace_seconds

    def version(self) -> str:
        """Version of ansible-core, e.g. ``2.21.5``."""
        return importlib.metadata.version("ansible-core")

    def run(self, folder: Path, playbook: str, run: EngineRun) -> EngineResult:
        """Play `folder/project/<playbook>` on the hosts of `folder/inventory/hosts.json`.

        `events` are ansible-runner's job events; return code 0 = all well, 2 = a task failed, 4 = a host
        could not be reached. Everything written lies in `folder/ansible`, but for sockets, which lie in a
        temporary folder that is removed with the play. Raises BundleError, OSError.
        """
        if not _PLAYBOOK.fullmatch(playbook) or not (folder / "project" / playbook).is_file():
            raise BundleError(f"project/{playbook}: there is no such playbook")
        work = _prepared(folder)
        run.log(f"$ ansible-playbook {playbook}")
        events = _JobEvents(EventReader(run.log, run.secrets), run)
        mark = f"{run.run_id} {time.monotonic_ns()}"
        # The path of a socket has at most 107 bytes, and `folder` may be longer.
        with tempfile.TemporaryDirectory(prefix="gc-play-", ignore_cleanup_errors=True) as sockets:
            environment = {**_environment(folder, work, sockets), **run.environment, _MARK: mark}
            try:
                outcome = self._play(folder, work, playbook, run, environment, events)
            finally:
                _sweep(mark)
        stderr = events.reader.redacted(outcome.stderr_tail)
        for line in stderr.splitlines():
            run.log(line)
        return EngineResult(outcome.returncode, outcome.stopped_because, tuple(events.found), stderr)

    def _play(
        self,
        folder: Path,
        work: Path,
        playbook: str,
        run: EngineRun,
        environment: Mapping[str, str],
        events: "_JobEvents",
    ) -> ProcessOutcome:
        inherited = [word for descriptor in run.keep_open for word in ("--keep-open", str(descriptor))]
        return run_process(
            [
                *(sys.executable, "-P", "-m", "orchestrator.adapters.ansible_play"),
                *("--work", str(work), "--project", str(folder / "project"), "--playbook", playbook),
                *("--inventory", str(work / "inventory.yml"), *inherited),
            ],
            cwd=folder,
            env=environment,
            output=work / "events.jsonl",
            on_line=events.line,
            should_stop=run.should_stop,
            keep_open=run.keep_open,
            timeout_seconds=run.timeout_seconds,
            idle_seconds=run.idle_seconds,
            grace_seconds=self._grace_seconds,
        )


class _JobEvents:
    """Takes the output of a play line by line: job events are kept, their text is told to the log."""

    def __init__(self, reader: EventReader, run: EngineRun) -> None:
        self.reader, self._log, self._event = reader, run.log, run.event
        self.found: list[Mapping[str, Any]] = []

    def line(self, text: str) -> None:
        text = self.reader.redacted(text)
        try:
            event = json.loads(text)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._log(text)
            return
        self.found.append(event)
        if self._event is not None:
            self._event(event)
        for told in str(event.get("stdout", "")).splitlines():
            if told.strip():
                self._log(told)


def _prepared(folder: Path) -> Path:
    """A fresh `folder/ansible` with the bundle's inventory and vars as YAML without any template."""
    work = folder / WORK_FOLDER
    shutil.rmtree(work, ignore_errors=True)
    for name in ("env", "home", "tmp"):
        (work / name).mkdir(mode=0o700, parents=True)
    (work / "ansible.cfg").touch(mode=0o600)  # Empty, so that Ansible looks for no other.
    variables = _mapping(_read(folder, "vars.json"), "vars.json")
    (work / "env/extravars").write_text("".join(_unsafe_lines(variables, "vars.json")), "utf-8")
    inventory = _mapping(_read(folder, "inventory/hosts.json"), "inventory/hosts.json")
    (work / "inventory.yml").write_text("".join(_inventory_lines(inventory, 0)), "utf-8")
    return work


def _read(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{name}: {error}") from error


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BundleError(f"{where}: a table is needed")
    return value


def _unsafe_lines(variables: Mapping[str, Any], where: str, indent: str = "") -> Iterator[str]:
    """One YAML line a variable, its whole value tagged `!unsafe` and written as JSON, which YAML contains."""
    yield from () if variables else (f"{indent}{{}}\n",)
    for name, value in variables.items():
        _require(_VARIABLE, name, f"{where}: the variable's name")
        text = json.dumps(value, ensure_ascii=False)
        if _LONE_SURROGATE.search(text):
            raise BundleError(f"{where}: {name}: is not text")
        yield f"{indent}{name}: !unsafe {_NOT_PLAIN.sub(_escaped, text)}\n"


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _inventory_lines(groups: Mapping[str, Any], depth: int) -> Iterator[str]:
    """The inventory as YAML; names of hosts and groups are checked, since Ansible expands some."""
    indent = "  " * depth
    for name, group in groups.items():
        _require(_GROUP, name, "inventory/hosts.json: the group")
        yield f"{indent}{name}:\n"
        for part, content in _mapping(group, f"inventory/hosts.json: {name}").items():
            where = f"inventory/hosts.json: {name}.{part}"
            table = _mapping(content, where)
            yield f"{indent}  {part}:{'' if table else ' {}'}\n"
            if part == "children":
                yield from _inventory_lines(table, depth + 2)
            elif part == "hosts":
                yield from _host_lines(table, indent + "    ")
            elif part == "vars":
                yield from _unsafe_lines(table, where, indent + "    ") if table else ()
            else:
                raise BundleError(f"{where}: is none of children, hosts, vars")


def _host_lines(hosts: Mapping[str, Any], indent: str) -> Iterator[str]:
    for host, variables in hosts.items():
        where = f"inventory/hosts.json: {host}"
        _require(_HOST, host, "inventory/hosts.json: the host")
        yield f'{indent}"{host}":\n'
        yield from _unsafe_lines(_mapping(variables or {}, where), where, indent + "  ")


def _require(pattern: re.Pattern[str], name: str, what: str) -> None:
    if not pattern.fullmatch(name):
        raise BundleError(f"{what} {name!r} does not match {pattern.pattern}")


def _environment(folder: Path, work: Path, sockets: str) -> dict[str, str]:
    """The whole environment of a play; no ansible.cfg of this machine has a say in it.

    `sockets` is the folder in which Ansible's processes meet.
    """
    commands = str(Path(sys.executable).parent)
    package = str(Path(__file__).resolve().parents[2])
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | {
        "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
        "ANSIBLE_CONNECTION_PLUGINS": str(folder / "project/plugins/connection"),
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_HOME": str(work / "home"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_LOCAL_TEMP": str(work / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_ROLES_PATH": str(folder / "project/roles"),
        "HOME": str(work / "home"),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join([commands, os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": package,
        "TMPDIR": sockets,
    }


def _sweep(mark: str) -> None:
    """Kill what is left of a play whose own process was killed before it could do so."""
    entry, end = f"{_MARK}={mark}".encode(), time.monotonic() + _SECONDS_TO_SWEEP
    while (pids := _marked(entry)) and time.monotonic() < end:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _marked(entry: bytes) -> list[int]:
    return [
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _carries(path, entry)
    ]


def _carries(process: Path, entry: bytes) -> bool:
    try:
        return entry in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False

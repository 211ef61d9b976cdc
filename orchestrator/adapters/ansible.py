"""Ansible through ansible-runner, in a separate process that is watched, stopped and cleaned up after.

No value of a bundle's inventory and vars is evaluated as a template: each is marked unsafe before Ansible
reads it, so `{{ lookup('pipe', 'id') }}` reaches the host as these very characters.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator.adapters.engine_process import ProcessOutcome, ProcessPlace, limits_of, run_process
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
# Characters that JSON writes literally, but YAML refuses or treats as a line end.
_NOT_PLAIN: Final = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_SECONDS_TO_SWEEP: Final = 5.0


class BundleError(Exception):
    """A bundle cannot be played. The message names the file and the fault."""


class AnsibleRunnerEngine:
    """Plays playbooks from bundles. An interrupted play is killed after `grace_seconds`."""

    def __init__(self, *, grace_seconds: float = 10) -> None:
        self._grace_seconds = grace_seconds

    def version(self) -> str:
        """Return the version of ansible-core, e.g. ``2.21.5``."""
        return importlib.metadata.version("ansible-core")

    def run(self, folder: Path, playbook: str, run: EngineRun) -> EngineResult:
        """Play `folder/project/<playbook>` on the hosts of `folder/inventory/hosts.json`.

        `events` are ansible-runner's job events. Return code 0 is success, 2 a failed task, 4 an unreachable
        host. Files are written to `folder/ansible`, sockets to a temporary folder. Raises BundleError for a
        bundle that cannot be played, OSError if the process cannot be started.
        """
        if not _PLAYBOOK.fullmatch(playbook) or not (folder / "project" / playbook).is_file():
            raise BundleError(f"project/{playbook}: no such playbook")
        work = _prepare(folder)
        run.log(f"$ ansible-playbook {playbook}")
        events = _JobEvents(EventReader(run.log, run.secrets), run)
        mark = f"{run.run_id} {time.monotonic_ns()}"
        # The path of a socket has at most 107 bytes, and `folder` may be longer.
        with tempfile.TemporaryDirectory(prefix="gc-play-", ignore_cleanup_errors=True) as sockets:
            environment = {**_environment(folder, work, sockets), **run.environment, _MARK: mark}
            try:
                outcome = self._play(_Play(folder, work, playbook, environment), run, events)
            finally:
                _sweep(mark)
        stderr = events.reader.redacted(outcome.stderr_tail)
        for line in stderr.splitlines():
            run.log(line)
        return EngineResult(outcome.returncode, outcome.stopped_because, tuple(events.events), stderr)

    def _play(self, play: "_Play", run: EngineRun, events: "_JobEvents") -> ProcessOutcome:
        inherited = [word for descriptor in run.keep_open for word in ("--keep-open", str(descriptor))]
        return run_process(
            [
                *(sys.executable, "-P", "-m", "orchestrator.adapters.ansible_play"),
                *("--work", str(play.work), "--project", str(play.folder / "project")),
                *("--inventory", str(play.work / "inventory.yml"), "--playbook", play.playbook, *inherited),
            ],
            place=ProcessPlace(play.folder, play.environment, play.work / "events.jsonl", run.keep_open),
            limits=limits_of(run, self._grace_seconds),
            on_line=events.line,
            should_stop=run.should_stop,
        )


@dataclass(frozen=True)
class _Play:
    """One playbook of a bundle; `work` is the folder for everything that Ansible writes."""

    folder: Path
    work: Path
    playbook: str
    environment: Mapping[str, str]


class _JobEvents:
    """Reads the output of a play line by line: collects job events and logs their text."""

    def __init__(self, reader: EventReader, run: EngineRun) -> None:
        self.reader, self._log, self._event = reader, run.log, run.event
        self.events: list[Mapping[str, Any]] = []

    def line(self, text: str) -> None:
        text = self.reader.redacted(text)
        try:
            event = json.loads(text)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._log(text)
            return
        self.events.append(event)
        if self._event is not None:
            self._event(event)
        for line in str(event.get("stdout", "")).splitlines():
            if line.strip():
                self._log(line)


def _prepare(folder: Path) -> Path:
    """Create `folder/ansible` with the bundle's inventory and vars as YAML without templates."""
    work = folder / WORK_FOLDER
    shutil.rmtree(work, ignore_errors=True)
    for name in ("env", "home", "tmp"):
        (work / name).mkdir(mode=0o700, parents=True)
    (work / "ansible.cfg").touch(mode=0o600)  # Empty, so that Ansible reads no other configuration.
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
        raise BundleError(f"{where}: must be an object")
    return value


def _unsafe_lines(variables: Mapping[str, Any], where: str, indent: str = "") -> Iterator[str]:
    """Yield one YAML line per variable, the value tagged `!unsafe` and written as JSON, a subset of YAML."""
    yield from () if variables else (f"{indent}{{}}\n",)
    for name, value in variables.items():
        _require(_VARIABLE, name, f"{where}: the variable name")
        text = json.dumps(value, ensure_ascii=False)
        if _LONE_SURROGATE.search(text):
            raise BundleError(f"{where}: {name}: contains a lone surrogate")
        yield f"{indent}{name}: !unsafe {_NOT_PLAIN.sub(_escaped, text)}\n"


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _inventory_lines(groups: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield the inventory as YAML. Names of hosts and groups are checked, because Ansible expands ranges."""
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
                raise BundleError(f"{where}: must be children, hosts or vars")


def _host_lines(hosts: Mapping[str, Any], indent: str) -> Iterator[str]:
    for host, variables in hosts.items():
        where = f"inventory/hosts.json: {host}"
        _require(_HOST, host, "inventory/hosts.json: the host")
        yield f'{indent}"{host}":\n'
        yield from _unsafe_lines(_mapping(variables or {}, where), where, indent + "  ")


def _require(pattern: re.Pattern[str], name: str, subject: str) -> None:
    if not pattern.fullmatch(name):
        raise BundleError(f"{subject} {name!r} does not match {pattern.pattern}")


def _environment(folder: Path, work: Path, sockets: str) -> dict[str, str]:
    """Return the complete environment of a play; no ansible.cfg of this machine is read.

    `sockets` is the folder for the sockets of Ansible's processes.
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
    """Kill the remaining processes of a play, in case its main process was killed first."""
    entry, end = f"{_MARK}={mark}".encode(), time.monotonic() + _SECONDS_TO_SWEEP
    while (pids := _marked(entry)) and time.monotonic() < end:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _marked(entry: bytes) -> list[int]:
    return [
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _has_mark(path, entry)
    ]


def _has_mark(process: Path, entry: bytes) -> bool:
    try:
        return entry in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False

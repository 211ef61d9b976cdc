"""Ansible action: send one of our programs to the host with its order, in one go, and take its answer.

    - name: Prepare the source
      run_program: {program: mover/prepare, order: "{{ order }}", secrets: [forward_password]}

A host is sent the secrets that the task names and no others.

The program is a function `main(order, secrets) -> dict` in `programs/<folder>/<name>.py` of this very bundle.
It travels through the connection's standard input, so an approved bundle never runs what an earlier one left
on the host. The answer is the field `answer` of the result; `refused` is there instead when the program
refuses.
"""

import hashlib
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

SECRETS = "GOVCLOUD_SECRETS"  # One JSON object of texts in the environment of the play; never in the bundle.
ALWAYS = "host"  # The folder of programs that all others may import.
PROGRAM = re.compile(r"(?P<folder>[a-z_]{1,40})/(?P<name>[a-z_]{1,40})")


class ActionModule(ActionBase):
    """One task on one host."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"order", "program", "secrets"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer of the program; `failed` when it refuses or breaks off."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        request = self._request(Path(variables["playbook_dir"]) / "programs")
        python = self._templar.template(variables.get("ansible_python_interpreter")) or "python3"
        bootstrap = (Path(variables["playbook_dir"]) / "programs/bootstrap.py").read_text("utf-8")
        command = f"{shlex.quote(python)} -I -B -X utf8 -c {shlex.quote(bootstrap)}"
        done = self._low_level_execute_command(
            command, in_data=json.dumps(request).encode(), sudoable=False, executable=False
        )
        return {**result, **outcome(done)}

    def _request(self, programs: Path) -> dict[str, Any]:
        match = PROGRAM.fullmatch(str(self._task.args.get("program", "")))
        if match is None or not (programs / f"{match[0]}.py").is_file():
            raise AnsibleActionFail(f"program: there is no program {self._task.args.get('program')!r}")
        files = read(programs / ALWAYS) | read(programs / match["folder"])
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        return {
            "folder": f"{match['folder']}-{digest[:16]}",
            "files": files,
            "program": match["name"],
            "order": self._task.args.get("order", {}),
            "secrets": self._secrets(),
        }

    def _secrets(self) -> dict[str, str]:
        given: dict[str, str] = json.loads(os.environ.get(SECRETS, "{}"))
        named = self._task.args.get("secrets", [])
        if missing := sorted(set(named) - given.keys()):
            raise AnsibleActionFail(f"secrets: {', '.join(missing)} are not given to this play")
        return {name: given[name] for name in named}


def read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}


def outcome(done: dict[str, Any]) -> dict[str, Any]:
    """The last line of the output as the result of the task."""
    lines = done.get("stdout_lines") or [""]
    try:
        answer = json.loads(lines[-1])
    except ValueError:
        said = str(done.get("stderr") or done.get("stdout") or "").strip()[-2000:]
        said = said.encode("utf-8", "backslashreplace").decode()  # It may be in another encoding.
        return {"failed": True, "rc": done.get("rc"), "msg": said or "the program ended without an answer"}
    if "refused" in answer:
        return {"failed": True, "msg": f"refused: {answer['refused']}", **answer}
    return {"changed": bool(answer.pop("changed", False)), "answer": answer}

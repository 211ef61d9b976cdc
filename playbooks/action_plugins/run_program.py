"""Ansible action: run one of the bundle's programs on the host with an order, and return its answer.

    - name: Prepare the source
      run_program: {program: mover/prepare, order: "{{ order }}", secrets: [forward_password]}

The host receives only the secrets that the task names.

The program is a function `main(order, secrets) -> dict` in `programs/<folder>/<name>.py` of this bundle. It
is sent through the connection's standard input, so an approved bundle never runs a program that an earlier
one left on the host. The result of the task has its answer in the field `answer`; if the program refuses, it
has the field `refused` instead.
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

SECRETS = "GOVCLOUD_SECRETS"  # Environment variable with a JSON object of texts; never in the bundle.
SHARED = "host"  # The folder with modules that all programs may import.
PROGRAM = re.compile(r"(?P<folder>[a-z_]{1,40})/(?P<name>[a-z_]{1,40})")


class ActionModule(ActionBase):
    """One task on one host."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"order", "program", "secrets"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer of the program. The task fails if the program refuses or breaks off."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        request = self._request(Path(variables["playbook_dir"]) / "programs")
        python = self._templar.template(variables.get("ansible_python_interpreter")) or "python3"
        bootstrap = (Path(variables["playbook_dir"]) / "programs/bootstrap.py").read_text("utf-8")
        command = f"{shlex.quote(python)} -I -B -X utf8 -c {shlex.quote(bootstrap)}"
        completed = self._low_level_execute_command(
            command, in_data=json.dumps(request).encode(), sudoable=False, executable=False
        )
        return {**result, **outcome(completed)}

    def _request(self, programs: Path) -> dict[str, Any]:
        match = PROGRAM.fullmatch(str(self._task.args.get("program", "")))
        if match is None or not (programs / f"{match[0]}.py").is_file():
            raise AnsibleActionFail(f"program: there is no program {self._task.args.get('program')!r}")
        files = read(programs / SHARED) | read(programs / match["folder"])
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        return {
            "folder": f"{match['folder']}-{digest[:16]}",
            "files": files,
            "program": match["name"],
            "order": self._task.args.get("order", {}),
            "secrets": self._secrets(),
        }

    def _secrets(self) -> dict[str, str]:
        secrets: dict[str, str] = json.loads(os.environ.get(SECRETS, "{}"))
        named = self._task.args.get("secrets", [])
        if missing := sorted(set(named) - secrets.keys()):
            raise AnsibleActionFail(f"secrets: this play did not receive {', '.join(missing)}")
        return {name: secrets[name] for name in named}


def read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}


def outcome(completed: dict[str, Any]) -> dict[str, Any]:
    """Return the last line of the output as result of the task."""
    lines = completed.get("stdout_lines") or [""]
    try:
        answer = json.loads(lines[-1])
    except ValueError:
        output = str(completed.get("stderr") or completed.get("stdout") or "").strip()[-2000:]
        message = output.encode("utf-8", "backslashreplace").decode()  # It may be in another encoding.
        return {
            "failed": True,
            "rc": completed.get("rc"),
            "msg": message or "the program ended without an answer",
        }
    if "refused" in answer:
        return {"failed": True, "msg": f"refused: {answer['refused']}", **answer}
    return {"changed": bool(answer.pop("changed", False)), "answer": answer}

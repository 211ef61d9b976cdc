"""The process runner against real processes."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.adapters.engine_process import (
    ProcessOutcome,
    ProcessPlace,
    TimeLimits,
    run_process,
    stderr_path,
)
from orchestrator.core.stop_reasons import StopReason
from orchestrator.runs.engine import ShouldStop
from tests.running import wait_until

ENV = {"PATH": os.environ["PATH"]}
LIMITS = TimeLimits(timeout_seconds=20, idle_seconds=20, grace_seconds=5)


def never() -> StopReason | None:
    return None


def run_python(
    folder: Path,
    program: str,
    *,
    lines: list[str] | None = None,
    should_stop: ShouldStop = never,
    keep_open: tuple[int, ...] = (),
    limits: TimeLimits = LIMITS,
) -> ProcessOutcome:
    return run_process(
        [sys.executable, "-u", "-I", "-c", program],
        place=ProcessPlace(folder, ENV, folder / "out", keep_open),
        limits=limits,
        on_line=(lines if lines is not None else []).append,
        should_stop=should_stop,
    )


def stop_after(seconds: float) -> ShouldStop:
    began = time.monotonic()
    return lambda: StopReason.CANCELLED if time.monotonic() - began > seconds else None


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_every_line_arrives_once_and_in_order_even_without_a_last_newline(tmp_path: Path) -> None:
    lines: list[str] = []
    outcome = run_python(tmp_path, "for i in range(20000): print(i)\nprint('end', end='')", lines=lines)
    assert outcome == ProcessOutcome(0, None, "")
    assert lines == [*map(str, range(20000)), "end"]


def test_exit_code_and_standard_error_are_reported(tmp_path: Path) -> None:
    outcome = run_python(tmp_path, "import sys; sys.stderr.write('broken'); sys.exit(3)")
    assert (outcome.returncode, outcome.stderr_tail) == (3, "broken")


def test_only_the_given_environment_reaches_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    lines: list[str] = []
    run_python(tmp_path, "import os; print('DATABASE_URL' in os.environ)", lines=lines)
    assert lines == ["False"]


def test_files_of_a_process_are_readable_by_its_owner_alone(tmp_path: Path) -> None:
    run_python(tmp_path, "open('made', 'w').close()")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("made", "out", "out.stderr")}
    assert modes == {"made": 0o600, "out": 0o600, "out.stderr": 0o600}
    assert stderr_path(tmp_path / "out") == tmp_path / "out.stderr"


def test_a_stop_is_one_interrupt_and_the_process_may_tidy_up(tmp_path: Path) -> None:
    program = """
import signal, sys, time
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
while not count: time.sleep(0.01)
time.sleep(1)
print("interrupts", count)
"""
    lines: list[str] = []
    outcome = run_python(tmp_path, program, lines=lines, should_stop=stop_after(0.3))
    assert (outcome.returncode, outcome.stopped_because) == (0, StopReason.CANCELLED)
    assert lines == ["interrupts 1"]


def test_a_question_that_cannot_be_answered_is_no_reason_to_stop(tmp_path: Path) -> None:
    def unanswerable() -> StopReason | None:
        raise ConnectionError("the database is away")

    outcome = run_python(tmp_path, "import time; time.sleep(1.5)", should_stop=unanswerable)
    assert outcome == ProcessOutcome(0, None, "")


def test_a_fault_of_the_log_lets_the_process_tidy_up_before_it_is_raised(tmp_path: Path) -> None:
    program = """
import time
print("one")
try: time.sleep(60)
except KeyboardInterrupt: open("tidied", "w").close()
"""

    def broken(_line: str) -> None:
        time.sleep(0.3)
        raise ValueError("broken log")

    with pytest.raises(ValueError, match="broken log"):
        run_process(
            [sys.executable, "-u", "-I", "-c", program],
            place=ProcessPlace(tmp_path, ENV, tmp_path / "out"),
            limits=LIMITS,
            on_line=broken,
            should_stop=never,
        )
    assert (tmp_path / "tidied").exists()


def test_a_process_that_ignores_the_interrupt_is_killed_with_its_children(tmp_path: Path) -> None:
    program = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(subprocess.Popen(["sleep", "60"]).pid)
time.sleep(60)
"""
    lines: list[str] = []
    outcome = run_python(
        tmp_path, program, lines=lines, should_stop=stop_after(0.3), limits=replace(LIMITS, grace_seconds=0.5)
    )
    assert (outcome.returncode, outcome.stopped_because) == (-9, StopReason.CANCELLED)
    time.sleep(0.1)
    assert not is_alive(int(lines[0]))


def test_what_a_process_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    lines: list[str] = []
    run_python(tmp_path, "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)", lines=lines)
    time.sleep(0.1)
    assert not is_alive(int(lines[0]))


def test_time_limit_and_silence_each_have_their_reason(tmp_path: Path) -> None:
    talking = "import time\nwhile True: print('.'); time.sleep(0.05)"
    silence = replace(LIMITS, idle_seconds=2.5)
    assert run_python(tmp_path, talking, limits=TimeLimits(3.0, 2.5)).stopped_because is StopReason.TIMEOUT
    assert (
        run_python(tmp_path, "import time; time.sleep(30)", limits=silence).stopped_because is StopReason.IDLE
    )


def test_a_kept_descriptor_is_inherited_and_others_are_not(tmp_path: Path) -> None:
    kept, other = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)
    lines: list[str] = []
    try:
        run_python(tmp_path, "import os; print(os.listdir('/proc/self/fd'))", lines=lines, keep_open=(kept,))
    finally:
        os.close(kept)
        os.close(other)
    assert f"'{kept}'" in lines[0]
    assert f"'{other}'" not in lines[0]


def test_the_process_outlives_a_killed_worker_and_its_log_is_complete(tmp_path: Path) -> None:
    child = "import time\nfor i in range(10): print(i); time.sleep(0.1)"
    worker = f"""
import sys
from pathlib import Path
from orchestrator.adapters.engine_process import ProcessPlace, TimeLimits, run_process
folder = Path({str(tmp_path)!r})
run_process([sys.executable, "-u", "-c", {child!r}], place=ProcessPlace(folder, {{}}, folder / "out"),
    limits=TimeLimits(), on_line=lambda line: None, should_stop=lambda: None)
"""
    started = subprocess.Popen([sys.executable, "-c", worker])
    output = tmp_path / "out"
    wait_until(lambda: output.exists() and output.read_text(), "the process has begun")
    started.kill()
    started.wait()
    wait_until(lambda: len(output.read_text().split()) == 10, "the process has ended")
    assert output.read_text().split() == [str(i) for i in range(10)]


def test_a_line_is_delivered_within_milliseconds_of_being_written(tmp_path: Path) -> None:
    program = "import time\nfor i in range(60): print(time.time(), flush=True); time.sleep(0.02)"
    delays: list[float] = []
    run_process(
        [sys.executable, "-u", "-I", "-c", program],
        place=ProcessPlace(tmp_path, ENV, tmp_path / "out"),
        limits=LIMITS,
        on_line=lambda line: delays.append(time.time() - float(line)),
        should_stop=never,
    )
    assert sorted(delays)[len(delays) // 2] < 0.25

"""A periodic job that fails does not prevent the others, and its failure is reported."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from orchestrator.core.jobs import JobContext
from orchestrator.workers import calendar
from orchestrator.workers.run_context import Worker

NO_WORKER = cast("Worker", None)
NO_CONTEXT = cast("JobContext", None)
NIGHT = int(datetime(2019, 6, 18, 19, 0, tzinfo=UTC).timestamp())
"""Three o'clock in the city."""


def test_a_failure_is_raised_after_the_other_jobs_have_run(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def fails(_worker: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr(calendar, "EVERY_MINUTE", (fails, lambda _: done.append("minute"), fails))
    monkeypatch.setattr(calendar, "EVERY_NIGHT", (lambda _: done.append("night"),))
    with pytest.raises(ExceptionGroup) as failures:
        calendar.every_minute(NO_WORKER, NO_CONTEXT, NIGHT)
    assert (done, len(failures.value.exceptions)) == (["minute", "night"], 2)
    monkeypatch.setattr(calendar, "EVERY_MINUTE", (lambda _: done.append("later"),))
    calendar.every_minute(NO_WORKER, NO_CONTEXT, NIGHT + 60)
    assert done == ["minute", "night", "later"]

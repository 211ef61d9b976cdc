"""The queue on real PostgreSQL; workers run in this process unless they must die."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from orchestrator.core import jobs
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.core.jobs import Cancellation, Handler, JobContext, Pace
from orchestrator.core.lease import LeaseBusy
from tests.patience import PATIENCE

QUICK = Pace(poll=0.2, beat=1, stalled=3, busy_retry=0.3)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_database_engine(database_url)
    yield made
    made.dispose()


@contextmanager
def working(
    database_url: str, handlers: Mapping[str, Handler], *, slots: int = 2, pace: Pace = QUICK
) -> Iterator[threading.Event]:
    stop = threading.Event()
    share = jobs.Share(["extranet", "maintenance"], slots, pace)
    worker = threading.Thread(
        target=jobs.run_worker, args=(database_url, handlers, share), kwargs={"stop": stop}
    )
    worker.start()
    try:
        yield stop
    finally:
        stop.set()
        worker.join(30)
        assert not worker.is_alive()


def put(engine: Engine, task: str, **options: Any) -> int:
    with transaction(engine) as session:
        return jobs.enqueue(session, task, **{"queue": "extranet", **options})


def statuses(database_url: str) -> list[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT status FROM queue.procrastinate_jobs ORDER BY id").fetchall()
    return [row[0] for row in rows]


def wait_until(condition: Any, seconds: float = PATIENCE) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)


def test_a_rolled_back_transaction_leaves_no_job(engine: Engine, database_url: str) -> None:
    with Session(engine) as session:
        jobs.enqueue(session, "note", queue="extranet", word="x")
        session.rollback()

    def fail_afterwards() -> None:
        with transaction(engine) as session:
            jobs.enqueue(session, "note", queue="extranet")
            raise ValueError("after")

    with pytest.raises(ValueError, match="after"):
        fail_afterwards()
    assert statuses(database_url) == []
    put(engine, "note")
    assert statuses(database_url) == ["todo"]


def test_a_job_is_not_seen_before_its_transaction_commits(engine: Engine, database_url: str) -> None:
    with transaction(engine) as session:
        jobs.enqueue(session, "note", queue="extranet")
        assert statuses(database_url) == []


def test_a_handler_gets_its_arguments_and_may_enqueue_the_next_step(
    engine: Engine, database_url: str
) -> None:
    seen: list[tuple[Any, ...]] = []

    def first(context: JobContext, *, run_id: str) -> None:
        put(engine, "second", lock="ws:1", run_id=run_id)
        seen.append(("first", run_id, context.attempt))

    def second(context: JobContext, *, run_id: str) -> None:
        seen.append(("second", run_id, context.should_abort()))

    put(engine, "first", lock="ws:1", run_id="r1")
    slow_poll = Pace(poll=2 * PATIENCE)
    with working(database_url, {"first": first, "second": second}, pace=slow_poll):
        # The end of the first step wakes the workers, so the next one does not wait for a poll.
        wait_until(lambda: len(seen) == 2)
    assert seen == [("first", "r1", 1), ("second", "r1", False)]


def test_twenty_jobs_run_in_the_order_they_came_and_applies_go_first(
    engine: Engine, database_url: str
) -> None:
    order: list[int] = []
    for number in range(20):
        priority = jobs.APPLY_FIRST if number in {7, 13} else jobs.AS_IT_COMES
        put(engine, "note", lock=f"ws:{number}", priority=priority, number=number)
    with working(database_url, {"note": lambda _context, number: order.append(number)}, slots=1):
        wait_until(lambda: len(order) == 20)
    assert order == [7, 13, *(number for number in range(20) if number not in {7, 13})]


def test_jobs_of_one_lock_never_run_together(engine: Engine, database_url: str) -> None:
    running, most, order = 0, 0, []
    guard = threading.Lock()

    def note(_context: JobContext, *, number: int) -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with guard:
            running -= 1
            order.append(number)

    for number in range(10):
        put(engine, "note", lock="ws:1", number=number)
    with working(database_url, {"note": note}, slots=4), working(database_url, {"note": note}, slots=4):
        wait_until(lambda: len(order) == 10)
    assert (most, order) == (1, list(range(10)))


def test_every_slot_runs_whatever_the_number_of_processors(engine: Engine, database_url: str) -> None:
    together = threading.Barrier(20)

    def meet(_context: JobContext) -> None:
        together.wait(PATIENCE)

    for _ in range(20):
        put(engine, "meet")
    with working(database_url, {"meet": meet}, slots=20):
        wait_until(lambda: statuses(database_url) == ["succeeded"] * 20)


def test_a_busy_fence_brings_the_job_back_until_it_is_free(engine: Engine, database_url: str) -> None:
    attempts: list[int] = []

    def enter(context: JobContext) -> None:
        attempts.append(context.attempt)
        if len(attempts) < 4:
            raise LeaseBusy("ws-1")

    put(engine, "enter", lock="ws:1")
    with working(database_url, {"enter": enter}):
        wait_until(lambda: statuses(database_url) == ["succeeded"])
    assert attempts == [1, 2, 3, 4]


def test_a_failing_handler_ends_its_job_and_frees_the_lock(engine: Engine, database_url: str) -> None:
    def fail(_context: JobContext) -> None:
        raise ValueError("broken")

    put(engine, "fail", lock="ws:1")
    put(engine, "fine", lock="ws:1")
    with working(database_url, {"fail": fail, "fine": lambda _context: None}):
        wait_until(lambda: statuses(database_url) == ["failed", "succeeded"])


def test_a_waiting_job_can_be_removed_and_a_running_one_is_notified(
    engine: Engine, database_url: str
) -> None:
    started, why = threading.Event(), []

    def wait(context: JobContext) -> None:
        started.set()
        wait_until(context.should_abort)
        why.append(context.abort_reason())

    waiting = put(engine, "wait", queue="nobody")
    running = put(engine, "wait")
    with working(database_url, {"wait": wait}):
        started.wait(PATIENCE)
        with transaction(engine) as session:
            assert jobs.cancel(session, waiting) is Cancellation.REMOVED
            assert jobs.cancel(session, running) is Cancellation.ASKED
            assert jobs.cancel(session, 999_999) is Cancellation.GONE
        wait_until(lambda: why)
        wait_until(lambda: statuses(database_url) == ["cancelled", "succeeded"])
    with transaction(engine) as session:
        assert jobs.cancel(session, running) is Cancellation.GONE
    assert why == ["cancelled"]


def test_a_job_that_has_begun_before_is_not_removed_but_notified(engine: Engine, database_url: str) -> None:
    attempts: list[int] = []

    def enter(context: JobContext) -> None:
        attempts.append(context.attempt)
        if context.attempt == 1:
            raise LeaseBusy("ws-1")

    job = put(engine, "enter")
    with working(database_url, {"enter": enter}, pace=Pace(poll=0.2, busy_retry=1)):
        wait_until(lambda: attempts == [1] and statuses(database_url) == ["todo"])
        with transaction(engine) as session:
            assert jobs.cancel(session, job) is Cancellation.ASKED
        wait_until(lambda: statuses(database_url) == ["succeeded"])
    assert attempts == [1, 2]


def test_a_cancel_during_a_busy_attempt_does_not_swallow_the_job(engine: Engine, database_url: str) -> None:
    attempts: list[int] = []

    def enter(context: JobContext) -> None:
        attempts.append(context.attempt)
        if context.attempt == 1:
            wait_until(context.should_abort)
            raise LeaseBusy("ws-1")

    job = put(engine, "enter")
    with working(database_url, {"enter": enter}):
        wait_until(lambda: attempts)
        with transaction(engine) as session:
            jobs.cancel(session, job)
        wait_until(lambda: statuses(database_url) == ["succeeded"])
    assert attempts == [1, 2]


def test_a_worker_serves_only_its_queues(engine: Engine, database_url: str) -> None:
    put(engine, "note", queue="intranet")
    put(engine, "note", queue="maintenance")
    with working(database_url, {"note": lambda _context: None}):
        wait_until(lambda: statuses(database_url) == ["todo", "succeeded"])


def test_the_minute_handler_runs_once_a_tick_whatever_the_number_of_workers(database_url: str) -> None:
    ticks: list[int] = []
    handlers: dict[str, Handler] = {jobs.MINUTE: lambda _context, timestamp: ticks.append(timestamp)}
    pace = Pace(poll=0.2, minute_cron="* * * * * */1")
    with working(database_url, handlers, pace=pace), working(database_url, handlers, pace=pace):
        wait_until(lambda: len(ticks) >= 4)
    assert len(ticks) == len(set(ticks))


def test_a_job_whose_hand_over_was_lost_comes_back(database_url: str) -> None:
    seen: list[int] = []
    with working(database_url, {"note": lambda context: seen.append(context.attempt)}):
        with psycopg.connect(database_url, autocommit=True) as connection:
            wait_until(lambda: connection.execute("SELECT 1 FROM queue.procrastinate_workers").fetchone())
            # What a worker leaves behind whose connection broke between the grip and the answer.
            connection.execute(
                "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, status, worker_id)"
                " SELECT 'extranet', 'note', 'doing', id FROM queue.procrastinate_workers"
            )
        wait_until(lambda: seen)
    assert seen == [2]


def test_a_worker_that_was_taken_for_dead_registers_again(engine: Engine, database_url: str) -> None:
    seen: list[int] = []
    with working(database_url, {"note": lambda context: seen.append(context.job_id)}):
        with psycopg.connect(database_url, autocommit=True) as connection:
            wait_until(lambda: connection.execute("DELETE FROM queue.procrastinate_workers").rowcount == 1)
        job = put(engine, "note")
        wait_until(lambda: seen == [job])
    assert statuses(database_url) == ["succeeded"]

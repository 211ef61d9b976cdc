"""The log of a run as server-sent events, from the real web process."""

import signal
import threading
from collections.abc import Iterator

import httpx2
import pytest
from sqlalchemy import Engine, text

from orchestrator.adapters.run_log import RunLogWriter, announce_end
from orchestrator.client.connection import parse_events
from tests import acts
from tests.patience import PATIENCE
from tests.running import RunningService, wait_until

LINES = ["Apply complete!", "创建主机 web", "a\u2028b", "c\x85d", "e\rf", ": no comment"]


@pytest.fixture
def web(city_url: str) -> Iterator[RunningService]:
    """A web process alone: nothing works off the queue."""
    made = RunningService(city_url)
    try:
        made.start_web()
        yield made
    finally:
        made.stop()


@pytest.fixture
def run(web: RunningService, engine: Engine) -> str:
    """A queued run whose log has LINES."""
    request = acts.approve(web.callers)
    order = web.callers("xxh.reviewer").plans_request(request.id)
    writer = RunLogWriter(engine, str(order.id))
    for line in LINES:
        writer.append(line)
    assert writer.close()
    return str(order.id)


def follow(web: RunningService, run: str, received: list[str], headers: httpx2.Headers) -> None:
    """Collect the text of the stream until the service ends it."""
    path = f"/api/v1/runs/{run}/log/stream"
    bearer = {"Authorization": f"Bearer {web.callers('slj.clerk').token}"}
    with web.callers.http.stream("GET", path, headers=bearer) as answer:
        assert answer.status_code == 200
        headers.update(answer.headers)
        for line in answer.iter_lines():
            received += [line]


def open_transactions(engine: Engine) -> int:
    with engine.connect() as connection:
        number: int = connection.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%'"
            )
        ).scalar_one()
        return number


def test_a_reader_gets_each_line_as_it_was_printed_and_a_stop_ends_the_stream_only(
    web: RunningService, engine: Engine, run: str
) -> None:
    received: list[str] = []
    headers = httpx2.Headers()
    reading = threading.Thread(target=follow, args=(web, run, received, headers))
    reading.start()
    wait_until(lambda: received, "the first lines arrive")
    assert open_transactions(engine) == 0

    assert web.web is not None
    web.web.send_signal(signal.SIGTERM)
    assert web.web.wait(PATIENCE) in {0, -signal.SIGTERM}
    assert "graceful shutdown exceeded" not in web.log_of("web").read_text()
    reading.join(PATIENCE)

    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-accel-buffering"] == "no"
    assert "no-store" in headers["cache-control"]
    assert [line for _, lines in parse_events(iter(received)) for line in lines] == LINES
    # A reader that was not notified of the run's end comes back for the rest.
    assert "event: done" not in received


def test_a_run_that_ends_is_announced(web: RunningService, engine: Engine, run: str) -> None:
    received: list[str] = []
    reading = threading.Thread(target=follow, args=(web, run, received, httpx2.Headers()))
    reading.start()
    wait_until(lambda: received, "the first lines arrive")
    announce_end(engine, run)
    reading.join(10)
    assert received[-3:-1] == ["event: done", "data: {}"]


def test_a_reader_who_may_not_read_the_run_gets_a_problem_instead_of_a_stream(
    web: RunningService, run: str
) -> None:
    answer = web.callers("rsj.clerk").get(f"/runs/{run}/log/stream")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"

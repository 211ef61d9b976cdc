"""Logs of runs through real PostgreSQL: written by threads, followed by readers."""

import asyncio
import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine

from orchestrator.adapters import run_log
from orchestrator.adapters.run_log import RunLogWriter, announce_end
from orchestrator.adapters.run_log_hub import LogLines, RunLogHub
from orchestrator.core.db import create_database_engine
from tests.patience import PATIENCE

Numbered = list[tuple[int, str]]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_database_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def finished() -> set[str]:
    return set()


@pytest.fixture
def hub(engine: Engine, finished: set[str]) -> Iterator[RunLogHub]:
    with RunLogHub(engine, finished.__contains__) as made:
        yield made


def new_run() -> str:
    return str(uuid4())


async def read(hub: RunLogHub, run: str, *, after: int = 0, until: int | None = None) -> Numbered:
    seen: Numbered = []
    async with asyncio.timeout(PATIENCE):
        async for lines in hub.subscribe(run, after):
            seen += list(enumerate(lines.lines, lines.first_line))
            if until is not None and seen[-1][0] >= until:
                break
    return seen


def numbered(count: int, first: int = 1) -> Numbered:
    return [(number, f"line {number}") for number in range(first, count + 1)]


def write(engine: Engine, run: str, first: int, last: int) -> None:
    writer = RunLogWriter(engine, run)
    for number in range(first, last + 1):
        writer.append(f"line {number}")
    assert writer.close()


def test_a_reader_that_comes_late_reads_everything_and_ends_with_the_run(
    engine: Engine, hub: RunLogHub, finished: set[str]
) -> None:
    run = new_run()
    write(engine, run, 1, 1000)
    finished.add(run)
    assert asyncio.run(read(hub, run)) == numbered(1000)


def test_a_reader_follows_live_without_gap_or_double_and_ends_on_request(
    engine: Engine, hub: RunLogHub
) -> None:
    run = new_run()

    def work() -> None:
        for part in range(10):
            write(engine, run, part * 50 + 1, part * 50 + 50)
            time.sleep(0.02)
        announce_end(engine, run)

    writing = threading.Thread(target=work)
    writing.start()
    assert asyncio.run(read(hub, run)) == numbered(500)
    writing.join()


def test_a_reader_that_comes_back_gets_only_what_it_lacks(engine: Engine, hub: RunLogHub) -> None:
    run = new_run()
    write(engine, run, 1, 30)
    write(engine, run, 31, 60)
    assert asyncio.run(read(hub, run, after=17, until=60)) == numbered(60, first=18)
    assert asyncio.run(read(hub, run, after=30, until=60)) == numbered(60, first=31)


def test_text_too_long_for_a_notification_arrives_too(engine: Engine, hub: RunLogHub) -> None:
    run = new_run()

    async def scenario() -> Numbered:
        reading = asyncio.create_task(read(hub, run, until=3))
        await asyncio.sleep(0.2)
        writer = RunLogWriter(engine, run)
        for line in ("short", "长" * 20_000, "last"):
            writer.append(line)
        await asyncio.to_thread(writer.close)
        return await reading

    assert [line for _number, line in asyncio.run(scenario())] == ["short", "长" * 20_000, "last"]


def test_lines_that_the_database_refuses_are_made_harmless(engine: Engine, hub: RunLogHub) -> None:
    run = new_run()
    writer = RunLogWriter(engine, run)
    for line in ("", "a\x00b", "half \ud800", "two\nlines", "'; DROP TABLE runs; --"):
        writer.append(line)
    assert writer.close()
    lines = [line for _number, line in asyncio.run(read(hub, run, until=6))]
    assert lines == ["", "a\ufffdb", "half ?", "two", "lines", "'; DROP TABLE runs; --"]


def test_many_lines_become_few_rows(engine: Engine, database_url: str) -> None:
    run = new_run()
    write(engine, run, 1, 5000)
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM run_log_chunks WHERE run_id = %s", (run,)).fetchone()
    assert row is not None
    assert row[0] < 200


def test_two_writers_of_one_run_lose_nothing(engine: Engine, hub: RunLogHub) -> None:
    run = new_run()
    writers = [RunLogWriter(engine, run) for _ in range(2)]
    for number in range(100):
        for index, writer in enumerate(writers):
            writer.append(f"{index} {number}")
        time.sleep(0.001)
    assert all(writer.close() for writer in writers)
    seen = asyncio.run(read(hub, run, until=200))
    assert [number for number, _line in seen] == list(range(1, 201))
    for index in range(2):
        own = [line for _number, line in seen if line.startswith(f"{index} ")]
        assert own == [f"{index} {number}" for number in range(100)]


def test_a_reader_survives_the_loss_of_its_connection(
    engine: Engine, hub: RunLogHub, database_url: str
) -> None:
    run = new_run()

    async def scenario() -> Numbered:
        reading = asyncio.create_task(read(hub, run, until=20))
        await asyncio.to_thread(write, engine, run, 1, 10)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        await asyncio.to_thread(write, engine, run, 11, 20)
        return await reading

    assert asyncio.run(scenario()) == numbered(20)


def test_a_writer_survives_the_loss_of_its_connection(
    engine: Engine, hub: RunLogHub, database_url: str
) -> None:
    run = new_run()
    writer = RunLogWriter(engine, run)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for number in range(1, 61):
            writer.append(f"line {number}")
            time.sleep(0.005)
            if number % 20 == 0:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
    assert writer.close()
    assert asyncio.run(read(hub, run, until=60)) == numbered(60)


def test_what_does_not_fit_the_buffer_is_counted(
    engine: Engine, hub: RunLogHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "_BUFFER_CHARACTERS", 50)
    run, gate = new_run(), threading.Event()
    stored = RunLogWriter._store

    def held(writer: RunLogWriter, text: str) -> None:
        gate.wait(PATIENCE)
        stored(writer, text)

    monkeypatch.setattr(RunLogWriter, "_store", held)
    writer = RunLogWriter(engine, run)
    writer.append("first")
    time.sleep(0.1)
    for number in range(100):
        writer.append(f"line {number:05}")
    gate.set()
    time.sleep(0.2)
    writer.append("last")
    assert writer.close()
    lines = [line for _number, line in asyncio.run(read(hub, run, until=7))]
    assert lines[:2] == ["first", "line 00000"]
    assert lines[-2:] == ["[95 lines dropped: the log could not be stored]", "last"]


def test_a_slow_reader_still_gets_every_line_once(
    engine: Engine, hub: RunLogHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.adapters.run_log_hub._FEED_LENGTH", 3)
    run = new_run()

    async def scenario() -> Numbered:
        seen: Numbered = []
        writing = asyncio.create_task(asyncio.to_thread(trickle))
        async for lines in hub.subscribe(run):
            seen += list(enumerate(lines.lines, lines.first_line))
            if seen[-1][0] >= 200:
                break
            await asyncio.sleep(0.05)
        await writing
        return seen

    def trickle() -> None:
        writer = RunLogWriter(engine, run)
        for number in range(1, 201):
            writer.append(f"line {number}")
            time.sleep(0.002)
        writer.close()

    assert asyncio.run(scenario()) == numbered(200)


def test_closing_the_hub_ends_its_readers(engine: Engine) -> None:
    async def scenario() -> Numbered:
        hub = RunLogHub(engine, lambda _run: False)
        hub.start()
        reading = asyncio.create_task(read(hub, new_run()))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(hub.close)
        return await reading

    assert asyncio.run(scenario()) == []


def test_lines_behind_a_number_are_truncated_at_that_number() -> None:
    lines = LogLines(5, ("five", "six", "seven"))
    assert lines.last_line == 7
    assert lines.after(5) == LogLines(6, ("six", "seven"))
    assert lines.after(2) == lines
    assert lines.after(9).lines == ()

"""A failing first copy is reported with the error text of the server's log, wherever that is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.ports.movers.two_servers import LOG, PROGRAMS, Pair, installed_servers, run_script
from tests.ports.sandbox.daemon import wait_until

NAME = "govcloud_k_forward"
WORKER = "logical replication table synchronization worker"
STARTED = f'LOG:  {WORKER} for subscription "{NAME}", table "%s" has started'
APPLYING = f'LOG:  logical replication apply worker for subscription "{NAME}" has started'
STARTED_ZH = f'日志:  订阅"{NAME}"、表"%s"的逻辑复制表同步工作线程已启动'
READER = """
import json, sys
import server_log
print(json.dumps([server_log.errors_in(*case) for case in json.load(sys.stdin)]))
"""
CASES: Mapping[str, tuple[str, int | None, list[str], dict[str, str]]] = {
    "a trigger that fails, with what a client did meanwhile": (
        "%m [%p] %q%u@%d ",
        11,
        [
            f"2019-06-19 08:00:00.000 UTC [11] {APPLYING}",
            f"2019-06-19 08:00:01.000 UTC [12] {STARTED % 'report'}",
            '2019-06-19 08:00:01.100 UTC [13] app@app ERROR:  duplicate key value violates "report_pkey"',
            "2019-06-19 08:00:01.200 UTC [12] ERROR:  no such station",
            "2019-06-19 08:00:01.200 UTC [12] CONTEXT:  COPY report, line 1: secret",
        ],
        {"report": "no such station"},
    ),
    "messages in Chinese, a prefix with widths, a table whose name has quotes": (
        "%t [%-6p] ",
        None,
        [f"2019 [12    ] {STARTED_ZH % chr(34).join(('a', 'b'))}", "2019 [12    ] 错误:  除数为零"],
        {'a"b': "除数为零"},
    ),
    "what an earlier subscription of the name had written": (
        "[%p] ",
        21,
        [f"[12] {STARTED % 'old'}", "[12] ERROR:  old", f"[21] {APPLYING}", f"[22] {STARTED % 'new'}"],
        {},
    ),
    "another subscription, and a copy that succeeded": (
        "[%p] ",
        None,
        [
            f"[5] {STARTED.replace(NAME, 'other') % 'report'}",
            "[5] ERROR:  of somebody else",
            f"[6] {STARTED % 'report'}",
            f"[6] {STARTED % 'report'}".replace("started", "finished"),
        ],
        {},
    ),
    "a worker that applies": ("[%p] ", 3, [f"[3] {APPLYING}", "[3] FATAL:  gone"], {"": "gone"}),
    "a prefix that does not tell the process": ("%m ", None, [f"2019 {STARTED % 'a'}", "2019 ERROR:  x"], {}),
}
CHECKED_ON_THE_TARGET = """
SET ROLE app;
CREATE TABLE limits (most int);
INSERT INTO limits VALUES (10);
ALTER TABLE limits REPLICA IDENTITY FULL;
CREATE FUNCTION most() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT max(l.most) FROM limits l); END';
CREATE TABLE rain (n int PRIMARY KEY CHECK (n < most()));
CREATE TABLE river (n int PRIMARY KEY);
INSERT INTO rain VALUES (1);
INSERT INTO river VALUES (1);
"""

FOUND = {
    "code": "copy_fails",
    "facts": {
        "side": "target",
        "table": "public.rain",
        "last": 'relation "limits" does not exist at character 26',
    },
}
as_an_account = pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL does not run as root")


@pytest.fixture
def failing(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A prepared migration in which the copy of one table fails on the target."""
    at_hand = installed_servers()
    made = Pair(at_hand[max(at_hand)], at_hand[max(at_hand)], getattr(request, "param", {}))
    try:
        with made.source.admin() as source:
            run_script(source, CHECKED_ON_THE_TARGET)
        made.prepare()
        yield made
    finally:
        made.close()


def test_the_errors_of_a_subscriptions_workers_are_distinguished_by_table() -> None:
    cases = [[lines, prefix, NAME, pid] for prefix, pid, lines, _ in CASES.values()]
    answer = subprocess.run(
        [sys.executable, "-B", "-c", READER],
        input=json.dumps(cases),
        env={**os.environ, "PYTHONPATH": f"{PROGRAMS / 'host'}:{PROGRAMS / 'mover'}"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert dict(zip(CASES, json.loads(answer.stdout), strict=True)) == {
        case: expected for case, (*_, expected) in CASES.items()
    }


@as_an_account
def test_a_check_that_fails_on_the_target_is_reported_by_the_first_look_after_it_wherever_the_log_is(
    failing: Pair,
) -> None:
    """Unqualified names are not found in the worker that copies: its search path is empty."""
    root = failing.target.root
    assert first_look_after_a_failure(failing) == [FOUND]
    (root / "var/log/postgresql").mkdir()
    (root / LOG).rename(root / "var/log/postgresql/postgresql-18-main.log")
    assert first_look_after_a_failure(failing) == [FOUND]
    (root / "var/log/postgresql/postgresql-18-main.log").rename(root / "elsewhere")
    without_words = {**FOUND, "facts": {"side": "target", "table": "public.rain"}}
    assert first_look_after_a_failure(failing) == [without_words]


@as_an_account
@pytest.mark.parametrize(
    "failing", [{"logging_collector": "on", "log_filename": "'server.log'"}], indirect=True
)
def test_the_log_of_the_servers_own_collector_is_read_over_the_connection(failing: Pair) -> None:
    assert first_look_after_a_failure(failing) == [FOUND]


def first_look_after_a_failure(pair: Pair) -> list[dict[str, Any]]:
    """Return the mover's report once the server has counted a failure and the other tables are copied."""
    failures = "SELECT sum(sync_error_count) > 0 FROM pg_stat_subscription_stats"
    waiting = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'"
    with pair.target.admin() as target:
        wait_until(lambda: target.execute(failures).fetchone() == (True,), "a copy fails", 60)
        wait_until(lambda: target.execute(waiting).fetchone() == (1,), "the others are copied", 60)
    found: list[dict[str, Any]] = pair.run("target", "read")["findings"]
    return found

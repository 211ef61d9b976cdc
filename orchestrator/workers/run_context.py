"""The parts of a job handler, and the context of an engine run: lease, log, token."""

import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import sqlalchemy.exc
from sqlalchemy import Engine

from orchestrator.adapters.run_folders import CloudModules, RunFolders
from orchestrator.adapters.run_log import RunLogWriter, announce_end
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.core.lease import WorkspaceLease, workspace_lease
from orchestrator.core.sealing import Keys, new_token, token_hash
from orchestrator.core.stop_reasons import StopReason
from orchestrator.migrations.movers import Movers
from orchestrator.migrations.transfer import Transfer
from orchestrator.policies.pack import PolicyPack
from orchestrator.runs import queries
from orchestrator.runs.engine import AnsibleEngine, CloudInventory, EngineRun, TerraformEngine
from orchestrator.runs.outcomes import Reason
from orchestrator.settings import Settings
from orchestrator.workflows.plans.recovery import give_up, stop_reason

_NO_ROOM = frozenset({errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EPERM, errno.EROFS})

logger = logging.getLogger(__name__)

_PASSING = (psycopg.OperationalError, psycopg.InterfaceError, sqlalchemy.exc.OperationalError)
"""Errors of a database that does not answer: the job is retried and finds out the outcome of the run."""


@dataclass(frozen=True)
class Worker:
    """The parts that `wiring` put together for one worker process."""

    engine: Engine
    database_url: str
    settings: Settings
    keys: Keys
    pack: PolicyPack
    terraform: TerraformEngine
    ansible: AnsibleEngine
    movers: Callable[[Transfer, Path, EngineRun], Movers]
    inventories: Mapping[str, CloudInventory]
    cloud_environment: Callable[[str], Mapping[str, str]]
    modules: CloudModules
    folders: RunFolders

    @property
    def name(self) -> str:
        """Return the name of this worker in runs and in the audit."""
        return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True)
class RunContext:
    """One run's context: its job, its token, its lease and its log."""

    run_id: UUID
    job: JobContext
    token: str
    lease: WorkspaceLease
    log: RunLogWriter

    @property
    def token_hash(self) -> str:
        """Return the hash of the token, which the database stores."""
        return token_hash(self.token)


@contextmanager
def open_run(worker: Worker, job: JobContext, run_id: UUID) -> Iterator[RunContext]:
    """Hold the workspace's lease and write the run's log while the run is in progress.

    Raises:
        LeaseBusy: A process of an earlier run of this workspace still exists; the job is retried later.
    """
    with transaction(worker.engine) as session:
        run = queries.run(session, run_id)
        workspace = queries.workspace(session, run.workspace_id)
    with workspace_lease(worker.database_url, workspace.key) as lease:
        log = RunLogWriter(worker.engine, str(run_id))
        try:
            yield RunContext(run_id, job, new_token("run"), lease, log)
        except _PASSING:
            raise
        except Exception as error:
            logger.exception("Run %s failed inside the service", run_id)
            log.append(f"The service itself failed: {type(error).__name__}: {error}")
            with transaction(worker.engine) as session:
                give_up(session, run_id, _bug(error))
        finally:
            log.close()
            announce_end(worker.engine, str(run_id))


def _bug(error: Exception) -> Reason:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        host, what = socket.gethostname(), error.strerror
        return Reason(
            f"The worker on {host} cannot write its folders: {what}.",
            f"执行主机 {host} 无法写入执行目录：{what}。",
            "Let the technical administrator make room there; then abandon the plan and generate a new one.",
            "请技术管理员清理该主机空间，随后放弃该计划并重新生成。",
        )
    what = f"{type(error).__name__}: {error}"[:500]
    return Reason(
        f"The service itself failed: {what}",
        f"系统自身故障：{what}",
        "Nothing is lost. Tell the technical administrator; then abandon the plan and generate a new one.",
        "数据未丢失。请告知技术管理员，随后放弃该计划并重新生成。",
    )


def engine_run(
    worker: Worker, context: RunContext, workspace_id: UUID, cloud: str, *, ignore_cancel: bool = False
) -> EngineRun:
    """Return the environment and the limits of one engine process of this run.

    With `ignore_cancel` the process runs to completion even if the run was cancelled; only a lost lease and
    the time limits stop it.
    """
    settings = worker.settings
    return EngineRun(
        run_id=str(context.run_id),
        environment={**_backend(settings.url, workspace_id, context), **worker.cloud_environment(cloud)}
        | {"GOVCLOUD_RUN": str(context.run_id)},
        log=context.log.append,
        should_stop=_lease_watch(context) if ignore_cancel else _stopper(worker, context),
        keep_open=(context.lease.fileno(),),
        timeout_seconds=settings.terraform_timeout_seconds,
        idle_seconds=settings.terraform_idle_seconds,
        secrets=(context.token,),
    )


def _backend(url: str, workspace_id: UUID, context: RunContext) -> dict[str, str]:
    address = f"{url}/api/v1/state/{workspace_id}"
    return {
        "TF_HTTP_ADDRESS": address,
        "TF_HTTP_LOCK_ADDRESS": address,
        "TF_HTTP_UNLOCK_ADDRESS": address,
        "TF_HTTP_USERNAME": "run",
        "TF_HTTP_PASSWORD": context.token,
        "TF_HTTP_RETRY_MAX": "5",
    }


def _lease_watch(context: RunContext) -> Callable[[], StopReason | None]:
    return lambda: None if context.lease.is_alive() else StopReason.LEASE_LOST


def _stopper(worker: Worker, context: RunContext) -> Callable[[], StopReason | None]:
    lease_lost = _lease_watch(context)

    def should_stop() -> StopReason | None:
        if why := lease_lost() or context.job.abort_reason():
            return why
        with transaction(worker.engine) as session:
            return stop_reason(session, context.run_id)

    return should_stop

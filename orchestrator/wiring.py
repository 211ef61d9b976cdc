"""The only file that picks real adapters from the settings."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from sqlalchemy import Engine

from orchestrator.adapters.ansible import AnsibleRunnerEngine
from orchestrator.adapters.movers.ansible_movers import ansible_movers
from orchestrator.adapters.policy_files import load_pack
from orchestrator.adapters.run_folders import CloudModules, RunFolders
from orchestrator.adapters.run_log_hub import READERS, RunLogHub
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.adapters.terraform import TerraformProcesses, find_terraform
from orchestrator.api.admission import Admission
from orchestrator.api.deps import Service
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.core.errors import BadInput
from orchestrator.core.jobs import MINUTE, Handler
from orchestrator.core.sealing import load_keys
from orchestrator.runs import queries
from orchestrator.runs.engine import CloudInventory
from orchestrator.runs.lifecycle import RUN_LIFECYCLE, RunStatus
from orchestrator.schema.tables import metadata
from orchestrator.settings import Settings
from orchestrator.workers import calendar
from orchestrator.workers.billing import month_close
from orchestrator.workers.migrations import switch
from orchestrator.workers.plans import application, drift, generation
from orchestrator.workers.run_context import Worker
from orchestrator.workflows.billing.month_close import METER_JOB

TABLES = metadata.tables
"""Every table is imported before the first query, because foreign keys name tables of other packages."""


BESIDE_CALLS = READERS + 2
"""A web process has these connections beside its calls': log readers, log listener, readiness check."""


def database_url(settings: Settings) -> str:
    """Return the address of the database.

    Raises:
        BadInput: No database address is set.
    """
    if not settings.database_url:
        raise BadInput(
            "No database: set DATABASE_URL, or run this under `govcloud up`.", field="DATABASE_URL"
        )
    return settings.database_url


def service(settings: Settings) -> Service:
    """Return the parts of a web process; its pool has a connection for every thread that needs one."""
    pool_size = settings.max_calls + BESIDE_CALLS
    engine = create_database_engine(database_url(settings), pool_size=pool_size, max_overflow=0)
    return Service(
        engine=engine,
        settings=settings,
        keys=load_keys(settings.keys_path),
        pack=load_pack(settings.content_dir / "policies" / settings.policy_pack),
        logs=RunLogHub(engine, partial(_has_ended, engine)),
        admission=Admission(settings.max_calls, settings.max_waiting_calls),
    )


def _has_ended(engine: Engine, run_id: str) -> bool:
    with transaction(engine) as session:
        return RUN_LIFECYCLE.is_final(RunStatus(queries.run(session, UUID(run_id)).status))


def worker(settings: Settings) -> Worker:
    """Return the parts of a worker process."""
    url, ansible = database_url(settings), AnsibleRunnerEngine()
    return Worker(
        engine=create_database_engine(url, pool_size=settings.slots * 2 + 2),
        database_url=url,
        settings=settings,
        keys=load_keys(settings.keys_path),
        pack=load_pack(settings.content_dir / "policies" / settings.policy_pack),
        terraform=TerraformProcesses(
            find_terraform(settings), mirror=settings.provider_mirror, home=settings.engine_home
        ),
        ansible=ansible,
        movers=partial(ansible_movers, ansible),
        inventories=inventories(settings),
        cloud_environment=partial(cloud_environment, settings),
        modules=CloudModules(settings.clouds),
        folders=RunFolders(settings.runs_dir),
    )


def inventories(settings: Settings) -> Mapping[str, CloudInventory]:
    """Return the inventory of each cloud, which is independent of Terraform."""
    return {"sandbox": SandboxCloud(settings.sandbox_socket)}


def cloud_environment(settings: Settings, cloud: str) -> Mapping[str, str]:
    """Return the environment of a cloud's provider; credentials never enter a bundle or a state."""
    if cloud == "sandbox":
        return {"SANDBOX_SOCKET": str(settings.sandbox_socket), "SANDBOX_PYTHON": settings.python}
    return {}


def handlers(worker: Worker) -> Mapping[str, Handler]:
    """Return every job handler by the name of its job."""
    return {
        "runs.plan": partial(generation.plan_run, worker),
        "runs.apply": partial(application.apply_run, worker),
        "runs.drift": partial(drift.drift_run, worker),
        "runs.inspect": partial(switch.inspect_run, worker),
        METER_JOB: partial(month_close.meter_month, worker),
        MINUTE: partial(calendar.every_minute, worker),
    }

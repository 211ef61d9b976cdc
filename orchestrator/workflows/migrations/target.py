"""The target of a migration: a host that an applied plan has made, read from Terraform's outputs alone."""

from sqlmodel import Session

from orchestrator.core.errors import NotFound
from orchestrator.migrations.errors import TargetNotApplied
from orchestrator.migrations.models import Migration
from orchestrator.migrations.plan_files import stored_plan
from orchestrator.migrations.transfer import MigrationHost
from orchestrator.resources import queries as resource_queries
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.runs import queries as run_queries

STANDS = frozenset({ResourceStatus.TRIAL, ResourceStatus.ACTIVE})


def target_host(session: Session, migration: Migration) -> MigrationHost:
    """The target as the last apply of its workspace reported it.

    Raises:
        TargetNotApplied: nothing was applied, or the request has no such host.
    """
    wanted = stored_plan(migration.plan_document).target.host
    try:
        workspace = run_queries.workspace_of_request(session, migration.request_id)
    except NotFound:
        raise TargetNotApplied("The request has not been planned yet.") from None
    if run_queries.last_applied(session, workspace.id) is None:
        raise TargetNotApplied("No plan of the request has been applied.")
    for row in resource_queries.of_workspace(session, workspace.id):
        if row.address == f"instance/{wanted}" and row.status in STANDS and row.ip_address:
            if not row.connection:
                break
            return MigrationHost(wanted, row.ip_address, row.connection)
    raise TargetNotApplied(f"The request has no host {wanted} that an applied plan has made.")

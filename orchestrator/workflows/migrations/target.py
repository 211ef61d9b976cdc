"""The target of a migration: a host of an applied plan, with the address from Terraform's outputs."""

from sqlmodel import Session

from orchestrator.core.errors import NotFound
from orchestrator.migrations.errors import TargetNotApplied
from orchestrator.migrations.models import Migration
from orchestrator.migrations.plan_files import stored_plan
from orchestrator.migrations.transfer import MigrationHost
from orchestrator.resources import queries as resource_queries
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.runs import queries as run_queries

USABLE = frozenset({ResourceStatus.TRIAL, ResourceStatus.ACTIVE})


def target_host(session: Session, migration: Migration) -> MigrationHost:
    """Return the target as the last apply of its workspace reported it.

    Raises:
        TargetNotApplied: No plan was applied, or the request has no such host.
    """
    name = stored_plan(migration.plan_document).target.host
    try:
        workspace = run_queries.workspace_of_request(session, migration.request_id)
    except NotFound:
        raise TargetNotApplied("The request has not been planned yet.") from None
    if run_queries.last_applied(session, workspace.id) is None:
        raise TargetNotApplied("No plan of the request has been applied.")
    for resource in resource_queries.of_workspace(session, workspace.id):
        if resource.address == f"instance/{name}" and resource.status in USABLE and resource.ip_address:
            if not resource.connection:
                break
            return MigrationHost(name, resource.ip_address, resource.connection)
    raise TargetNotApplied(f"No applied plan of the request has created a host {name}.")

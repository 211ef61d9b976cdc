"""Terraform's state as its http backend: read, lock, unlock, write, each with the token of one run.

A run's token opens the state of its own workspace only. It may write while the run applies, never
while it plans or looks for drift.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.core import audit
from orchestrator.core.errors import BadInput, NotSignedIn
from orchestrator.core.events import Event
from orchestrator.core.sealing import Keys, token_hash
from orchestrator.runs import queries, state_files, store
from orchestrator.runs.errors import StateLocked, StateRefused
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import RunStatus
from orchestrator.runs.models import Run


@dataclass(frozen=True)
class StateAccess:
    """A call of Terraform for the state of one workspace, with the token of a run."""

    workspace_id: UUID
    token: str


def run_of_token(session: Session, access: StateAccess) -> Run:
    """Return the running run that this token belongs to.

    Raises:
        NotSignedIn: No running run of this workspace has this token.
    """
    run = queries.run_by_token(session, token_hash(access.token))
    if run is None or run.workspace_id != access.workspace_id:
        raise NotSignedIn("This token belongs to no running run of this workspace.")
    return run


def read_state(session: Session, access: StateAccess, keys: Keys) -> bytes | None:
    """Return the newest state in clear, or None if the workspace has none yet."""
    run = run_of_token(session, access)
    return newest(session, run.workspace_id, keys)


def newest(session: Session, workspace_id: UUID, keys: Keys) -> bytes | None:
    """Return the newest state in clear, or None; for the service itself, without a token."""
    version = queries.newest_state(session, workspace_id)
    return keys.decrypt(version.data) if version else None


def lock_state(session: Session, access: StateAccess, info: dict[str, Any]) -> None:
    """Take Terraform's lock for the run of the token.

    Raises:
        StateLocked: Another lock exists; the error carries its description.
    """
    run = run_of_token(session, access)
    held = store.take_state_lock(session, run, str(info.get("ID", "")), info)
    if held is not None:
        raise StateLocked(lock=held.info)


def unlock_state(session: Session, access: StateAccess) -> None:
    """Release the lock of the token's run; a lock of another run stays."""
    run = run_of_token(session, access)
    store.release_state_lock(session, run)


def write_state(session: Session, access: StateAccess, lock_id: str, body: bytes, keys: Keys) -> None:
    """Append a version of the state.

    Raises:
        StateRefused: The run is no apply, does not hold the lock, or the state is older than the newest one.
        BadInput: The body is not a Terraform state.
    """
    run = run_of_token(session, access)
    held = queries.state_lock(session, run.workspace_id)
    if run.kind != RunKind.APPLY or run.status != RunStatus.RUNNING:
        raise StateRefused("Only a run that applies may write the state.")
    if held is None or held.run_id != run.id or (lock_id and held.lock_id != lock_id):
        raise StateRefused("This run does not hold the lock of the state.")
    append(session, run, body, keys)


def append(session: Session, run: Run, body: bytes, keys: Keys) -> None:
    """Check and store one version of the state, with its audit event."""
    new = state_files.header(body)
    if new is None:
        raise BadInput("This is not a Terraform state.")
    workspace = store.lock_workspace(session, run.workspace_id)
    current = state_files.StateHeader(workspace.lineage, workspace.serial) if workspace.lineage else None
    refused = state_files.refusal(new, current)
    if refused is not None:
        raise StateRefused(f"The state was refused: {refused}.")
    digest = hashlib.sha256(body).hexdigest()
    store.add_state_version(session, run, workspace, store.SealedState(new, digest, keys.encrypt(body)))
    audit.record(
        session,
        Event(
            "state:written",
            ("workspace", workspace.id),
            actor=f"run:{run.id}",
            organisation=workspace.organisation_code,
            data={"serial": new.serial, "lineage": new.lineage, "sha256": digest},
        ),
    )

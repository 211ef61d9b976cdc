"""Shapes of audit events and of the verification of their chain."""

from datetime import datetime

from pydantic import BaseModel

from orchestrator.api.shapes import Page, Shape


class AuditEventDetail(Shape):
    """One event. `body` is the JSON text that was hashed; `hash` covers `previous_hash`, `seq` and `body`."""

    seq: int
    at: datetime
    actor: str
    action: str
    object_type: str
    object_id: str
    organisation_code: str | None
    body: str
    previous_hash: str
    hash: str


class AuditEventPage(Page):
    """Events, newest first."""

    items: list[AuditEventDetail]


class ChainFinding(Shape):
    """One defect of the chain, at the event with this number."""

    seq: int
    problem: str


class AuditVerification(BaseModel):
    """The result of a verification of the whole chain.

    `heads` counts the signed heads, `torn_heads` are the numbers of incomplete lines in their file, and
    `altered_statements` the numbers of statements whose digest differs from the audited one.
    """

    ok: bool
    events: int
    heads: int
    torn_heads: list[int]
    findings: list[ChainFinding]
    altered_statements: list[str]

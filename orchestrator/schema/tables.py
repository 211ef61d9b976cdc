"""Import every module with tables, so that the metadata and its foreign keys are complete."""

from sqlmodel import SQLModel

from orchestrator.billing import models as billing
from orchestrator.catalogue import models as catalogue
from orchestrator.content import models as content
from orchestrator.core import audit, clock, idempotency
from orchestrator.departments import models as departments
from orchestrator.migrations import models as migrations
from orchestrator.quotas import models as quotas
from orchestrator.resource_requests import models as resource_requests
from orchestrator.resources import models as resources
from orchestrator.runs import models as runs
from orchestrator.systems import models as systems

metadata = SQLModel.metadata

__all__ = [
    "audit",
    "billing",
    "catalogue",
    "clock",
    "content",
    "departments",
    "idempotency",
    "metadata",
    "migrations",
    "quotas",
    "resource_requests",
    "resources",
    "runs",
    "systems",
]

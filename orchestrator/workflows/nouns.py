"""Every noun with all its acts."""

from dataclasses import replace
from typing import Final

from orchestrator.workflows.act import Noun
from orchestrator.workflows.billing.acts import ACTIVATE, RESOURCE, STATEMENT
from orchestrator.workflows.content.acts import REVISION
from orchestrator.workflows.migrations.acts import MIGRATION
from orchestrator.workflows.people.acts import PERSON
from orchestrator.workflows.plans.acts import GENERATE_PLAN, PLAN, RUN
from orchestrator.workflows.requests.acts import REQUEST

REQUESTS: Final = replace(REQUEST, acts=(*REQUEST.acts, GENERATE_PLAN, ACTIVATE))
PLANS: Final = PLAN
RUNS: Final = RUN
MIGRATIONS: Final = MIGRATION
RESOURCES: Final = RESOURCE
STATEMENTS: Final = STATEMENT
REVISIONS: Final = REVISION
PEOPLE: Final = PERSON
NOUNS: Final[tuple[Noun, ...]] = (REQUESTS, PLANS, RUNS, MIGRATIONS, RESOURCES, STATEMENTS, REVISIONS, PEOPLE)

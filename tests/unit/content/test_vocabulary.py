"""The content, its tables and the policy pack use the same codes for roles, kinds and classes."""

from typing import get_args

from orchestrator.content import documents
from orchestrator.departments.models import OrganisationKind
from orchestrator.departments.permissions import Role
from orchestrator.policies import pack
from orchestrator.quotas.models import ResourceClass
from orchestrator.systems.models import Classification


def test_the_roles_of_the_content_are_those_that_can_be_granted() -> None:
    assert set(get_args(documents.RoleName)) == set(Role)


def test_the_policy_pack_knows_every_role_that_can_be_granted() -> None:
    assert set(Role) <= {role.value for role in pack.DutyRole}


def test_the_kinds_of_organisations_are_those_of_the_table() -> None:
    assert set(get_args(documents.OrganisationKind)) == set(OrganisationKind)


def test_the_resource_classes_and_classifications_are_those_of_the_tables() -> None:
    assert set(documents.RESOURCE_CLASSES) == set(ResourceClass)
    annotation = documents.SystemDocument.model_fields["classification"].annotation
    assert set(get_args(annotation)) == set(Classification)

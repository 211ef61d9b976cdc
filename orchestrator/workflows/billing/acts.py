"""Acts on billing: activation."""

from orchestrator.departments.permissions import Permission
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resources.errors import NotInTrial
from orchestrator.workflows.act import Act, Body, Text
from orchestrator.workflows.billing import usage

P = Permission

ACTIVATE = Act(
    name="activate",
    label=Text("正式开通", "Activate"),
    statuses={RequestStatus.IN_TRIAL},
    permission=P.RESOURCES_ACTIVATE,
    body=Body.OWN,
    not_now=NotInTrial,
    runs=usage.activate_request,
    tone="primary",
    waiting=Text("待正式开通", "Awaiting activation"),
    done=Text("已正式开通，自今日起计费。", "In service. Billing starts today."),
)

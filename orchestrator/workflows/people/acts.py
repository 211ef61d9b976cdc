"""The acts on a person's account."""

from orchestrator.departments import store
from orchestrator.departments.errors import LastAdministrator, OwnAccount
from orchestrator.departments.lifecycle import PersonStatus
from orchestrator.departments.models import Person
from orchestrator.departments.permissions import Permission
from orchestrator.workflows.act import Act, Condition, Noun, Text
from orchestrator.workflows.people import accounts, queries

LEAVES_AN_ADMINISTRATOR = Condition(queries.leaves_an_administrator, LastAdministrator)

DEACTIVATE = Act(
    name="deactivate",
    label=Text("停用账户", "Deactivate the account"),
    statuses={PersonStatus.ACTIVE},
    permission=Permission.PEOPLE_MANAGE,
    duty="manage_people",
    never_with=("id",),
    conditions=(LEAVES_AN_ADMINISTRATOR,),
    needs_reason=True,
    runs=accounts.deactivate_person,
    tone="outline-danger",
    done=Text("账户已停用，登录与令牌即时失效。", "Deactivated. Sessions and tokens have ended."),
)
PERSON = Noun(
    subject="person",
    path="people",
    one="person",
    table=Person,
    lock=store.lock_person,
    acts=(DEACTIVATE,),
    same_person=OwnAccount,
)

"""The left menu, by the permissions of the person."""

from dataclasses import dataclass

from orchestrator.console.words.i18n import N_
from orchestrator.departments.permissions import Actor, Permission

P = Permission


@dataclass(frozen=True)
class MenuEntry:
    """One line of the menu; `badge` names the count that may stand beside it."""

    label: str
    path: str
    badge: str = ""
    any_of: frozenset[P] = frozenset()

    def is_for(self, actor: Actor) -> bool:
        """Whether the actor holds one of the permissions that the page needs."""
        return not self.any_of or bool(self.any_of & actor.permissions)


DECIDES = frozenset(
    {
        P.REQUESTS_ENDORSE,
        P.REQUESTS_REVIEW,
        P.PLANS_APPROVE,
        P.PLANS_APPROVE_LEVEL_3,
        P.PLANS_APPROVE_FINANCE,
        P.PLANS_APPLY,
    }
)

ENTRIES = (
    MenuEntry(N_("我的待办"), "/console/"),
    MenuEntry(N_("审批队列"), "/console/approvals", "approvals", DECIDES),
    MenuEntry(N_("资源申请"), "/console/requests", "requests", frozenset({P.REQUESTS_READ})),
    MenuEntry(N_("执行记录"), "/console/runs", "runs", frozenset({P.REQUESTS_READ})),
    MenuEntry(N_("系统迁移"), "/console/migrations", "", frozenset({P.REQUESTS_READ})),
    MenuEntry(N_("资源清单"), "/console/resources", "resources", frozenset({P.REQUESTS_READ})),
    MenuEntry(N_("用量确认单"), "/console/statements", "", frozenset({P.REQUESTS_READ})),
    MenuEntry(N_("用量与预算"), "/console/usage-report", "", frozenset({P.REQUESTS_READ})),
    MenuEntry(N_("审计"), "/console/audit", "", frozenset({P.AUDIT_READ})),
)


def entries_for(actor: Actor) -> tuple[MenuEntry, ...]:
    """The menu of one person, in the order of the page."""
    return tuple(entry for entry in ENTRIES if entry.is_for(actor))


def is_current(entry: MenuEntry, path: str) -> bool:
    """Whether the page at `path` belongs to this entry."""
    if entry.path == "/console/":
        return path == entry.path
    return path == entry.path or path.startswith(f"{entry.path}/")

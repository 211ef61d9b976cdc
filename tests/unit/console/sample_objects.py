"""A request and its plan as a department sees them, with hostile words in every text."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from orchestrator.console.frame.views import (
    Action,
    ActionSet,
    BudgetEffect,
    CostLine,
    Finding,
    Frame,
    Happening,
    QuotaBar,
    QuotaCard,
    Quote,
)
from orchestrator.console.plans.views import (
    ApprovalRow,
    AttributeDiff,
    BoundMember,
    DutyHolder,
    HostSteps,
    PlanDetail,
    PlanRun,
    ResourceDiff,
    Sentence,
)
from orchestrator.console.requests.views import (
    HoldRow,
    InstanceLine,
    PlanRow,
    Removal,
    RequestDetail,
    RequestRow,
    ResourceRow,
)
from orchestrator.departments.permissions import Actor, Role
from orchestrator.runs.saved_plan import PlannedAction

AT = datetime(2019, 6, 19, 1, 0, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script> "} {{ 7*7 }} ${file("/etc/passwd")}'
RUN_ID = "5b0c6d0e-3d7a-4f0b-9c55-0f5f9d9c4f32"
DIGEST = "sha256:4f1c8be2a7d90355c2b6e0f9a1d3475860bb9c2d7e54fa1306c8d2b97f3e6a10"
DEPARTMENT = "市水利局"
SYSTEM = "山洪灾害监测预警系统"

EVERY_ROLE = frozenset(Role)


def actor(*roles: Role, language: str = "zh") -> Actor:
    """A person with the given roles, by default with all of them."""
    return Actor(
        person_id=UUID(int=1),
        name="陈静",
        name_en="Chen Jing",
        organisation="SLJ",
        roles=frozenset(roles) or EVERY_ROLE,
        language=language,
    )


def frame(*roles: Role, language: str = "zh") -> Frame:
    """The frame around that person's pages."""
    return Frame(
        actor=actor(*roles, language=language),
        organisation=DEPARTMENT,
        badges={"approvals": 28, "runs": 2},
        now=AT,
    )


def hours(number: float) -> datetime:
    """`number` hours after the sample date."""
    return AT + timedelta(hours=number)


QUOTA = QuotaCard(
    organisation=DEPARTMENT,
    zone_class="production",
    bars=(
        QuotaBar(code="vcpu", limit=32, committed=16, held=4, asked=8),
        QuotaBar(code="memory_gb", limit=128, committed=48, held=16, asked=32),
        QuotaBar(code="block_gb", limit=2000, committed=1400, held=100, asked=500),
    ),
)
OWN_QUOTA = QuotaCard(
    organisation=DEPARTMENT,
    zone_class="production",
    bars=(
        QuotaBar(code="vcpu", limit=32, committed=16, held=4),
        QuotaBar(code="memory_gb", limit=128, committed=48, held=16),
        QuotaBar(code="block_gb", limit=2000, committed=1900, held=60),
    ),
)
QUOTE = Quote(
    catalogue="CAT-2019-01",
    lines=(
        CostLine("ECS-X86-CPU", "通用云主机 vCPU", "8", "vCPU", 4200, 33600),
        CostLine("ECS-X86-MEM", "通用云主机 内存", "32", "GB", 1500, 48000),
        CostLine("EVS-SSD", "云硬盘 SSD", "500", "GB", 20, 10000),
        CostLine("BAK-VM", "整机备份", "500", "GB", 20, 10000),
    ),
    total_fen=101600,
)
FINDINGS = (
    Finding("R-16", "pass", "配额足够:vCPU 28 / 32。"),
    Finding(
        "R-03",
        "warn",
        "系统为新建，须依托市政务云建设。",
        clause="1",
        quote="从2019年5月起，新建和改造升级的政务信息系统必须依托市政务云平台开展建设。",
    ),
)
TIMELINE = (
    Happening(hours(0), "陈静", DEPARTMENT, "起草申请"),
    Happening(hours(2), "李晓梅", DEPARTMENT, "审签并提交，已预占配额", said="汛期前需要上线，情况属实。"),
    Happening(hours(5), "刘洋", "市信息化中心", "受理"),
    Happening(hours(7), "刘洋", "市信息化中心", "退回补正", said=f"请说明端口用途 {HOSTILE}", bad=True),
    Happening(hours(9), "陈静", DEPARTMENT, "补正后重新提交"),
)
LINES = (
    InstanceLine(
        "web",
        "填报入口",
        "app",
        "政务外网 x86 池",
        "Debian 12",
        4,
        16,
        200,
        "SSD",
        200,
        1,
        ("HSS",),
        (80, 443),
    ),
    InstanceLine("db", HOSTILE, "db", "政务外网池", "Debian 12", 4, 16, 300, "SSD", 300, 1, (), ()),
)
REQUEST_ACTS = ActionSet(
    actions=(
        Action("accept", "/console/requests/GC-2019-0007/accept", "primary", label="受理"),
        Action("return", "/console/requests/GC-2019-0007/return", needs_reason=True, label="退回补正"),
        Action(
            "refuse",
            "/console/requests/GC-2019-0007/refuse",
            "outline-danger",
            needs_reason=True,
            label="不予受理",
        ),
        Action(
            "approve",
            "/console/requests/GC-2019-0007/approve",
            blocked="您是审签人，不能同时审批。",
            label="批准",
        ),
    ),
    hidden={"version": "5"},
)
RESOURCES = (
    ResourceRow("web-1", "instance", "4 vCPU · 16 GB", "政务外网", "127.16.3.10", "trial", "none"),
    ResourceRow("web-1-data", "volume", "200 GB SSD", "政务外网", "", "trial", "none"),
    ResourceRow("db-1", "instance", "4 vCPU", "政务外网", "127.16.3.11", "failed", "found"),
)
REQUEST = RequestDetail(
    id="r7",
    title="汛期前扩建填报入口",
    number="GC-2019-0007",
    kind="provision",
    status="in_trial",
    organisation=DEPARTMENT,
    requester="陈静",
    system=SYSTEM,
    zone_class="production",
    justification=f"汛期前扩建，等保二级，预计用户 150 人。{HOSTILE}",
    created_at=AT,
    due_on=date(2019, 6, 24),
    lines=LINES,
    quote=QUOTE,
    holds=(
        HoldRow("quota", "正式 · vCPU", "8 核", "committed", None),
        HoldRow("pool", "EXT-X86 · 内存", "32 GB", "committed", None),
        HoldRow("budget", "政务云服务 2019", "¥6,096.00", "live", hours(240)),
    ),
    findings=FINDINGS,
    plans=(PlanRow("p12", "PLAN-2019-0012", "provision", "applied", hours(20), 6, 0, 0, 101600),),
    resources=RESOURCES,
    timeline=TIMELINE,
    acts=REQUEST_ACTS,
    reached=frozenset({"draft", "awaiting_endorsement", "submitted"}),
    removals=(Removal("instance/web-2"), Removal("volume/web-2-data")),
)
REQUEST_ROWS = tuple(
    RequestRow(
        id=f"r{i}",
        title=f"扩建填报入口 {HOSTILE}",
        number=f"GC-2019-{7 - i:04d}",
        kind=kind,
        organisation=DEPARTMENT,
        requester="陈静",
        created_at=hours(-20 * i),
        system=SYSTEM,
        zone_class="trial" if i == 2 else "production",
        instances=i + 1,
        monthly_fen=fen,
        status=status,
    )
    for i, (kind, status, fen) in enumerate(
        (
            ("provision", "draft", None),
            ("provision", "awaiting_endorsement", 101600),
            ("provision", "in_trial", 0),
            ("change", "under_review", 158400),
            ("provision", "refused", 439040),
            ("release", "fulfilled", -101600),
        )
    )
)
PLAN = PlanDetail(
    id="p12",
    request_id="r7",
    number="PLAN-2019-0012",
    kind="provision",
    status="submitted",
    request_number="GC-2019-0007",
    organisation=DEPARTMENT,
    system=SYSTEM,
    author="刘洋",
    created_at=hours(20),
    expires_at=hours(92),
    digest=DIGEST,
    sentences=(
        Sentence(PlannedAction.CREATE, "新建 2 台云主机:web-1、db-1，共 8 vCPU、32 GB 内存，位于政务外网。"),
        Sentence(PlannedAction.CREATE, "新建 2 块 SSD 云硬盘，共 500 GB。"),
        Sentence(PlannedAction.UPDATE, "在云主机 web-1 上开放端口 80、443。"),
        Sentence(PlannedAction.DELETE, f"销毁安全组规则 legacy-22。{HOSTILE}"),
        Sentence(PlannedAction.REPLACE, "重建网络端口 web-1-port，期间地址不可用。"),
        Sentence("note", "占用正式配额 8 核 vCPU、32 GB 内存、500 GB 云硬盘；占用后部门剩余 4 核。"),
    ),
    monthly_before_fen=0,
    monthly_after_fen=101600,
    resources=(
        ResourceDiff(
            'sandbox_instance.this["web-1"]',
            PlannedAction.CREATE,
            "云主机 web-1",
            (
                AttributeDiff("vcpu", None, "4"),
                AttributeDiff("memory_gb", None, "16"),
                AttributeDiff("image", None, "debian-12"),
                AttributeDiff("label", None, HOSTILE),
                AttributeDiff("address", None, None, unknown=True),
            ),
        ),
        ResourceDiff(
            'sandbox_port.this["db-1"]',
            PlannedAction.UPDATE,
            "网络端口 db-1",
            (
                AttributeDiff("ports", "[22]", "[80, 443]"),
                AttributeDiff("zone", "extranet", "extranet"),
                AttributeDiff("note", "旧", None),
            ),
        ),
        ResourceDiff(
            'sandbox_security_group_rule.this["legacy-22"]',
            PlannedAction.DELETE,
            "安全组规则 legacy-22",
            (AttributeDiff("port", "22", None),),
        ),
        ResourceDiff(
            'sandbox_port.this["web-1"]',
            PlannedAction.REPLACE,
            "网络端口 web-1",
            (AttributeDiff("zone", "a", "b"),),
        ),
    ),
    hosts=(HostSteps("web-1", ("核对系统版本与时钟", "登记已装软件", "检查开放端口")),),
    quote=QUOTE,
    quota=QUOTA,
    budget=(BudgetEffect("政务云服务", 2019, 5_000_000, 1_234_500, 609_600),),
    findings=FINDINGS,
    approvals=(
        ApprovalRow("centre_approver", "approved", "王磊", "市信息化中心", hours(24), "同意。"),
        ApprovalRow("smart_city_office", "waiting"),
    ),
    duties=(
        DutyHolder("requester", "陈静"),
        DutyHolder("endorser", "李晓梅"),
        DutyHolder("author", "刘洋"),
        DutyHolder("approver", "王磊"),
        DutyHolder("applier", ""),
    ),
    bound=(
        BoundMember("plan_file_sha256", DIGEST.replace("4f", "9a")),
        BoundMember("changes_digest", DIGEST.replace("8b", "1c")),
        BoundMember("state_lineage", "0c9d2f4e-7d1a-4a6c-9b1e-2f70c1a1d5aa"),
        BoundMember("catalogue", "CAT-2019-01"),
    ),
    runs=(PlanRun(RUN_ID, "plan", "succeeded", hours(20)),),
    timeline=TIMELINE[:2],
    acts=ActionSet(
        actions=(
            Action("approve_plan", "/console/plans/PLAN-2019-0012/approve", "primary", label="批准此计划"),
            Action(
                "return_plan", "/console/plans/PLAN-2019-0012/return", needs_reason=True, label="退回重编"
            ),
            Action(
                "reject_plan",
                "/console/plans/PLAN-2019-0012/reject",
                "outline-danger",
                needs_reason=True,
                label="驳回",
            ),
            Action(
                "apply", "/console/plans/PLAN-2019-0012/apply", blocked="还缺一项批准。", label="下达执行"
            ),
        ),
        hidden={"version": "3", "digest": DIGEST},
    ),
    why_not="",
)

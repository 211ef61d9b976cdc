"""One filled view model per page, as a department of the sample city would see it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from orchestrator.console.request_form import LineForm, RequestForm
from orchestrator.console.views.approvals import ApprovalQueue, QueueRow
from orchestrator.console.views.audit import AuditPage, AuditRow, ChainCheck
from orchestrator.console.views.common import (
    Action,
    ActionSet,
    BudgetEffect,
    CostLine,
    Finding,
    Frame,
    Happening,
    Option,
    Pager,
    QuotaBar,
    QuotaCard,
    Quote,
)
from orchestrator.console.views.home import HomePage
from orchestrator.console.views.plans import (
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
from orchestrator.console.views.requests import (
    FormChoices,
    HoldRow,
    InstanceLine,
    PlanRow,
    QuoteBox,
    RequestDetail,
    RequestFormPage,
    RequestList,
    RequestRow,
    ResourceRow,
)
from orchestrator.console.views.resources import DriftCheck, ResourceItem, ResourceList
from orchestrator.console.views.runs import LogLine, RunDetail, RunList, RunRow
from orchestrator.console.views.session import SignInPage
from orchestrator.departments.permissions import Actor, Role

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
    Happening(hours(2), "李晓梅", DEPARTMENT, "背书并提交，已预占配额", said="汛期前需要上线，情况属实。"),
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
        Action("accept", "/console/requests/GC-2019-0007/accept", "primary"),
        Action("return", "/console/requests/GC-2019-0007/return", needs_reason=True),
        Action("refuse", "/console/requests/GC-2019-0007/refuse", "outline-danger", needs_reason=True),
        Action("approve", "/console/requests/GC-2019-0007/approve", blocked="您是背书人，不能同时审批。"),
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
        Sentence("create", "新建 2 台云主机:web-1、db-1，共 8 vCPU、32 GB 内存，位于政务外网。"),
        Sentence("create", "新建 2 块 SSD 云硬盘，共 500 GB。"),
        Sentence("update", "在云主机 web-1 上开放端口 80、443。"),
        Sentence("delete", f"销毁安全组规则 legacy-22。{HOSTILE}"),
        Sentence("replace", "重建网络端口 web-1-port，期间地址不可用。"),
        Sentence("note", "占用正式配额 8 核 vCPU、32 GB 内存、500 GB 云硬盘；占用后部门剩余 4 核。"),
    ),
    monthly_before_fen=0,
    monthly_after_fen=101600,
    resources=(
        ResourceDiff(
            'sandbox_instance.this["web-1"]',
            "create",
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
            "update",
            "网络端口 db-1",
            (
                AttributeDiff("ports", "[22]", "[80, 443]"),
                AttributeDiff("zone", "extranet", "extranet"),
                AttributeDiff("note", "旧", None),
            ),
        ),
        ResourceDiff(
            'sandbox_security_group_rule.this["legacy-22"]',
            "delete",
            "安全组规则 legacy-22",
            (AttributeDiff("port", "22", None),),
        ),
        ResourceDiff(
            'sandbox_port.this["web-1"]',
            "replace",
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
            Action("approve_plan", "/console/plans/PLAN-2019-0012/approve", "primary"),
            Action("return_plan", "/console/plans/PLAN-2019-0012/return", needs_reason=True),
            Action(
                "reject_plan", "/console/plans/PLAN-2019-0012/reject", "outline-danger", needs_reason=True
            ),
            Action("apply", "/console/plans/PLAN-2019-0012/apply", blocked="还缺一项批准。"),
        ),
        hidden={"version": "3", "digest": DIGEST},
    ),
    why_not="",
)
QUEUE_ROWS = tuple(
    QueueRow(
        key=key,
        number=key.partition(":")[2],
        waiting=waiting,
        organisation=organisation,
        requester="陈静",
        since=hours(-9 * i),
        subject=subject,
        zone_class="production",
        monthly_fen=fen,
        due_on=date(2019, 6, 21 - i),
        overdue=i == 2,
    )
    for i, (key, waiting, organisation, subject, fen) in enumerate(
        (
            ("plan:PLAN-2019-0012", "approve_plan", DEPARTMENT, "新开资源", 1205918),
            ("request:GC-2019-0008", "accept", "市公安局", "居民身份证异地受理前置系统", 327200),
            ("request:GC-2019-0006", "review", "市卫生健康委", "市全民健康卫生计生综合管理信息平台", 5635200),
            ("plan:PLAN-2019-0009", "apply_plan", "市市场监管局", "退订释放", -612600),
        )
    )
)
RUN = RunDetail(
    id=RUN_ID,
    kind="apply",
    status="running",
    version=2,
    subject="slj-2019-0007",
    plan_id="p12",
    plan_number="PLAN-2019-0012",
    request_id="r7",
    request_number="GC-2019-0007",
    organisation=DEPARTMENT,
    applier="赵敏",
    worker="worker-1@extranet",
    started_at=hours(26),
    ended_at=None,
    results=("新建云主机 web-1。", HOSTILE),
    lines=tuple(
        LogLine(i + 1, text)
        for i, text in enumerate(
            (
                "sandbox_network.this: Creating...",
                'sandbox_instance.this["web-1"]: Creating...',
                'sandbox_instance.this["web-1"]: Creation complete after 2s',
                HOSTILE,
            )
        )
    ),
    earlier=1200,
    ended=False,
    acts=ActionSet(
        actions=(Action("cancel_run", "/console/runs/R-32/cancel", "outline-danger", needs_reason=True),),
        hidden={"version": "2"},
    ),
    trouble="",
)
ENDED_RUN = replace(
    RUN,
    status="failed",
    ended=True,
    earlier=0,
    ended_at=hours(27),
    trouble="执行进程中断，云上有 1 个对象不在状态文件里。",
    advice="请先核实；核实后可以收管该对象，或释放它。不会重放原计划。",
    acts=ActionSet(actions=(Action("abandon", "/console/plans/p12/abandon", "primary"),)),
)
RUN_ROWS = (
    RunRow(RUN_ID, "apply", "running", DEPARTMENT, "slj-2019-0007", "p12", "PLAN-12", hours(26), None),
    RunRow(
        "c1" + RUN_ID[2:], "plan", "succeeded", DEPARTMENT, "slj-2019-0007", "p12", "PLAN-12", hours(20), 9
    ),
    RunRow("d2" + RUN_ID[2:], "drift", "failed", "市公安局", "gaj-2019-0005", "", "", hours(3), 41),
)
CHOICES = FormChoices(
    systems=(Option("SYS-019", "SYS-019 山洪灾害监测预警系统"), Option("SYS-901", "SYS-901 河长制平台")),
    pools=(Option("EXT-X86", "政务外网 x86 池"), Option("INT-X86", "互联网区 x86 池")),
    images=(Option("debian-12", "Debian 12"), Option("openeuler-22", "openEuler 22.03")),
    tiers=(Option("SATA", "普通"), Option("SSD", "SSD"), Option("UHIO", "超高 IO")),
    purposes=(Option("app", "应用"), Option("db", "数据库")),
    zone_classes=(Option("production", "正式"), Option("trial", "试用")),
)
FORM = RequestFormPage(
    form=RequestForm(
        system="SYS-019",
        justification=HOSTILE,
        lines=(
            LineForm(label="填报入口", ports="80, 443"),
            LineForm(key="db", purpose="db", vcpu="x", HSS="yes"),
        ),
    ),
    choices=CHOICES,
    quote=QuoteBox(quote=QUOTE, quota=QUOTA, findings=FINDINGS),
    key="5a0c6d0e-3d7a-4f0b-9c55-0f5f9d9c4f11",
    errors={"lines-1-vcpu": "请填写 1 到 128 的整数。"},
)
EMPTY_FORM = RequestFormPage(form=RequestForm(), choices=CHOICES, quote=QuoteBox(), key="k")
RELEASE_FORM = RequestFormPage(
    form=RequestForm(title="释放", kind="release", workspace="w1"),
    choices=CHOICES,
    quote=QuoteBox(),
    key="k",
    id="r9",
)

HOME = HomePage(QUEUE_ROWS, RUN_ROWS[:1], REQUEST_ROWS[:4], OWN_QUOTA, may_create=True)

PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "sign_in": ("sign_in.html", {"page": SignInPage(username="chenjing", failed=True)}),
    "home": (
        "home.html",
        {"page": HOME},
    ),
    "home_empty": ("home.html", {"page": HomePage((), (), (), None, may_create=False)}),
    "requests": (
        "requests/list.html",
        {
            "page": RequestList(
                REQUEST_ROWS,
                Pager(total=163, before="GC-2019-0100", next="GC-2019-0080"),
                "",
                HOSTILE,
                ("draft", "submitted"),
                may_create=True,
                shows_all=False,
                quota=OWN_QUOTA,
            )
        },
    ),
    "requests_empty": (
        "requests/list.html",
        {"page": RequestList((), Pager(total=0), "draft", "", ("draft",), may_create=False, shows_all=True)},
    ),
    "request_form": ("requests/form.html", {"page": FORM}),
    "request_form_empty": ("requests/form.html", {"page": EMPTY_FORM}),
    "request_release": ("requests/form.html", {"page": RELEASE_FORM}),
    "request": ("requests/detail.html", {"page": REQUEST}),
    "approvals": (
        "approvals/queue.html",
        {
            "page": ApprovalQueue(
                QUEUE_ROWS,
                Pager(total=23, next="x"),
                "",
                "",
                ("accept", "approve_plan"),
                chosen="plan:PLAN-2019-0012",
                plan=PLAN,
            )
        },
    ),
    "approvals_request": (
        "approvals/queue.html",
        {
            "page": ApprovalQueue(
                QUEUE_ROWS,
                Pager(total=23, next="x"),
                "",
                "",
                ("accept",),
                chosen="request:GC-2019-0008",
                request=REQUEST,
            )
        },
    ),
    "approvals_empty": ("approvals/queue.html", {"page": ApprovalQueue((), Pager(total=0), "", "", ())}),
    "plan": ("plans/detail.html", {"page": PLAN}),
    "run": ("runs/detail.html", {"page": RUN}),
    "run_ended": ("runs/detail.html", {"page": ENDED_RUN}),
    "runs": ("runs/list.html", {"page": RunList(RUN_ROWS, Pager(next=RUN_ID))}),
    "resources": (
        "resources/list.html",
        {
            "page": ResourceList(
                rows=(
                    ResourceItem(
                        "web-1",
                        "instance",
                        DEPARTMENT,
                        SYSTEM,
                        "4 vCPU · 16 GB",
                        "政务外网",
                        "127.16.3.10",
                        "active",
                        "found",
                        "云主机已停止，登记为运行中。",
                        "r7",
                        "GC-2019-0007",
                    ),
                    ResourceItem(
                        "web-1-data",
                        "volume",
                        DEPARTMENT,
                        SYSTEM,
                        "200 GB SSD",
                        "政务外网",
                        "",
                        "active",
                        "none",
                        "",
                        "r7",
                        "GC-2019-0007",
                    ),
                ),
                pager=Pager(total=2),
                checks=(DriftCheck("slj-2019-0007", "/console/workspaces/w1/check-drift"),),
            )
        },
    ),
    "audit": (
        "audit/list.html",
        {
            "page": AuditPage(
                rows=(
                    AuditRow(412, hours(9), "陈静", "request.submitted", "GC-2019-0007", "", DIGEST[7:]),
                    AuditRow(411, hours(7), "刘洋", "request.returned", "GC-2019-0007", HOSTILE, DIGEST[7:]),
                ),
                pager=Pager(total=412),
                object_id="",
                head_seq=412,
                head_digest=DIGEST,
                check=ChainCheck(ok=True, checked_at=hours(10), events=412, heads=37),
            )
        },
    ),
    "audit_broken": (
        "audit/list.html",
        {
            "page": AuditPage(
                rows=(),
                pager=Pager(total=0),
                object_id="",
                head_seq=0,
                head_digest="",
                check=ChainCheck(
                    ok=False, checked_at=AT, events=10, heads=2, message="内容与链值不符。", first_bad=7
                ),
            )
        },
    ),
    "error_403": ("errors/403.html", {"reason": "plans:approve"}),
    "error_404": ("errors/404.html", {"reason": ""}),
    "error_409": ("errors/409.html", {"reason": "摘要已经变化。"}),
    "error_500": ("errors/500.html", {"reason": ""}),
}

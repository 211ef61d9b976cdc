"""One filled view model per page, for a department of the sample city."""

from dataclasses import replace
from datetime import date
from typing import Any

from orchestrator.console.approvals.views import ApprovalQueue, QueueRow
from orchestrator.console.audit.views import AuditPage, AuditRow, ChainCheck
from orchestrator.console.content.views import (
    ContentChange,
    Decision,
    RevisionDetail,
    RevisionList,
    RevisionRow,
)
from orchestrator.console.frame.views import Action, ActionSet, Option, Pager
from orchestrator.console.home.views import HomePage
from orchestrator.console.requests.form import LineForm, RequestForm
from orchestrator.console.requests.views import (
    FormChoices,
    FormField,
    QuoteBox,
    RequestFormPage,
    RequestList,
)
from orchestrator.console.resources.views import DriftCheck, ResourceItem, ResourceList
from orchestrator.console.runs.views import LogLine, RunDetail, RunList, RunRow
from orchestrator.console.session.views import SignInPage
from orchestrator.resource_requests.drafting import LINE_FIELDS
from tests.unit.console.sample_objects import (
    AT,
    DEPARTMENT,
    DIGEST,
    FINDINGS,
    HOSTILE,
    OWN_QUOTA,
    PLAN,
    QUOTA,
    QUOTE,
    REQUEST,
    REQUEST_ROWS,
    RUN_ID,
    SYSTEM,
    hours,
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
        actions=(
            Action(
                "cancel_run",
                "/console/runs/R-32/cancel",
                "outline-danger",
                needs_reason=True,
                label="停止执行",
            ),
        ),
        hidden={"version": "2"},
    ),
    trouble="",
)
REVISION = RevisionDetail(
    id="3",
    number=3,
    status="proposed",
    author=HOSTILE,
    organisation=DEPARTMENT,
    created_at=hours(30),
    status_at=hours(30),
    digest=DIGEST,
    reason="",
    decisions=(Decision("finance", "财政审批岗"), Decision("smart_city_office", "")),
    changes=(
        ContentChange("change", "quota", "SLJ/production/vcpu", "amount", "32", "40"),
        ContentChange("add", "person", "slj.second", "", "—", f"name_zh: {HOSTILE}; organisation_code: SLJ"),
        ContentChange("remove", "role_grant", "slj.clerk/department_clerk", "", "username: slj.clerk", "—"),
    ),
    acts=ActionSet(
        actions=(
            Action("approve", "/console/content-revisions/3/approve", "primary", label="批准修订"),
            Action(
                "reject",
                "/console/content-revisions/3/reject",
                "outline-danger",
                needs_reason=True,
                label="驳回修订",
            ),
        ),
        hidden={"version": "1"},
    ),
)
REVISION_ROWS = (RevisionRow("3", 3, "proposed", HOSTILE, DEPARTMENT, hours(30), 3),)
ENDED_RUN = replace(
    RUN,
    status="failed",
    ended=True,
    earlier=0,
    ended_at=hours(27),
    trouble="执行进程中断，云上有 1 个对象不在状态文件里。",
    advice="请先核实；核实后可以收管该对象，或释放它。不会重放原计划。",
    acts=ActionSet(
        actions=(Action("abandon", "/console/plans/p12/abandon", "primary", label="放弃此次执行"),)
    ),
)
RUN_ROWS = (
    RunRow(RUN_ID, "apply", "running", DEPARTMENT, "slj-2019-0007", "p12", "PLAN-12", hours(26), None),
    RunRow(
        "c1" + RUN_ID[2:], "plan", "succeeded", DEPARTMENT, "slj-2019-0007", "p12", "PLAN-12", hours(20), 9
    ),
    RunRow("d2" + RUN_ID[2:], "drift", "failed", "市公安局", "gaj-2019-0005", "", "", hours(3), 41),
)
OPTIONS = {
    "pool": (Option("EXT-X86", "政务外网 x86 池"), Option("INT-X86", "互联网区 x86 池")),
    "image": (Option("debian-12", "Debian 12"), Option("openeuler-22", "openEuler 22.03")),
    "disk_tier": (Option("SATA", "普通"), Option("SSD", "SSD"), Option("UHIO", "超高 IO")),
    "purpose": (Option("app", "应用"), Option("db", "数据库")),
}
CHOICES = FormChoices(
    systems=(Option("SYS-019", "SYS-019 山洪灾害监测预警系统"), Option("SYS-901", "SYS-901 河长制平台")),
    zone_classes=(Option("production", "正式"), Option("trial", "试用")),
    line_fields=tuple(
        FormField(row.name, row.zh, row.control, row.hint_zh, not row.optional, OPTIONS.get(row.name, ()))
        for row in LINE_FIELDS
    ),
)
FORM = RequestFormPage(
    form=RequestForm(
        system="SYS-019",
        justification=HOSTILE,
        lines=(
            LineForm.of(label="填报入口", ports="80, 443"),
            LineForm.of(key="db", purpose="db", vcpu="x", HSS="yes"),
        ),
    ),
    choices=CHOICES,
    quote=QuoteBox(quote=QUOTE, quota=QUOTA, findings=FINDINGS, removals=REQUEST.removals),
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
    "sign_in": ("session/sign_in.html", {"page": SignInPage(username="chenjing", failed=True)}),
    "home": (
        "home/page.html",
        {"page": HOME},
    ),
    "home_empty": ("home/page.html", {"page": HomePage((), (), (), None, may_create=False)}),
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
                (Option("requests.accept", "待受理"), Option("plans.approve", "待审批")),
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
                (Option("requests.accept", "待受理"),),
                chosen="request:GC-2019-0008",
                request=REQUEST,
            )
        },
    ),
    "revisions": ("content/list.html", {"page": RevisionList(REVISION_ROWS, Pager(next="2"))}),
    "revision": ("content/detail.html", {"page": REVISION}),
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
                        "i1",
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
                        "i2",
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
    "resource": (
        "resources/list.html",
        {
            "page": ResourceList(
                rows=(
                    ResourceItem(
                        "i1",
                        "web-1",
                        "instance",
                        DEPARTMENT,
                        SYSTEM,
                        "4 vCPU · 16 GB",
                        "政务外网",
                        "127.16.3.10",
                        "active",
                        "none",
                        "",
                        "r7",
                        "GC-2019-0007",
                    ),
                ),
                pager=Pager(),
                acts=ActionSet(
                    (Action("suspend", "/console/resources/i1/suspend", needs_reason=True, label="暂停"),),
                    hidden={"version": "3"},
                ),
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
    "error_422": ("errors/422.html", {"reason": "title"}),
    "error_500": ("errors/500.html", {"reason": ""}),
    "error_503": ("errors/503.html", {"reason": ""}),
}

"""Why a switch did not come to a good end, in both languages, and what is safe to do next. Pure."""

from typing import Final

from orchestrator.migrations.findings import Finding
from orchestrator.migrations.movers import Proof
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.migrations import runs


def of_script(found: Finding | None) -> Reason:
    return runs.reason_of([found] if found else [], "The script gave no reason.")


def unequal(proof: Proof) -> Reason:
    named = [f"{each.kind} {each.name}" for each in proof.mismatches[:5]]
    what = ", ".join(named)
    return Reason(
        f"Both sides were not equal at the fence: {what}.",
        f"隔离时刻两端内容不一致：{what}。",
        "Look at what differs, cure its cause, then plan a new cut.",
        "请查明差异原因并处理，随后重新编制割接计划。",
    )


UNEQUAL: Final = Reason(
    "Both sides were not equal at the fence.",
    "隔离时刻两端内容不一致。",
    "Look at what differs, cure its cause, then plan a new cut.",
    "请查明差异原因并处理，随后重新编制割接计划。",
)
UNPROVEN: Final = Reason(
    "The proof of the cut could not be read.",
    "割接的一致性证明无法读取。",
    "Find in the log why, cure its cause, then plan a new cut.",
    "请查看日志查明原因并处理，随后重新编制割接计划。",
)
UNDONE: Final = Reason(
    "The switch broke off before the other side was open; the side that served serves on.",
    "割接在对端开放前中断，原服务端继续服务。",
    "Find the cause in the log, then plan again.",
    "请查看日志查明原因，随后重新编制计划。",
)
NOT_BEGUN: Final = Reason(
    "The worker was lost before the switch began; nothing was touched.",
    "工作进程在割接开始前中断，未作任何变更。",
    "Plan it again.",
    "请重新编制计划。",
)
NAME_BEHIND: Final = Reason(
    "The switch was made, but the name still leads to the side that serves no more: clients are turned away.",
    "已切换，但名称仍指向不再服务的一端，客户端无法写入。",
    "Start the name service, or open the flow to it; then settle. Nothing acknowledged is lost.",
    "请启动名称服务或开通到它的网络，随后执行核实。已确认的写入不会丢失。",
)
WINDOW_OVER: Final = Reason(
    "The window was over before a worker could begin the cut; nothing was touched.",
    "工作进程开始割接前窗口已结束，未作任何变更。",
    "Plan the cut again and begin it in the next window.",
    "请重新编制计划，并在下一窗口内开始割接。",
)
UNKNOWN: Final = Reason(
    "A side cannot be read, so nobody may be let in: no side is known to serve.",
    "有一端无法读取，因此不得开放任何一端。",
    "Start that host; if its cloud has it no more, let the source serve alone: then settle.",
    "请启动该主机；如云平台已无该主机，则由源端单独恢复服务：随后执行核实。",
)
TARGET_GONE: Final = Reason(
    "The cloud has the target no more. What it accepted since the switch may not have reached the source.",
    "云平台已无目标端主机。切换后目标端接受的写入可能尚未到达源端。",
    "If it can be brought back, do that. Else settle: the source serves alone, and such writes are missing.",
    "如能恢复该主机，请先恢复。否则执行核实：源端单独恢复服务，上述写入将会缺失。",
)
SERVES_ALONE: Final = Reason(
    "The source serves alone, because the cloud has the target no more; its last writes may be missing.",
    "云平台已无目标端主机，源端已单独恢复服务；目标端最后的写入可能缺失。",
    "Compare with what the clients were told was stored, then give the migration up or plan it anew.",
    "请与客户端已获确认的写入核对，随后终止迁移或重新编制计划。",
)
BOTH: Final = Reason(
    "Both sides accept writes.",
    "两端都在接受写入。",
    "Stop the application on one side at once, compare what was written, then settle.",
    "请立即停止其中一端的应用，比对写入内容，随后执行核实。",
)

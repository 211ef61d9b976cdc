"""Why a cutover or rollback failed, in both languages, with the next step. Pure."""

from typing import Final

from orchestrator.migrations.findings import Finding
from orchestrator.migrations.movers import Proof
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.migrations import runs

_AFTER_UNEQUAL: Final = (
    "Find out why they differ, fix the cause, then plan a new cutover.",
    "请查明差异原因并处理，随后重新编制割接计划。",
)


def of_script(finding: Finding | None) -> Reason:
    """Return the reason that the script on the hosts gave."""
    return runs.reason_of([finding] if finding else [], "The script gave no reason.")


def unequal(proof: Proof) -> Reason:
    """Return the reason of a failed proof; it names the first five differences."""
    names = ", ".join(f"{mismatch.kind} {mismatch.name}" for mismatch in proof.mismatches[:5])
    return Reason(
        f"Both sides were not equal at the fence: {names}.",
        f"停写时两端内容不一致：{names}。",
        *_AFTER_UNEQUAL,
    )


UNEQUAL: Final = Reason("Both sides were not equal at the fence.", "停写时两端内容不一致。", *_AFTER_UNEQUAL)
UNPROVEN: Final = Reason(
    "The equality proof of the cutover could not be read.",
    "割接的一致性证明无法读取。",
    "Find the cause in the log, fix it, then plan a new cutover.",
    "请查看日志查明原因并处理，随后重新编制割接计划。",
)
UNDONE: Final = Reason(
    "The switch was interrupted before the other side was open; the side that served before still serves.",
    "在对端恢复写入前中断，原服务端继续服务。",
    "Find the cause in the log, then plan again.",
    "请查看日志查明原因，随后重新编制计划。",
)
NOT_BEGUN: Final = Reason(
    "The worker was lost before the switch began; nothing was touched.",
    "执行节点在开始前失联，未作任何变更。",
    "Plan it again.",
    "请重新编制计划。",
)
NAME_BEHIND: Final = Reason(
    "The switch succeeded, but DNS still points to the other side, which refuses clients.",
    "已切换，但域名仍指向已停写的一端，客户端无法写入。",
    'Start the name service or open the network to it, then choose "Inspect both sides". No write is lost.',
    "请启动域名服务或开通到它的网络，随后核实两端。已确认的写入不会丢失。",
)
WINDOW_OVER: Final = Reason(
    "The window had closed before a worker could begin the cutover; nothing was touched.",
    "开始割接前窗口已结束，未作任何变更。",
    "Plan the cutover again and begin it in the next window.",
    "请重新编制计划，并在下一窗口内开始割接。",
)
UNKNOWN: Final = Reason(
    "One side cannot be read, so it is unknown which side serves, and neither was opened.",
    "有一端无法读取，无法判断由哪一端提供服务，因此未开放任何一端。",
    'Start that host, then choose "Inspect both sides". If the host is lost, this opens the source alone.',
    "请启动该主机，随后核实两端。如云平台已无该主机，核实时将由源端单独恢复服务。",
)
TARGET_GONE: Final = Reason(
    "The target no longer exists in the cloud. Its writes since the cutover may not have reached the source.",
    "云平台已无目标端主机。割接后目标端接受的写入可能尚未到达源端。",
    'Restore the host. If you cannot, choose "Inspect both sides": the source serves without them.',
    "如能恢复该主机，请先恢复。否则请核实两端：源端将单独恢复服务，上述写入将会缺失。",
)
SERVES_ALONE: Final = Reason(
    "The target no longer exists in the cloud, so the source serves alone; its last writes may be missing.",
    "云平台已无目标端主机，源端已单独恢复服务；目标端最后的写入可能缺失。",
    "Compare with the writes acknowledged to clients, then clean the migration up or plan it again.",
    "请与客户端已获确认的写入核对，随后清理迁移或重新编制计划。",
)
BOTH: Final = Reason(
    "Both sides accept writes.",
    "两端都在接受写入。",
    'Stop the application on one side at once, compare the writes, then choose "Inspect both sides".',
    "请立即停止其中一端的应用，比对写入内容，随后核实两端。",
)

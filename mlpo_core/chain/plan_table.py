"""An estimate as text."""

from collections.abc import Sequence

from mlpo_core.benchmark.report.lookup import dollars as priced
from mlpo_core.chain import memory
from mlpo_core.chain.bills import Bill
from mlpo_core.chain.plan import Plan


def table(result: Plan) -> str:
    """The estimate as text."""
    head = (
        f"{'stage':22} {'rows':>12} {'tokens read':>12} {'written':>10} {'GPU-hours':>10} {'storage':>9} {'starts':>7}"
    )
    lines = [head + (f" {'dollars':>10}" if result.paid else "")]
    for cost in result.costs:
        lines.append(
            f"{cost.stage:22} {cost.rows:>12,} {_short(cost.prompt_tokens):>12} {_short(cost.completion_tokens):>10} "
            f"{cost.gpu_hours:>10.2f} {_short(cost.storage_bytes):>8}B {cost.starts:>7,}"
            + (f" {_dollars(cost.dollars):>10}" if result.paid else "")
        )
    storage, starts = _short(sum(c.storage_bytes for c in result.costs)), sum(c.starts for c in result.costs)
    total = f"{'total':22} {'':12} {'':12} {'':10} {result.gpu_hours:>10.2f} {storage:>8}B {starts:>7,}"
    lines.append(total + (f" {_dollars(result.dollars):>10}" if result.paid else ""))
    if result.paid:
        limit = "no budget" if result.budget is None else f"budget {_dollars(result.budget)}"
        lines.append(f"endpoints: {_dollars(result.dollars)}, {limit}; answers that are stored cost nothing again")
        lines += _bills(result.bills)
    lines.append(
        f"wall time on {result.gpus} GPU(s): {result.gpu_hours / result.gpus:.1f} h, if the work divides evenly"
    )
    lines += [*memory.table(result.needs, result.gpu_memory), ""] if result.needs else []
    if result.context:
        lines.append(f"longest leader prompt: {result.longest_prompt:,} of {result.context:,} tokens of context")
    lines += [f"{model}: {source}; an hour is one of such a device" for model, source in result.rates.items()]
    lines.append(
        "GPU-hours of models without a rate follow from assumed utilisations, not from measurement: give your own with "
        "--assume FILE"
    )
    return "\n".join(lines)


def _bills(found: Sequence[Bill]) -> list[str]:
    """Dollars by method."""
    if not found:
        return []
    width = max(len(bill.method) for bill in found)
    rows = [
        f"{bill.method:{width}} {priced(bill.answer):>12} {priced(bill.benchmark):>12}  {bill.note}".rstrip()
        for bill in found
    ]
    return [
        "",
        f"{'method':{width}} {'an answer':>12} {'benchmark':>12}",
        *rows,
        "benchmark: all test tasks and seeds of that method alone; methods share answers, so these are no parts of the "
        "total",
        "",
    ]


def _dollars(value: float) -> str:
    return f"${value:,.2f}"


def _short(value: float) -> str:
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.1f}{unit}"
    return f"{value:.0f}"

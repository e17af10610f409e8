"""How the cost of every stage grows from 1 to 16 times the tasks: an exponent per stage, and a plot.

    python -m bench.growth [--base 20]

The real chain of the experiment `faults` (miniature models, few training steps) on 1, 4 and 16 times as many train, dev
and test tasks, stage by stage in one process. What counts are CPU seconds of this process, so the start of processes is
not in them; stages that train take the same number of steps whatever the tasks. The exponent is the slope of a straight
line through the logarithms; below 1 is what fixed costs do.
"""

import tempfile
import time
from importlib import import_module

import numpy as np

from bench.common import RESULTS, Row, parser, publish
from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.chain.stages import STAGES
from mlpo_core.charts.render import png
from mlpo_core.charts.style import HEIGHT, WIDTH, finished
from mlpo_core.store import Store

_SCALES = (1, 4, 16)
_LINEAR = "exponent 1"


def costs(scale: int, base: int) -> dict[str, float]:
    """CPU seconds of every stage."""
    faults = find("faults")
    counts = {"train": base * scale, "dev": max(2, base * scale // 5), "test": base * scale}
    proposals = faults.proposals.model_copy(update={"shard_size": 600})
    tasks = (faults.tasks[0].model_copy(update=counts),)
    experiment = faults.model_copy(update={"tasks": tasks, "proposals": proposals})
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as root:
        store = Store(root)
        for asset, stage in STAGES.items():
            if not stage.skipped(experiment):
                began = time.process_time()
                run(resolve(asset, experiment, store))
                found[asset] = time.process_time() - began
    return found


def plot(by_stage: dict[str, list[float]]) -> None:
    """`results/growth.png`: CPU seconds over the factor, both logarithmic; the dashed line has the exponent 1."""
    import altair as alt

    each = {**by_stage, _LINEAR: [0.3 * scale for scale in _SCALES]}
    rows = [
        {"stage": stage, "scale": scale, "seconds": seconds}
        for stage, times in each.items()
        for scale, seconds in zip(_SCALES, times, strict=True)
    ]
    axes = [alt.Scale(type="log", nice=False), alt.Scale(type="log")]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("scale:Q", title="tasks, times the smallest", scale=axes[0], axis=alt.Axis(values=list(_SCALES))),
            y=alt.Y("seconds:Q", title="CPU seconds", scale=axes[1]),
            color=alt.Color("stage:N", title=None, sort=list(each), scale=alt.Scale(scheme="tableau20")),
            strokeDash=alt.condition(alt.datum.stage == _LINEAR, alt.value([6, 4]), alt.value([1, 0])),
        )
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "growth.png").write_bytes(png(finished(chart.properties(width=WIDTH, height=HEIGHT))))


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--base", type=int)
    chosen = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for stage in STAGES.values():
        import_module(stage.function.partition(":")[0])
    base = chosen.base or (80 if chosen.long else 20)
    costs(1, base)  # what is imported and compiled at first use
    each = {scale: costs(scale, base) for scale in _SCALES}
    by_stage = {stage: [each[scale][stage] for scale in _SCALES] for stage in each[1]}
    exponents = {s: float(np.polyfit(np.log(_SCALES), np.log(v), 1)[0]) for s, v in by_stage.items()}
    last = {s: float(np.log(v[2] / v[1]) / np.log(4)) for s, v in by_stage.items()}
    plot(by_stage)
    steepest = sorted(exponents, key=lambda s: -exponents[s])
    rows = [
        Row(
            *(f"growth of `{stage}` from 1 to 16 times the tasks", "", exponents[stage], 1.05, " (exponent)"),
            at_most=True,
            note=", ".join(f"{seconds:.2f}" for seconds in by_stage[stage])
            + f" CPU-s; {last[stage]:.2f} from 4 to 16 times",
        )
        for stage in steepest
    ]
    setting = f"{base}, {4 * base} and {16 * base} train tasks and as many test tasks, one thread"
    publish("growth", setting, rows, by_stage)


if __name__ == "__main__":
    main()

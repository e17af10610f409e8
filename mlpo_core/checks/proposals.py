"""Proposals: every agent answered every task as often as asked, once per sample; the filter left something."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_core.checks.finding import Check, Finding, Subject, some
from mlpo_core.experiment import RECORDED


def _complete(subject: Subject) -> Finding:
    splits = ("test",) if subject.dataset.ref.asset == "benchmark_proposals" else ("train", "dev")
    wanted = {row["task_id"] for row in subject.inputs["tasks"].rows(["task_id", "split"]) if row["split"] in splits}
    found = _samples(subject)
    settings = subject.experiment.proposals
    samples = settings.samples_per_agent if splits != ("test",) else settings.benchmark_samples
    short: list[str] = []
    total = 0
    for agent in subject.experiment.team.agents:
        wanted_of = samples if splits == ("test",) else agent.asked(samples)
        total += wanted_of
        # What was recorded is what there is: at least one answer, however many were asked for.
        enough = range(1, wanted_of + 1) if agent.model.startswith(RECORDED) else (wanted_of,)
        for task in wanted:
            if found.get((task, agent.name), 0) not in enough:
                short.append(f"{agent.name} on task {task} ({found.get((task, agent.name), 0)} of {wanted_of})")
    strangers = len({task for task, _ in found} - wanted)
    message = f"wrong number of proposals: {some(short)}" if short else "every agent answered every task"
    if strangers:
        message += f"; {strangers} tasks are not in {' or '.join(splits)}"
    facts: dict[str, int | float | str] = {"tasks": len(wanted), "per task": total}
    return Finding(passed=not short and not strangers, message=message, facts=facts)


def _samples(subject: Subject) -> Counter[tuple[str, str]]:
    """Proposals by task and agent, counted batch by batch."""
    found: Counter[tuple[str, str]] = Counter()
    for batch in subject.dataset.batches(["task_id", "agent"]):
        counted = pa.Table.from_batches([batch]).group_by(["task_id", "agent"]).aggregate([([], "count_all")])
        for row in counted.to_pylist():
            found[row["task_id"], row["agent"]] += row["count_all"]
    return found


def _no_duplicates(subject: Subject) -> Finding:
    ids = pa.chunked_array([b.column("proposal_id") for b in subject.dataset.batches(["proposal_id"])], pa.string())
    distinct = pc.count_distinct(ids).as_py()
    twice = len(ids) - distinct
    message = f"{twice} proposals are there more than once" if twice else "no proposal is there twice"
    return Finding(passed=not twice, message=message, facts={"proposals": len(ids), "distinct": distinct})


def _benchmarks_survive(subject: Subject) -> Finding:
    train: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for row in subject.dataset.rows(["benchmark", "split", "kept"]):
        if row["split"] == "train":
            train[row["benchmark"]] += 1
            kept[row["benchmark"]] += row["kept"]
    emptied = [b for b in train if not kept[b]]
    message = (
        f"the filter dropped every training task of {some(emptied)}: change filter.max_correct_rate or min_correct_rate"
        if emptied
        else "every benchmark keeps training tasks"
    )
    facts: dict[str, int | float | str] = {b: f"{kept[b]} of {n} kept" for b, n in train.items()}
    return Finding(passed=not emptied, message=message, facts=facts)


CHECKS = (
    Check("complete", "Every agent answered every task as often as the experiment asks.", True, _complete),
    Check("no_duplicates", "No proposal is there twice.", True, _no_duplicates),
)
FILTER_CHECKS = (Check("benchmarks_survive", "The filter did not empty a benchmark.", True, _benchmarks_survive),)

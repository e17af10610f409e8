"""Describes an SFT dataset: size, tokens, source mix, what was kept and dropped, sampling rules, examples, overlap."""

from collections import Counter
from io import BytesIO
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlpo_core.context import Context
from mlpo_core.tasks import cards

_EXAMPLES = 3


def describe(ctx: Context, shards: int, hard: int, used: int, dropped: dict[str, int]) -> dict[str, Any]:
    """Write `card.md` and return the same figures as stats.

    Args:
        ctx: The stage, with all parts written.
        shards: Parts that hold traces; a part after them holds the replay rows.
        hard: Tasks that the filter kept.
        used: Of them sampled.
        dropped: Prompts without a trace, by reason.
    """
    kinds: Counter[str] = Counter()
    mix: Counter[str] = Counter()
    shortened: Counter[str] = Counter()
    tokens: dict[str, list[int]] = {}
    trained: set[str] = set()
    replayed: set[str] = set()
    examples: list[tuple[str, str]] = []
    parts = sorted(ctx.writer.done())
    for part in parts:
        for row in ctx.writer.part(part).to_pylist():
            kinds[row["kind"]] += 1
            if row["shortened"]:
                shortened[row["shortened"].partition(":")[0]] += 1
            mix[f"{row['benchmark']}, {row['kind']}, {row['mode']}"] += 1
            tokens.setdefault(row["kind"], []).append(row["tokens"])
            if row["kind"] == "replay":
                replayed.add(row["prompt"].partition("\n")[0])
                continue
            trained.add(row["task_id"])
            if len(examples) < _EXAMPLES and (row["kind"] == "backtrack" or part == shards - 1):
                caption = f"{row['kind']}, {row['mode']}, task {row['task_id']}"
                examples.append((caption, f"{row['prompt']}\n\n{row['completion']}"))
    settings, leader = ctx.experiment.sft, ctx.experiment.leader
    kept = kinds["backtrack"] + kinds["clean"]
    every = [t for group in tokens.values() for t in group]
    card = cards.Card(
        "sft_dataset",
        "Traces made of the base leader's own samples; every one was verified again after it was put together.",
        {
            "Rows": {**dict(sorted(kinds.items())), "all": sum(kinds.values())},
            "Tokens, prompt and completion": cards.distribution(every),
            "Tokens by kind": {kind: sum(counts) for kind, counts in sorted(tokens.items())},
            "Source mix (benchmark, kind, prompt)": dict(sorted(mix.items())),
            "Prompts": {"hard training tasks": hard, "sampled": used, "kept": kept, "dropped": used - kept},
            "Dropped": dropped,
            "Prompts shortened to fit": dict(shortened),
            "Base leader's samples": _samples(ctx, shards),
            "Sampling": {
                "samples per prompt": settings.samples,
                "temperature": settings.temperature,
                "longest sample, tokens": leader.max_new_tokens if leader else 0,
                "share of eligible prompts that backtrack": settings.backtrack_share,
                "solo share": settings.solo_share,
                "replay share": settings.replay_share,
                "connector": settings.connector,
                "wrong attempt": "masked" if settings.mask_wrong else "trained on",
            },
            "Contamination": cards.contamination(ctx.inputs["tasks"], trained, replayed),
        },
        examples,
    )
    ctx.writer.put("card.md", card.markdown().encode())
    headline = {**dict(sorted(kinds.items())), "dropped": used - kept, "tokens": sum(every)}
    return {"headline": headline, **card.sections}


def _samples(ctx: Context, shards: int) -> dict[str, Any]:
    prompts: Counter[str] = Counter()
    n = right = 0
    for part in range(shards):
        table = pq.read_table(BytesIO(ctx.writer.get(f"drafts/{part:06d}.parquet") or b""))
        n += table.num_rows
        right += pc.sum(table["correct"]).as_py() or 0
        for row in table.group_by("task_id").aggregate([("correct", "mean")]).to_pylist():
            rate = row["correct_mean"]
            prompts["all right" if rate == 1 else "all wrong" if rate == 0 else "some right, some wrong"] += 1
    return {"samples": n, "right": right, "share right": round(right / n, 4) if n else 0.0, **prompts}

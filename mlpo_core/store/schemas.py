"""The Arrow schema of every Parquet asset, and the columns it takes from others: the single source of truth.

A field's metadata says where its values come from, as `asset.column` references (empty: made here). The Dagster
side turns that into column lineage; `VOLATILE` columns stay out of the content digest.
"""

from collections.abc import Mapping

import pyarrow as pa

VOLATILE = frozenset({"amortised_s", "seconds"})


def _f(name: str, kind: pa.DataType, *sources: str, doc: str = "", nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable, metadata={"sources": ",".join(sources), "doc": doc})


S, I32, F64, B = pa.string(), pa.int32(), pa.float64(), pa.bool_()
IDS = pa.list_(pa.string())
SEGMENTS = pa.list_(pa.struct([pa.field("text", S, False), pa.field("train", B, False)]))

_TASK_FIELDS = [
    _f("task_id", S, doc="hash of benchmark, subject, question and choices"),
    _f("benchmark", S, doc="bbh, math, mmlu, mmlu_pro or procedural"),
    _f("subject", S, doc="the benchmark's own subdivision"),
    _f("split", S, doc="train, dev or test"),
    _f("question", S, doc="what is asked, without the choices"),
    _f("choices", pa.list_(S), doc="options in order, A first; empty when there are none"),
    _f("answer", S, doc="the gold answer; a letter for kind option"),
    _f(
        "answer_kind",
        S,
        doc="how an answer is compared: exact, option, number, math, regex, json, unit, set, checker, tests or judge",
    ),
]

_BASE_MODEL_FIELDS = [
    _f("name", S, doc="agent name, or leader"),
    _f("role", S, doc="agent or leader"),
    _f("model", S, doc="what the experiment names"),
    _f("revision", S, doc="resolved revision or content digest"),
    _f("path", S, doc="checkpoint folder inside this version; empty when loaded from elsewhere"),
    _f("parameters", pa.int64(), doc="parameter count; 0 when unknown without loading"),
]


def _proposal_fields(tasks: str = "tasks") -> list[pa.Field]:
    response = [f"{tasks}.question", f"{tasks}.choices", "base_models.name"]
    return [
        _f("proposal_id", S, f"{tasks}.task_id", doc="hash of task, agent, sample index, revision and sampling"),
        _f("task_id", S, f"{tasks}.task_id", doc="the task answered"),
        _f("benchmark", S, f"{tasks}.benchmark", doc="of the task"),
        _f("split", S, f"{tasks}.split", doc="of the task"),
        _f("agent", S, "base_models.name", doc="who answered"),
        _f("sample_index", I32, doc="0-based index among the agent's samples for the task"),
        _f("response", S, *response, doc="the agent's text"),
        _f("extracted", S, *response, doc="the answer read out of the response", nullable=True),
        _f("correct", B, *response, f"{tasks}.answer", doc="whether it equals the gold answer"),
        _f("prompt_tokens", I32, *response, doc="tokens of the prompt; null when not recorded", nullable=True),
        _f("completion_tokens", I32, *response, doc="tokens of the response; null when not recorded", nullable=True),
        _f("finish_reason", S, *response, doc="stop, length or error; unknown when not recorded"),
        _f("amortised_s", F64, doc="batch wall seconds over rows", nullable=True),
        _f("model", S, "base_models.model", doc="model of the agent"),
        _f("revision", S, "base_models.revision", doc="its revision"),
        _f("seed", pa.int64(), doc="seed of this sample; null, as what follows, when recorded", nullable=True),
        _f("temperature", F64, doc="sampling temperature; 0 is greedy", nullable=True),
        _f("top_p", F64, doc="nucleus sampling mass", nullable=True),
        _f("max_new_tokens", I32, doc="generation limit", nullable=True),
    ]


_P = "agent_proposals"
_HARD_FIELDS = [
    _f("task_id", S, f"{_P}.task_id", doc="the task judged"),
    _f("benchmark", S, f"{_P}.benchmark", doc="of the task"),
    _f("split", S, f"{_P}.split", doc="of the task"),
    _f("n", I32, f"{_P}.proposal_id", doc="proposals seen"),
    _f("n_correct", I32, f"{_P}.correct", doc="of them correct"),
    _f("correct_rate", F64, f"{_P}.correct", doc="n_correct / n"),
    _f("kept", B, f"{_P}.correct", doc="whether training may use it"),
    _f("reason", S, f"{_P}.correct", doc="kept, easy, hopeless, no_proposals or refused (by filter.keep)"),
]

_SHORTENED = (
    "how the leader's prompt was made to fit: tail:CHARACTERS of every answer, or answers; null where it was not"
)

_SHOWN = ["tasks.question", "tasks.choices", f"{_P}.response"]
_SFT_FIELDS = [
    _f("trace_id", S, f"{_P}.proposal_id", "tasks.task_id", doc="hash of prompt and completion"),
    _f("task_id", S, "hard_tasks.task_id", doc="the task"),
    _f("benchmark", S, "tasks.benchmark", doc="of the task"),
    _f("kind", S, doc="backtrack, clean or replay"),
    _f("mode", S, doc="team (proposals shown) or solo"),
    _f("proposal_ids", IDS, f"{_P}.proposal_id", doc="proposals shown, in order"),
    _f("prompt", S, *_SHOWN, doc="user turn"),
    _f("shortened", S, *_SHOWN, doc=_SHORTENED, nullable=True),
    _f("completion", S, *_SHOWN, "base_models.name", "tasks.answer", doc="what the leader learns to write"),
    _f("completion_segments", SEGMENTS, *_SHOWN, doc="pieces that concatenate to completion; train=false is masked"),
    _f("draft_ids", IDS, "base_models.name", doc="ids of the leader's own samples it is made of, wrong first"),
    _f("tokens", I32, *_SHOWN, doc="prompt plus completion tokens"),
]

_MLPO_FIELDS = [
    _f("prompt_id", S, f"{_P}.proposal_id", "tasks.task_id", doc="hash of task and proposal set"),
    _f("task_id", S, "hard_tasks.task_id", doc="the task"),
    _f("benchmark", S, "tasks.benchmark", doc="of the task"),
    _f("split", S, "tasks.split", doc="train, or dev for training curves"),
    _f("variant", I32, f"{_P}.sample_index", doc="j: the j-th sample of every agent; -1 for a solo prompt"),
    _f("mode", S, doc="team or solo"),
    _f("proposal_ids", IDS, f"{_P}.proposal_id", doc="proposals shown, in order"),
    _f("prompt", S, *_SHOWN, doc="user turn"),
    _f("shortened", S, *_SHOWN, doc=_SHORTENED, nullable=True),
    _f("prompt_tokens", I32, *_SHOWN, doc="tokens of the rendered prompt"),
    _f("n_correct_shown", I32, f"{_P}.correct", doc="how many shown proposals are right"),
    _f("answer", S, "tasks.answer", doc="gold answer for the reward"),
    _f("answer_kind", S, "tasks.answer_kind", doc="of the task"),
    _f("choices", pa.list_(S), "tasks.choices", doc="of the task"),
    _f("subject", S, "tasks.subject", doc="of the task"),
    _f("question", S, "tasks.question", doc="of the task: the reward is graded as the benchmark is"),
]

_BP = "benchmark_proposals"


def _round_fields(proposals: str) -> list[pa.Field]:
    text = ["tasks.question", "tasks.choices", f"{proposals}.response"]
    return [
        _f("generation_id", S, f"{proposals}.proposal_id", doc="hash of method, task, seed, round, role and agent"),
        _f("method", S, doc="the method this generation belongs to"),
        _f("seed", pa.int64(), doc="evaluation seed"),
        _f("task_id", S, "tasks.task_id", doc="the task"),
        _f("round", I32, doc="0-based round"),
        _f("role", S, doc="agent or leader"),
        _f("agent", S, "base_models.name", doc="agent name, or leader"),
        _f("input_ids", IDS, f"{proposals}.proposal_id", doc="proposals and generations that stood in the prompt"),
        _f("shortened", S, *text, doc=_SHORTENED, nullable=True),
        _f("response", S, *text, doc="what was written"),
        _f("extracted", S, *text, doc="the answer read out of it", nullable=True),
        _f("correct", B, *text, "tasks.answer", doc="whether it equals the gold answer"),
        _f("prompt_tokens", I32, *text, doc="tokens of the prompt"),
        _f("cached_prompt_tokens", I32, *text, doc="of them served from a prefix cache"),
        _f("completion_tokens", I32, *text, doc="tokens written"),
        _f("finish_reason", S, *text, doc="stop, length or error"),
        _f("amortised_s", F64, doc="batch wall seconds over rows", nullable=True),
    ]


_TR = "team_rounds"
_SUMMED = "summed over those calls; null when one was not recorded"
_PREDICTION_FIELDS = [
    _f("prediction_id", S, "tasks.task_id", doc="hash of method, task, seed and rounds"),
    _f("task_id", S, "tasks.task_id", doc="the task"),
    _f("benchmark", S, "tasks.benchmark", doc="of the task"),
    _f("subject", S, "tasks.subject", doc="of the task"),
    _f("method", S, doc="the way of answering"),
    _f("seed", pa.int64(), doc="evaluation seed"),
    _f("rounds", I32, f"{_TR}.round", doc="T: rounds taken; 0 for methods without a team round"),
    _f("source_ids", IDS, f"{_BP}.proposal_id", f"{_TR}.generation_id", doc="rows the answer was made of"),
    _f("response", S, f"{_BP}.response", f"{_TR}.response", doc="the final text"),
    _f("extracted", S, f"{_BP}.extracted", f"{_TR}.extracted", doc="the final answer", nullable=True),
    _f("correct", B, f"{_BP}.correct", f"{_TR}.correct", doc="whether it equals the gold answer"),
    _f("tie", B, f"{_BP}.extracted", doc="whether a vote was tied and drawn by seed"),
    _f("chance", F64, f"{_BP}.correct", doc="of a vote to be right over draws of ties; else null", nullable=True),
    _f("n_correct_shown", I32, f"{_BP}.correct", doc="right answers among the K shown; -1 when none is shown"),
    _f("generations", I32, doc="model calls that the answer cost"),
    _f("prompt_tokens", I32, f"{_BP}.prompt_tokens", f"{_TR}.prompt_tokens", doc=_SUMMED, nullable=True),
    _f("cached_prompt_tokens", I32, f"{_TR}.cached_prompt_tokens", doc="of them cached", nullable=True),
    _f("completion_tokens", I32, f"{_BP}.completion_tokens", f"{_TR}.completion_tokens", doc=_SUMMED, nullable=True),
    _f("amortised_s", F64, f"{_BP}.amortised_s", f"{_TR}.amortised_s", doc="summed over the calls", nullable=True),
]

_METRIC_FIELDS = [
    _f("table", S, doc="which table of the report"),
    _f("benchmark", S, "benchmark_predictions.benchmark", doc="benchmark, or all"),
    _f("method", S, "benchmark_predictions.method", doc="the way of answering"),
    _f("versus", S, "benchmark_predictions.method", doc="the other method of a paired test; empty otherwise"),
    _f("group", S, doc="rounds, subject or number of right agents, as the table says; empty otherwise"),
    _f("metric", S, doc="what value measures"),
    _f("value", F64, "benchmark_predictions.correct", doc="the figure", nullable=True),
    _f("low", F64, "benchmark_predictions.correct", doc="lower end of the 95 % interval", nullable=True),
    _f("high", F64, "benchmark_predictions.correct", doc="upper end of the 95 % interval", nullable=True),
    _f("n", pa.int64(), "benchmark_predictions.prediction_id", doc="rows behind it"),
    _f("note", S, doc="why a value is missing, or what qualifies it"),
    _f(
        "seconds", F64, "benchmark_predictions.amortised_s", doc="the figure where it is a measured time", nullable=True
    ),
]

_TRAINED_BY = ("mlpo_leader.value", "benchmark_report.value")
_PUBLISHED_FIELDS = [
    _f("file", S, doc="name of a file of the folder `leader`"),
    _f("bytes", pa.int64(), *_TRAINED_BY, doc="its size"),
    _f("sha256", S, *_TRAINED_BY, doc="of its content"),
]

TRAINING_LOG = pa.schema(
    [
        _f("step", I32, doc="optimizer step"),
        _f("metric", S, doc="TRL's name of the metric"),
        _f("value", F64, doc="its value"),
    ]
)
"""One row per (step, metric) of a trained checkpoint: loss, reward, zero-variance share, lengths, seconds."""
ROLLOUTS = pa.schema(
    [
        _f("step", I32, doc="optimizer step for which it was written, from 1"),
        _f("prompt_id", S, doc="the prompt: of mlpo_dataset, or of a solo prompt that the baseline made"),
        _f("task_id", S, doc="the task"),
        _f("benchmark", S, doc="of the task"),
        _f("mode", S, doc="team or solo"),
        _f("round", I32, doc="0-based round whose answers the prompt shows"),
        _f("question", S, doc="of the task"),
        _f("answer", S, doc="gold answer for the reward"),
        _f("prompt", S, doc="user turn, as the leader read it"),
        _f("completion", S, doc="what the leader wrote"),
        _f("completion_tokens", I32, doc="tokens written"),
        _f("truncated", B, doc="whether it was cut off at the length limit"),
        _f("correct", B, doc="whether what the reward read of it is right"),
        _f("marked", B, doc="whether that stood in `<answer>`"),
        _f("well_formed", B, doc="whether it is a thought, then an answer, and nothing else"),
        _f("reward", F64, doc="what it was worth"),
        _f("terms", pa.list_(pa.struct([("term", S), ("value", F64)])), doc="what each term of the reward adds"),
        _f("advantage", F64, doc="how far its reward is above the mean of its group"),
    ]
)
"""One row per completion that a leader was trained on, at kept steps; those of a prompt stand together."""
REWARDED = "audit/rewarded"
"""Metric: how many completions of the audit's fixed sample were rewarded."""
AUDIT = ("audit/hedged", "audit/pasted", "audit/cut_off")
"""Metrics: the share of those that name several answers, that repeat the question or a whole answer of the team, and
that ran into the length limit."""

SCHEMAS: Mapping[str, pa.Schema] = {
    "tasks": pa.schema(_TASK_FIELDS),
    "base_models": pa.schema(_BASE_MODEL_FIELDS),
    "agent_proposals": pa.schema(_proposal_fields()),
    "hard_tasks": pa.schema(_HARD_FIELDS),
    "sft_dataset": pa.schema(_SFT_FIELDS),
    "sft_leader": TRAINING_LOG,
    "mlpo_dataset": pa.schema(_MLPO_FIELDS),
    "mlpo_leader": TRAINING_LOG,
    "grpo_leader": TRAINING_LOG,
    "deferral_leader": TRAINING_LOG,
    "score_leader": TRAINING_LOG,
    "benchmark_proposals": pa.schema(_proposal_fields()),
    "team_rounds": pa.schema(_round_fields(_BP)),
    "dev_rounds": pa.schema(_round_fields("agent_proposals")),
    "benchmark_predictions": pa.schema(_PREDICTION_FIELDS),
    "benchmark_report": pa.schema(_METRIC_FIELDS),
    "published_leader": pa.schema(_PUBLISHED_FIELDS),
}

TRAINED = tuple(asset for asset, schema in SCHEMAS.items() if schema is TRAINING_LOG)
"""The assets that are trained leaders."""


def sources(field: pa.Field) -> tuple[str, ...]:
    """The `asset.column` references that a field's values come from."""
    text = (field.metadata or {}).get(b"sources", b"").decode()
    return tuple(s for s in text.split(",") if s)


def doc(field: pa.Field) -> str:
    """One line that says what a column holds."""
    return (field.metadata or {}).get(b"doc", b"").decode()

"""`proposals` and `filter`: how agents are sampled, and which tasks are too easy."""

from pydantic import Field

from mlpo_core.experiment.section import Count, Section, Share

MAJORITY_WRONG = "majority_wrong"


class Proposals(Section):
    """How agents are sampled. `4K` in the paper is `samples_per_agent` × K."""

    samples_per_agent: Count = 4
    temperature: float = Field(default=0.7, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_new_tokens: Count = 512
    benchmark_samples: Count = 14
    """Samples per agent on test tasks: enough for the largest vote (40 at K=3)."""
    shard_size: Count = 2048
    """Proposals per Parquet part: the unit of resume."""


class Filter(Section):
    """Easy-task filter: a task is dropped when its correct rate is at least `max_correct_rate` (paper: 0.75)."""

    max_correct_rate: Share | None = 0.75
    """None drops no task for being easy."""
    min_correct_rate: Share = 0.0
    """A task is dropped as hopeless when its correct rate is below this. 0 keeps all."""
    keep: str = Field(default="", max_length=200)
    """Which of the tasks within both bounds are kept; empty keeps all. `majority_wrong`: those on which no right answer
    is the most frequent one, as for AggLM. Your own: `package.module:function`, or an entry point of `mlpo.filters`,
    which is given a task's proposals and says whether to keep it."""

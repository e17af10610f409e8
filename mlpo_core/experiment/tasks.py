"""`tasks`: where an experiment's tasks come from."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mlpo_core.experiment.section import Location, Name, RecordedName, Section, Seed, Share
from mlpo_core.types import AnswerKind

PUBLISHED = ("bbh", "math", "mmlu", "mmlu_pro", "procedural")
"""Benchmarks whose own format is read. Every other name stands for somebody's own questions."""


class TaskSource(Section):
    """Where the tasks of one benchmark come from, and how many to use."""

    benchmark: Name
    """`bbh`, `math`, `mmlu`, `mmlu_pro` or `procedural`; any other name for questions of your own. Without one,
    those are called after their file."""
    source: Location = "hub"
    """`hub`, a path or URL of published files (`$MLPO_DATA_DIR` is expanded), or `recorded`: the folder that
    `engine.recorded` names. `procedural` needs none. Questions of your own: a `.jsonl`, `.csv` or `.parquet` file, a
    folder or glob of them, or `hub:owner/name`."""
    revision: str = "main"
    fields: dict[Literal["question", "answer", "choices", "subject", "split", "answer_kind"], str | tuple[str, ...]] = (
        Field(default={})
    )
    """Your own questions: the field of each part, where its name is not a usual one. `choices` may be several."""
    answer_kind: AnswerKind | None = None
    """Your own questions: `exact`, `option`, `number` or `math`; `regex` (the gold answer is a pattern), `json` (a
    value, a part of one, or a schema), `unit` (a number with a unit), `set` (members in any order), `tests`
    (programs that pass tests; needs `grading.run_code`) or `judge` (what `grading.judge` says by its rubric). None:
    `option` where there are choices, else by the look of each gold answer. A row's own field `answer_kind` counts
    before this."""
    checker: Annotated[str, Field(max_length=200)] = ""
    """Your own questions: a function of yours, `package.module:name` or the name of an entry point in `mlpo.checkers`,
    that says whether an answer is right: `def name(task, answer) -> bool`. Instead of `answer_kind`."""
    tolerance: Share | None = None
    """`answer_kind: unit`: how far off an answer may be, as a share of the gold answer's size, where that does not say
    so itself (`9.81 m/s^2 ± 0.5 %`). None: 0.01."""
    subset: str = ""
    """`hub:owner/name`: its configuration, where it has several."""
    split: str = ""
    """`hub:owner/name`: only this split, divided by hash. Empty: all, each as the split that its name says."""
    seed: Seed | None = None
    """Of generated tasks. None: the experiment's seed, filled in when the experiment is read."""
    subjects: tuple[str, ...] = ()
    """BBH tasks, MMLU subjects or procedural families; empty means all."""
    train: int | None = Field(default=None, ge=0)
    """At most this many training tasks (None: all there are; required for `procedural`)."""
    dev: int | None = Field(default=None, ge=0)
    test: int | None = Field(default=None, ge=0)
    divide_test: bool = False
    """Divide a published test set because its train files are not at hand. The report says so."""
    shares: tuple[Share, Share, Share] = (0.6, 0.1, 0.3)
    """Train, dev and test, where tasks are divided by hash. Only the ratio of train to dev counts where a published
    test set stays whole. Ours: the paper's splits are not public."""
    family_options: dict[str, dict[str, Any]] = Field(default={})
    """Procedural families: generator options by family. A compact one has `length`, the operands of a question from 3
    to 8, which are the steps to its answer (sum 4, swap 3, the others 5, where nothing is said), and `easy_share`, the
    share of its questions, from 0 to 1, that are made of symbols which no model misreads whose blind spots are made
    from its skill (`base_models.team_skill`): duplicates are left out, so that it is lower where there are few."""
    answered_by: tuple[RecordedName, ...] = ()
    """`source: recorded`: keep only the tasks that all these agents answered. Empty: the recorded agents of the team,
    filled in when the experiment is read."""

    @property
    def published(self) -> bool:
        """Whether this is a benchmark that is published in a format of its own."""
        return self.benchmark in PUBLISHED

    @model_validator(mode="before")
    @classmethod
    def _called_after_its_file(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "benchmark" in data or not isinstance(data.get("source"), str):
            return data
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", PurePosixPath(data["source"].rstrip("/")).stem).strip("_.-")
        return {**data, "benchmark": stem or "questions"}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        own = [name for name in ("fields", "answer_kind", "checker", "subset", "split") if getattr(self, name)]
        if self.published and own:
            raise ValueError(
                f"{self.benchmark} is read in its published format, so it takes no {', '.join(own)}: "
                "give your own questions another name"
            )
        if self.answer_kind == "checker" or (self.answer_kind and self.checker):
            raise ValueError("checker: package.module:name stands instead of answer_kind")
        if self.tolerance is not None and self.answer_kind != "unit":
            raise ValueError("tolerance: is for answer_kind: unit")
        if self.published and self.source.startswith("hub:"):
            raise ValueError(f"{self.benchmark} is read from its own place on the hub: source: hub, or another name")
        if not self.published and self.source == "hub":
            known = ", ".join(PUBLISHED)
            raise ValueError(
                f"{self.benchmark} is no published benchmark ({known}); questions of your own need a source: "
                "a file, a folder or hub:owner/name"
            )
        if any(isinstance(name, tuple) for part, name in self.fields.items() if part != "choices"):
            raise ValueError("only fields.choices may be several fields")
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError("shares must sum to 1")
        if self.benchmark == "procedural" and None in (self.train, self.dev, self.test):
            raise ValueError("procedural tasks need train, dev and test: how many to generate of each")
        return self

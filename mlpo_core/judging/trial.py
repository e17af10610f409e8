"""Holds a judge against people before it grades: with the tasks, so before any agent is asked.

Where its verdicts may train a leader, agreement has to reach a floor: a reward is searched for its gaps by a thousand
attempts, and a judge that lets wrong answers pass teaches to write them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.judging.agreement import Agreement, agreement
from mlpo_core.judging.judge import ModelJudge
from mlpo_core.judging.labelled import FIELD, Labelled, labelled
from mlpo_core.progress import log
from mlpo_core.store.answers import Answers
from mlpo_core.types import Judgement, Verdict

FEWEST = 10
"""Answers that people call right, and as many that they call wrong: with fewer, agreement says too little."""


class Trial(NamedTuple):
    """A judge's verdicts on a labelled sample, and how far they agree with it."""

    sample: Sequence[Labelled]
    verdicts: Sequence[Verdict]
    agreement: Agreement

    @property
    def judgements(self) -> list[Judgement]:
        """What the judge said, of the answers that it was asked about."""
        return [verdict.judged for verdict in self.verdicts if verdict.judged]

    def stats(self) -> dict[str, Any]:
        """As a manifest has it."""
        said = self.judgements
        return {
            **self.agreement._asdict(),
            "answers": self.agreement.answers,
            "no_verdict": sum(bool(one.failure) for one in said),
            **{name: sum(getattr(one, name) for one in said) for name in Judgement._fields[2:]},
        }


def measure(experiment: Experiment, answers: Answers | None) -> Trial:
    """Let the judge grade its labelled sample.

    Args:
        experiment: Names the judge and the sample.
        answers: Where an endpoint's replies are kept.

    Raises:
        BadInput: There is no judge or sample, the sample cannot be read, or the judge gives no verdict on any of it.
        Transient: The judge's endpoint was away.
    """
    settings = experiment.grading.judge
    if settings is None or not settings.labelled:
        raise BadInput(f"{FIELD}: no answers that people have graded: a file of question, answer and right (1 or 0)")
    sample = labelled(experiment)
    judge = ModelJudge(settings, experiment.prompts, answers)
    try:
        verdicts = judge.verdicts([(one.task, one.answer) for one in sample])
    finally:
        judge.close()
    return Trial(sample, verdicts, agreement([one.right for one in sample], [v.correct for v in verdicts]))


def tried(ctx: Context) -> dict[str, Any]:
    """What stands in the manifest of `tasks` of its judge: nothing without a labelled sample.

    Raises:
        BadInput: Training would use the judge's verdicts, and there is no sample, or agreement is below the floor. Or
            as `measure` does, which also raises `Transient`.
    """
    judge = ctx.experiment.grading.judge
    if judge is None:
        return {}
    trains = judge.rewards and _judged_in_training(ctx)
    if not judge.labelled and not trains:
        return {}
    if not judge.labelled:
        raise BadInput(
            f"{FIELD}: rows of `tasks` are graded by a judge, and a leader would be trained by its verdicts: hold it "
            "against people first: a file of question, answer and right (1 or 0)"
        )
    trial = measure(ctx.experiment, ctx.answers)
    log("\n".join(told(trial)))
    if trains and (reason := unfit(trial.agreement, judge.floor)):
        raise BadInput(
            f"grading.judge: its verdicts may not train a leader: {reason}. Mend the rubric, take another judge, or "
            f"train on tasks that need none; `mlpo judge` shows where {judge.model} and people differ"
        )
    return {"judge": {**trial.stats(), "model": judge.model, "floor": judge.floor}}


def unfit(found: Agreement, floor: float) -> str:
    """Why a judge with this agreement may not train anybody; empty where it may."""
    right, wrong = found.both_right + found.missed, found.let_pass + found.both_wrong
    if min(right, wrong) < FEWEST:
        return (
            f"the labelled sample has {right} right and {wrong} wrong answers, and takes {FEWEST} of each to say "
            "anything"
        )
    if found.kappa is None:
        return "it gives one verdict to all answers"
    if found.kappa < floor:
        return f"Cohen's kappa with people is {found.kappa:.2f}, below grading.judge.floor {floor:g}"
    return ""


def told(trial: Trial) -> list[str]:
    """Agreement as lines of text."""
    found = trial.agreement
    low, high = found.accuracy_interval
    lines = [
        f"judge and people agree on {found.accuracy:.1%} of {found.answers} answers ({low:.1%} to {high:.1%})",
        "Cohen's kappa: one verdict for all answers, so there is none"
        if found.kappa is None or found.kappa_interval is None
        else f"Cohen's kappa {found.kappa:.2f} ({found.kappa_interval[0]:.2f} to {found.kappa_interval[1]:.2f})",
        f"{'':14} {'judge: right':>13} {'judge: wrong':>13}",
        f"{'people: right':14} {found.both_right:>13} {found.missed:>13}",
        f"{'people: wrong':14} {found.let_pass:>13} {found.both_wrong:>13}",
    ]
    said = trial.judgements
    tokens = sum(one.prompt_tokens + one.completion_tokens for one in said)
    lines.append(f"{sum(one.calls for one in said)} calls, {tokens:,} tokens, ${sum(one.dollars for one in said):.4f}")
    if missing := sum(bool(one.failure) for one in said):
        lines.append(f"no verdict on {missing} answers, which count as wrong")
    return lines


def _judged_in_training(ctx: Context) -> bool:
    """Whether a task of the version that is being made, which no test asks, needs the judge."""
    tables = (ctx.writer.part(part).select(["split", "answer_kind"]) for part in sorted(ctx.writer.done()))
    return any(
        row["answer_kind"] == "judge" and row["split"] != "test" for table in tables for row in table.to_pylist()
    )

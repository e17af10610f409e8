"""The grader of a stage, with the judge that its experiment names."""

from mlpo_core.context import Context
from mlpo_core.grading import Grader
from mlpo_core.judging.judge import ModelJudge


def grader_of(ctx: Context, processes: int | None = None) -> Grader:
    """Who grades in a stage. Its judge is started with the first answer that needs it.

    Args:
        ctx: The stage, which reads `grading`.
        processes: See `Grader`.
    """
    return Grader(processes, ctx.experiment.grading, judge_of(ctx))


def judge_of(ctx: Context) -> ModelJudge | None:
    """Who judges in a stage; None where the experiment names nobody."""
    judge = ctx.experiment.grading.judge
    return ModelJudge(judge, ctx.experiment.prompts, ctx.answers) if judge else None

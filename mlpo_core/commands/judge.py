"""How far an experiment's judge agrees with people, and where it does not."""

import argparse

from mlpo_core.chain.experiments import read
from mlpo_core.judging.trial import measure, told, unfit
from mlpo_core.progress import say
from mlpo_core.store import Store
from mlpo_core.store.answers import Answers

_SHOWN = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("experiment", metavar="FILE", help="a YAML file, or a name in experiments/")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Let the judge grade its labelled sample; what its endpoint has said before is not asked again."""
    experiment = read(options.experiment)
    trial = measure(experiment, Answers(Store(options.root), experiment.stem, experiment.budget))
    judge = experiment.grading.judge
    reason = unfit(trial.agreement, judge.floor if judge else 0)
    lines = [*told(trial), f"may train a leader: {'no: ' + reason if reason else 'yes'}"]
    differ = [(one, v) for one, v in zip(trial.sample, trial.verdicts, strict=True) if one.right != v.correct]
    for one, verdict in differ[:_SHOWN]:
        people, said = ("right", "wrong") if one.right else ("wrong", "right")
        why = (verdict.judged and (verdict.judged.failure or verdict.judged.reason)) or "there is no answer"
        lines += [
            "",
            f"people {people}, judge {said}: {one.task.question:.200}",
            f"  {one.answer:.200}",
            f"  {why:.400}",
        ]
    if len(differ) > _SHOWN:
        lines.append(f"and {len(differ) - _SHOWN} more")
    say("\n".join(lines))

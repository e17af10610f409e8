"""Parse the command line and turn errors into exit codes: 0 done, 2 bad input, 75 transient, 1 anything else."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mlpo_core.errors import BadInput, Transient
from mlpo_core.stages import STAGES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Transient as error:
        print(f"temporary failure: {error}", file=sys.stderr)
        return 75
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mlpo_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="make one asset of an experiment")
    run.add_argument("asset", nargs="?", choices=list(STAGES), metavar="ASSET")
    run.add_argument("--experiment", help="name in experiments/, or a YAML file")
    run.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    run.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")
    run.add_argument("--spec", type=Path, help="a spec file, instead of asset and experiment")
    run.set_defaults(command=_run)

    grade = commands.add_parser("grade", help="grade anybody's responses")
    grade.add_argument("--benchmark", required=True, choices=["bbh", "math", "mmlu", "mmlu_pro"])
    grade.add_argument("--responses", required=True, help="Parquet with task_id, response, answer and perhaps choices")
    grade.add_argument("--out", required=True, help="Parquet to write")
    grade.set_defaults(command=_grade)
    return parser


def experiment_path(name: str) -> Path:
    """The YAML file that NAME or FILE means."""
    path = Path(name)
    return path if path.suffix in (".yaml", ".yml") else Path("experiments") / f"{name}.yaml"


def _run(options: argparse.Namespace) -> None:
    from mlpo_core.config import load
    from mlpo_core.run import Spec, resolve, run
    from mlpo_core.store import Store

    if options.spec:
        spec = Spec.model_validate_json(options.spec.read_bytes())
    elif options.asset and options.experiment:
        experiment = load(experiment_path(options.experiment), tuple(options.set))
        spec = resolve(options.asset, experiment, Store(options.root))
    else:
        raise BadInput("run needs ASSET and --experiment, or --spec")
    outcome = run(spec)
    if outcome.skipped:
        print(f"{spec.asset}: not part of this experiment: {outcome.skipped}")
    elif outcome.ref:
        print(f"{spec.asset}: {'reused' if outcome.reused else 'made'} {outcome.ref.url}")


def _grade(options: argparse.Namespace) -> None:
    from mlpo_core.grading.file import grade_file

    print(grade_file(options.benchmark, options.responses, options.out))

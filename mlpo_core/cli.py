"""Parse the command line and turn errors into exit codes: 0 done, 2 bad input, 75 transient, 1 anything else."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from mlpo_core.config import Experiment, load
from mlpo_core.errors import BadInput, Transient
from mlpo_core.experiments import find
from mlpo_core.lifeline import hold
from mlpo_core.progress import report_failure, session
from mlpo_core.stages import STAGES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    options = _parser().parse_args(arguments)
    hold()
    with session():
        try:
            options.command(options)
        except BadInput as error:
            print(f"error: {error}", file=sys.stderr)
            report_failure(str(error))
            return 2
        except Transient as error:
            print(f"temporary failure: {error}", file=sys.stderr)
            report_failure(str(error))
            return 75
        except Exception as error:
            report_failure(f"the phase broke: {type(error).__name__}: {error}. The traceback is in its stderr")
            raise
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

    points = commands.add_parser("points", help="make the chain of every point of an experiment's sweep")
    points.add_argument("experiment", metavar="NAME", help="name in experiments/")
    points.add_argument("--only", action="append", default=[], metavar="TEXT", help="points whose names contain it")
    points.add_argument("--root", help="where data live")
    points.set_defaults(command=_points)

    claims = commands.add_parser("claims", help="test what an experiment claims over the points of its sweep")
    claims.add_argument("experiment", metavar="NAME", help="name in experiments/")
    claims.add_argument("--root", help="where data live")
    claims.set_defaults(command=_claims)

    grade = commands.add_parser("grade", help="grade anybody's responses")
    grade.add_argument("--benchmark", required=True, choices=["bbh", "math", "mmlu", "mmlu_pro"])
    grade.add_argument("--responses", required=True, help="Parquet with task_id, response, answer and perhaps choices")
    grade.add_argument("--out", required=True, help="Parquet to write")
    grade.set_defaults(command=_grade)

    report = commands.add_parser("report", help="an experiment's report, or several experiments side by side")
    report.add_argument("--experiment", help="name in experiments/, or a YAML file")
    report.add_argument(
        "--compare",
        nargs="+",
        metavar="NAME",
        help="experiments to put on a page; one alone: its sweep's points",
    )
    report.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    report.add_argument("--root", help="where data live")
    report.set_defaults(command=_report)

    plan = commands.add_parser("plan", help="what an experiment will cost, without loading a model")
    plan.add_argument("experiment", metavar="FILE", help="a YAML file, or a name in experiments/")
    plan.add_argument("--gpus", type=int, default=1, help="divide the work over this many GPUs")
    plan.add_argument("--assume", type=Path, metavar="FILE", help="YAML that overrides throughputs and shares")
    plan.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    plan.set_defaults(command=_plan)

    versions = commands.add_parser("versions", help="list dataset and checkpoint versions")
    versions.add_argument("--root", help="where data live")
    versions.set_defaults(command=_versions)

    prune = commands.add_parser("prune", help="delete versions that nothing refers to, and what killed runs left")
    prune.add_argument("--root", help="where data live")
    prune.add_argument(
        "--hours", type=float, metavar="N", help="what killed runs left counts after N untouched hours (default: 24)"
    )
    prune.add_argument("--yes", action="store_true", help="delete; without it, only say what would go")
    prune.set_defaults(command=_prune)

    trace = commands.add_parser("trace", help="the rows that led to an id, and what it led to")
    trace.add_argument("id", metavar="ID", help="a task, proposal, trace, prompt, generation or prediction id")
    trace.add_argument("--experiment", help="experiment to look in (default: all)")
    trace.add_argument("--html", type=Path, metavar="FILE", help="write a page with the rows' whole text instead")
    trace.add_argument("--root", help="where data live")
    trace.set_defaults(command=_trace)
    return parser


def read_experiment(name: str, overrides: Sequence[str]) -> Experiment:
    """The experiment that NAME or FILE means."""
    path = Path(name)
    return load(path, tuple(overrides)) if path.suffix in (".yaml", ".yml") else find(name, tuple(overrides))


def _run(options: argparse.Namespace) -> None:
    from mlpo_core.run import Spec, resolve, run
    from mlpo_core.store import Store

    if options.spec:
        spec = Spec.model_validate_json(options.spec.read_bytes())
    elif options.asset and options.experiment:
        experiment = read_experiment(options.experiment, options.set)
        spec = resolve(options.asset, experiment, Store(options.root))
    else:
        raise BadInput("run needs ASSET and --experiment, or --spec")
    outcome = run(spec)
    if options.spec:
        return
    if outcome.skipped:
        print(f"{spec.asset}: not part of this experiment: {outcome.skipped}")
    elif outcome.ref:
        print(f"{spec.asset}: {'reused' if outcome.reused else 'made'} {outcome.ref.url}")


def _points(options: argparse.Namespace) -> None:
    from mlpo_core.points import make_points
    from mlpo_core.store import Store

    made = make_points(find(options.experiment), Store(options.root), options.only)
    print(f"{options.experiment}: {made} phases run; every point is there")


def _claims(options: argparse.Namespace) -> None:
    from mlpo_core.benchmark.claims import write_claims
    from mlpo_core.store import Store

    print(write_claims(find(options.experiment), Store(options.root)))


def _grade(options: argparse.Namespace) -> None:
    from mlpo_core.grading.file import grade_file

    print(grade_file(options.benchmark, options.responses, options.out))


def _report(options: argparse.Namespace) -> None:
    from mlpo_core.benchmark.report.show import show, show_comparison
    from mlpo_core.store import Store

    store = Store(options.root)
    if bool(options.compare) == bool(options.experiment):
        raise BadInput("report needs --experiment NAME or --compare A B …")
    if options.compare:
        print(show_comparison([read_experiment(name, options.set) for name in options.compare], store))
    else:
        print(show(read_experiment(options.experiment, options.set), store))


def _plan(options: argparse.Namespace) -> None:
    from mlpo_core.plan import plan, table
    from mlpo_core.throughput import read_assumptions

    experiment = read_experiment(options.experiment, options.set)
    print(table(plan(experiment, options.gpus, read_assumptions(options.assume))))


def _versions(options: argparse.Namespace) -> None:
    from mlpo_core.catalog import versions
    from mlpo_core.store import Store

    for entry in versions(Store(options.root)):
        state = entry.created or (f"damaged: {entry.damage}" if entry.damage else "unfinished")
        users = ", ".join(entry.used_by) or "-"
        print(f"{entry.asset:22} {entry.key}  {entry.rows:>9,} rows {entry.bytes / 1e6:>9.2f} MB  {state:25} {users}")


def _prune(options: argparse.Namespace) -> None:
    from mlpo_core.catalog import prunable, prune, versions
    from mlpo_core.store import Store
    from mlpo_core.sweep import ABANDONED_AFTER, leftovers, sweep

    store = Store(options.root)
    unused = prunable(versions(store))
    age = ABANDONED_AFTER if options.hours is None else timedelta(hours=options.hours)
    abandoned = leftovers(store, age)
    doing = "deleting" if options.yes else "would delete"
    for entry in unused:
        print(f"{doing} {entry.asset} {entry.key} {entry.bytes / 1e6:.2f} MB")
    for leftover in abandoned:
        where = leftover.folder.path(leftover.name)
        print(f"{doing} {leftover.what} {where} {leftover.bytes / 1e6:.2f} MB, last touched {leftover.touched:%F %R}")
    if options.yes:
        prune(store, unused)
        sweep(abandoned)
    size = sum(e.bytes for e in unused) + sum(e.bytes for e in abandoned)
    counted = f"{len(unused)} versions and {len(abandoned)} leftovers, {size / 1e6:.2f} MB"
    print(counted + ("" if options.yes else "; add --yes"))


def _trace(options: argparse.Namespace) -> None:
    from mlpo_core.store import Store
    from mlpo_core.trace import datasets, text

    store = Store(options.root)
    partitions = [options.experiment] if options.experiment else store.folder.join("experiments").folders()
    refusals: list[str] = []
    for partition in partitions:
        try:
            chain = datasets(store, partition)
            if options.html:
                from mlpo_core.trace_page import page

                options.html.write_bytes(page(chain, options.id))
            else:
                print(f"experiment {partition}\n{text(chain, options.id)}")
            return
        except BadInput as error:
            refusals.append(str(error))
    raise BadInput("\n".join(refusals) or f"no experiment has been run under {store.root}")

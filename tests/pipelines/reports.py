"""Reports of synthetic predictions, without a chain before them."""

from pathlib import Path

from mlpo_core.benchmark.report.make import make
from mlpo_core.store import Dataset, Origin
from tests.core.benchmark import synthetic


def put_report(root: Path, experiment: str, seed: int = 1) -> Dataset:
    """A report that an experiment points at; another seed gives other answers."""
    context = synthetic.build(root, synthetic.experiment(experiment), tests=30, seeds=(seed,))
    stats = make(context)
    manifest = context.writer.commit(Origin({}, {}, {}, {"code": "1"}), stats)
    ref = context.store.find("benchmark_report", manifest.key)
    assert ref is not None
    context.store.point(experiment, ref)
    return Dataset(ref)

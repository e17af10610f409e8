"""Training curves of the report: those that are always logged, and one for every term of the reward of one's own."""

from pathlib import Path

from mlpo_core.benchmark.report.plots import training_plots
from tests import mini_chain as mini


def test_a_term_of_ones_own_has_a_curve_of_its_own(tmp_path: Path) -> None:
    metrics = {"reward": 0.5, "reward/lab.rewards:brevity": 0.1, "reward_std": 0.2}
    rows = [{"step": s, "metric": m, "value": v * s} for s in (1, 2, 3) for m, v in metrics.items()]
    made = mini.put(mini.store(tmp_path), "mlpo_leader", rows)
    assert [plot.title for plot in training_plots({"mlpo_leader": made})] == ["Reward", "Reward, lab.rewards:brevity"]

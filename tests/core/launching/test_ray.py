"""Generation and training on a real Ray cluster: what a single machine makes, also when a node is lost."""

import pytest

from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import Spec
from mlpo_core.store import Dataset, Store
from tests.conftest import TinyRun
from tests.core.launching import phases
from tests.ray_cluster import RayCluster, workers
from tests.support import wait_for


@pytest.mark.slow
def test_tinys_proposals_survive_the_loss_of_a_node(tiny_run: TinyRun, ray_cluster: RayCluster, tmp_path):
    local = tiny_run.dataset("agent_proposals")
    inputs = {name: tiny_run.dataset(name).ref for name in ("tasks", "base_models")}
    experiment = find("tiny", ("launcher=ray",))
    root = str(tmp_path / "root")
    spec = Spec(asset="agent_proposals", partition="tiny", experiment=experiment, inputs=inputs, root=root)
    node = ray_cluster.add_node()
    process = phases.start(tmp_path, spec, RAY_ADDRESS=ray_cluster.address)
    try:
        wait_for(lambda: workers(node, "MapWorker"), 200, "an engine is on the node that will be lost")
        assert process.poll() is None
    finally:
        ray_cluster.remove_node(node)
    _, output = process.communicate(timeout=500)
    assert process.returncode == 0, output
    ref = Store(root).pointed("tiny", "agent_proposals")
    assert ref
    assert (ref.key, ref.digest) == (local.ref.key, local.ref.digest)
    assert list(Dataset(ref).rows(["proposal_id", "response"])) == list(local.rows(["proposal_id", "response"]))


@pytest.mark.slow
def test_two_workers_train_the_leader_of_one_process(ray_cluster: RayCluster, tmp_path):
    run(phases.sft(tmp_path, "one"))
    spec = phases.sft(tmp_path, "ray", launcher="ray")
    process = phases.start(tmp_path, spec, RAY_ADDRESS=ray_cluster.address, MLPO_PROCESSES="2")
    _, output = process.communicate(timeout=500)
    assert process.returncode == 0, output
    assert "training in 2 processes on a Ray cluster" in output
    phases.assert_trained_alike(tmp_path, "one", "ray")

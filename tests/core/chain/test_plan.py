import time
from pathlib import Path

import pytest

from mlpo_core.chain.plan import Cost, Plan, plan
from mlpo_core.chain.plan_table import table
from mlpo_core.chain.throughput import read_assumptions
from mlpo_core.errors import BadInput
from mlpo_core.experiment import load

PAPER = Path("experiments/paper.yaml")


def test_the_paper_is_planned_without_a_model_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from mlpo_core.cli import main; code = main(['plan', 'experiments/paper.yaml']); "
        "heavy = {'torch', 'vllm', 'transformers', 'trl'} & set(sys.modules); sys.exit(code or bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mlpo_leader" in done.stdout and "GPU-hours" in done.stdout


def test_proposals_count_samples_times_agents() -> None:
    costs = {c.stage: c for c in plan(load(PAPER)).costs}
    doubled = {c.stage: c for c in plan(load(PAPER, ("proposals.samples_per_agent=8",))).costs}
    assert doubled["agent_proposals"].rows == 2 * costs["agent_proposals"].rows
    assert doubled["agent_proposals"].completion_tokens == 2 * costs["agent_proposals"].completion_tokens


def test_update_flops_are_six_per_parameter_and_token() -> None:
    cost = {c.stage: c for c in plan(load(PAPER)).costs}["sft_leader"]
    assumed = read_assumptions(None)
    tokens = cost.prompt_tokens + cost.completion_tokens
    expected = 6 * 7e9 * tokens / (assumed.peak_tflops * 1e12 * assumed.training_utilisation) / 3600
    assert cost.gpu_hours == pytest.approx(expected)


def test_a_deferral_leader_is_planned_where_it_is_trained() -> None:
    chosen = ("benchmark.methods=[deferral_leader]",)
    costs = {c.stage: c for c in plan(load(PAPER, chosen)).costs}
    settings = load(PAPER).sft
    assert costs["deferral_leader"].rows == settings.steps * settings.batch_size
    assert costs["deferral_leader"].prompt_tokens > costs["sft_leader"].prompt_tokens  # every prompt shows the team
    assert "deferral_leader" not in {c.stage for c in plan(load(PAPER, ("benchmark.methods=[single]",))).costs}


def test_a_leader_that_corrects_itself_is_planned_where_it_is_trained() -> None:
    costs = {c.stage: c for c in plan(load(PAPER, ("benchmark.methods=[score_leader]",))).costs}
    made, alone = costs["score_leader"], costs["grpo_leader"]
    assert made.rows == 2 * alone.rows and made.completion_tokens == 2 * alone.completion_tokens
    assert made.prompt_tokens > 2 * alone.prompt_tokens  # a second prompt shows the first answer
    assert "score_leader" not in {c.stage for c in plan(load(PAPER)).costs}


def test_a_prompt_that_cannot_fit_is_refused() -> None:
    with pytest.raises(BadInput, match=r"leader\.max_context"):
        plan(load(PAPER, ("leader.max_context=2048",)))


def test_a_model_without_a_size_is_named() -> None:
    with pytest.raises(BadInput, match="org/model"):
        plan(load(PAPER, ("team.agents.0.model=org/model",)))


def test_a_million_tasks_cost_no_more_to_plan(tmp_path: Path) -> None:
    file = tmp_path / "million.yaml"
    file.write_text(
        "name: million\ntasks: [{benchmark: procedural, train: 1000000, dev: 0, test: 1000}]\n"
        "team: {agents: [{name: a, model: x-1B}, {name: b, model: y-1B}, {name: c, model: z-1B}]}\n"
        "leader: {model: x-1B}\n"
    )
    started = time.perf_counter()
    costs = {c.stage: c for c in plan(load(file)).costs}
    assert time.perf_counter() - started < 1
    assert costs["agent_proposals"].rows == 12_000_000


def test_assumptions_can_be_overridden_and_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "slow.yaml"
    file.write_text("peak_tflops: 494.5\n")
    experiment = load(PAPER)
    assert plan(experiment, 1, read_assumptions(file)).gpu_hours == pytest.approx(2 * plan(experiment).gpu_hours)
    file.write_text("peek_tflops: 1\n")
    with pytest.raises(BadInput, match="peek_tflops"):
        read_assumptions(file)
    file.write_text("peak_tflops: 0\n")
    with pytest.raises(BadInput, match=r"peak_tflops.*greater than 0"):
        read_assumptions(file)


def test_a_known_rate_stands_instead_of_flops(tmp_path: Path) -> None:
    file = tmp_path / "measured.yaml"
    file.write_text("throughput: {Qwen/Qwen2.5-7B: {written: 1000, trained: 500, source: ours}}\n")
    experiment = load(PAPER)
    result = plan(experiment, 1, read_assumptions(file))
    costs = {c.stage: c for c in result.costs}
    assert costs["sft_dataset"].gpu_hours == pytest.approx(costs["sft_dataset"].completion_tokens / 1000 / 3600)
    tokens = costs["sft_leader"].prompt_tokens + costs["sft_leader"].completion_tokens
    assert costs["sft_leader"].gpu_hours == pytest.approx(tokens / 500 / 3600)
    assert "Qwen/Qwen2.5-7B-Instruct: ours" in table(result)


def test_what_was_measured_here_is_known() -> None:
    result = plan(load(Path("experiments/tiny.yaml")))
    assert set(result.rates) == {"pretrain:llama", "pretrain:qwen2", "pretrain:gemma2", "pretrain:qwen3"}


def test_the_table_divides_wall_time_over_gpus() -> None:
    result = plan(load(PAPER), gpus=8)
    assert f"{result.gpu_hours / 8:.1f} h" in table(result)


STOPPING = ("inference.stop.price=0.02", "benchmark.methods=[mlpo_leader/adaptive]")


def test_rounds_on_dev_tasks_are_planned_where_they_are_run() -> None:
    tiny = Path("experiments/tiny.yaml")
    assert "dev_rounds" not in {c.stage for c in plan(load(tiny, STOPPING[:1])).costs}
    experiment = load(tiny, (*STOPPING, "inference.rounds=3"))
    [cost] = [c for c in plan(experiment).costs if c.stage == "dev_rounds"]
    dev, seeds = sum(source.dev or 0 for source in experiment.tasks), len(experiment.benchmark.seeds)
    assert cost.rows == dev * seeds * (3 + 1 + 2 * experiment.k)  # led, alone, revised
    assert cost.gpu_hours > 0 and cost.storage_bytes > 0
    [once] = [c for c in plan(load(tiny, (*STOPPING, "inference.rounds=1"))).costs if c.stage == "dev_rounds"]
    assert once.rows == dev * seeds * 2
    [priced] = [c for c in _paid("inference.rounds=1", *STOPPING).costs if c.stage == "dev_rounds"]
    assert priced.dollars == 0, "in one round no agent is asked again"
    [priced] = [c for c in _paid("inference.rounds=2", *STOPPING).costs if c.stage == "dev_rounds"]
    assert priced.dollars > 0


def test_dev_tasks_without_a_number_are_a_share_of_those_published() -> None:
    shares = ("tasks.0.dev=null", "tasks.0.train=null", "tasks.0.shares=[0.5, 0.25, 0.25]")
    experiment = load(PAPER, (*STOPPING, *shares))
    assert experiment.tasks[0].benchmark == "bbh"
    [cost] = [c for c in plan(experiment).costs if c.stage == "dev_rounds"]
    others = sum(source.dev or 0 for source in experiment.tasks[1:])
    per_task = len(experiment.benchmark.seeds) * (experiment.inference.rounds * (experiment.k + 1) - experiment.k + 1)
    assert cost.rows == pytest.approx((6511 * 0.25 + others) * per_task, abs=per_task)


def test_a_published_leader_takes_its_weights_and_an_adapter_nearly_nothing() -> None:
    def published(*overrides: str) -> float:
        [cost] = [c for c in plan(load(PAPER, overrides)).costs if c.stage == "published_leader"]
        assert (cost.rows, cost.gpu_hours, cost.dollars) == (0, 0, 0)
        return cost.storage_bytes

    assert published() == 7e9 * 4
    assert published("mlpo.lora.rank=8") == 7e9 * 2, "fine-tuning changed the weights, the merge was in bfloat16"
    assert published("mlpo.lora.rank=8", "sft.lora.rank=8") == 0


def test_a_team_that_is_asked_in_training_is_paid_for() -> None:
    def leader(*overrides: str) -> Cost:
        return next(c for c in _paid(*overrides).costs if c.stage == "mlpo_leader")

    plain, online = leader(), leader("mlpo.online=true")
    assert plain.dollars == 0 < online.dollars
    assert (online.rows, online.storage_bytes > plain.storage_bytes) == (plain.rows, True)
    assert leader("mlpo.online=true", "mlpo.solo_share=0.5").dollars == pytest.approx(
        0.5 / (1 - load(PAPER).mlpo.solo_share) * online.dollars
    )
    revised = leader("mlpo.rounds=3")
    assert revised.dollars > 0 and revised.starts > plain.starts
    assert leader("mlpo.rounds=3", "mlpo.online=true").dollars == pytest.approx(online.dollars + revised.dollars)


def _paid(*overrides: str) -> Plan:
    price = "{kind: openai, base_url: 'http://one/v1', price: {input: 2, output: 10}}"
    return plan(load(PAPER, ("team.agents.0.model=anything", f"team.agents.0.engine={price}", *overrides)))


def test_methods_have_their_dollars_beside_those_of_stages() -> None:
    result = _paid("benchmark.methods=[single, majority_vote@3]", "benchmark.seeds=[1]")
    bills = {bill.method: bill for bill in result.bills}
    agent, *others = (a.name for a in load(PAPER).team.agents)
    [proposals] = [c for c in result.costs if c.stage == "benchmark_proposals"]
    samples = load(PAPER).proposals.benchmark_samples
    assert bills[f"single:{agent}"].benchmark == pytest.approx(proposals.dollars / samples)
    assert bills["majority_vote@3"] == bills[f"single:{agent}"]._replace(method="majority_vote@3")
    assert all(bills[f"single:{other}"].answer == 0 for other in others)
    text = table(result)
    assert "an answer    benchmark" in text and "majority_vote@3" in text
    assert "an answer" not in table(plan(load(PAPER)))


def test_endpoints_take_no_gpu_and_cost_dollars() -> None:
    here = plan(load(PAPER))
    assert "dollars" not in table(here)
    remote = _paid("budget=1000000")
    [cost] = [c for c in remote.costs if c.stage == "agent_proposals"]
    assert cost.dollars == pytest.approx((2 * cost.prompt_tokens + 10 * cost.completion_tokens) / 3 / 1e6)
    assert cost.gpu_hours < next(c for c in here.costs if c.stage == "agent_proposals").gpu_hours
    assert f"endpoints: ${remote.dollars:,.2f}, budget $1,000,000.00" in table(remote)


def _hours(name: str, *overrides: str) -> float:
    return next(c.gpu_hours for c in plan(load(PAPER, overrides)).costs if c.stage == name)


def test_prompts_of_rounds_are_computed_for_every_call_and_those_of_samples_once() -> None:
    assert _hours("team_rounds", "benchmark.seeds=[1, 2]") == pytest.approx(
        2 * _hours("team_rounds", "benchmark.seeds=[1]")
    )
    one, two = (_hours("agent_proposals", f"proposals.samples_per_agent={n}") for n in (1, 2))
    assert one < two < 2 * one


def test_loads_of_models_are_counted() -> None:
    starts = {c.stage: c.starts for c in plan(load(PAPER)).costs}
    assert (starts["agent_proposals"], starts["sft_dataset"], starts["mlpo_leader"]) == (3, 1, 1)
    fewer = {c.stage: c.starts for c in plan(load(PAPER, ("inference.rounds=1",))).costs}
    assert starts["team_rounds"] > 5 * fewer["team_rounds"] > 0, "in the first round agents are not asked again"


def test_a_checkpoint_is_stored_as_it_is_saved() -> None:
    def stored(*overrides: str) -> float:
        return next(c.storage_bytes for c in plan(load(PAPER, overrides)).costs if c.stage == "mlpo_leader")

    assert stored() == 4 * 7e9
    assert stored("mlpo.lora.rank=8") == 2 * 7e9


def test_a_recorded_team_beside_a_leader_takes_no_gpu_and_no_size() -> None:
    costs = {c.stage: c for c in plan(load(Path("experiments/recorded-leader.yaml"))).costs}
    assert costs["agent_proposals"].gpu_hours == 0 == costs["agent_proposals"].starts
    assert costs["sft_leader"].gpu_hours > 0

import json
from types import SimpleNamespace

import pytest
import torch

from mlpo_core.benchmark.report import plots
from mlpo_core.errors import BadInput
from mlpo_core.store import Dataset, Origin
from mlpo_core.training import grpo, grpo_baseline, mlpo, rewards
from mlpo_core.training import log as training_log
from mlpo_core.training.dev_curve import DevCurve
from mlpo_core.training.leader_trainer import LeaderTrainer
from mlpo_core.training.row_files import run_order
from mlpo_core.types import Verdict, task_id
from tests.core.training import small


def commit(ctx):
    ctx.writer.commit(Origin({}, {}, {}, {}), {})
    ref = ctx.store.find(ctx.writer.asset, ctx.writer.key)
    assert ref
    return Dataset(ref)


def metric(dataset, name):
    return {row["step"]: row["value"] for row in dataset.rows() if row["metric"] == name}


def test_the_log_has_what_the_design_promises_and_the_plot_is_small(inputs, lenient_grading):
    ctx = inputs.context("mlpo_leader", small.experiment())
    stats = mlpo.run(ctx)
    made = commit(ctx)
    for name in (
        "loss",
        "reward",
        "reward_std",
        "zero_variance_share",
        "completions/mean_length",
        "entropy",
        "clip_ratio/region_mean",
        "update_tokens",
        "seconds",
        "processes",
    ):
        assert list(metric(made, name)) == [1, 2, 3, 4, 5, 6], name
    curves = [name for names in grpo.PANELS.values() for name in names]
    assert [name for name in (*curves, *plots.CURVES) if not metric(made, name)] == []  # all are drawn
    for mode in ("team", "solo"):
        assert list(metric(made, f"dev/{mode}/correct")) == [0, 3, 6]
    assert len(made.read_file("plots/training.png")) < 100_000
    json.dumps(stats)
    assert stats["headline"]["tokens"] == metric(made, "num_tokens")[6]
    assert (made.local_folder("checkpoint") / "model.safetensors").exists()


def test_the_seconds_of_a_step_do_not_contain_the_evaluation_after_it(inputs, lenient_grading, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(training_log, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(DevCurve, "_measure", lambda *_: now.__setitem__(0, now[0] + 1000.0) or {})
    original = LeaderTrainer.training_step

    def timed(self, *arguments, **options):
        now[0] += 3.0
        return original(self, *arguments, **options)

    monkeypatch.setattr(LeaderTrainer, "training_step", timed)
    ctx = inputs.context("mlpo_leader", small.experiment(mlpo={"eval_steps": 1}))
    mlpo.run(ctx)
    assert set(metric(commit(ctx), "seconds").values()) == {3.0}


def test_the_trainer_is_set_up_as_the_paper_describes(inputs, lenient_grading, monkeypatch):
    seen = []
    monkeypatch.setattr(grpo, "LeaderTrainer", lambda **options: seen.append(options) or pytest.skip.Exception)
    with pytest.raises(AttributeError):
        mlpo.run(inputs.context("mlpo_leader", small.experiment()))
    args = seen[0]["args"]
    assert (args.loss_type, args.scale_rewards, args.beta) == ("dr_grpo", "none", 0.0)
    assert (args.num_generations, args.generation_batch_size, args.max_completion_length) == (4, 8, 12)
    assert not args.shuffle_dataset  # the order is drawn before
    assert not args.mask_truncated_completions


def test_the_trainer_gets_every_pass_in_the_order_of_the_experiment(inputs, lenient_grading, monkeypatch, tmp_path):
    (tmp_path / "lab_backwards.py").write_text("def backwards(shown):\n    return -int(shown.task.answer)\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    monkeypatch.setattr(grpo, "LeaderTrainer", lambda **options: seen.append(options) or pytest.skip.Exception)
    for curriculum in ("none", "lab_backwards:backwards"):
        with pytest.raises(AttributeError):
            mlpo.run(inputs.context("mlpo_leader", small.experiment(mlpo={"steps": 13, "curriculum": curriculum})))
    drawn, sorted_ = ([(-int(r["answer"]), r["prompt_id"]) for r in options["train_dataset"]] for options in seen)
    assert len(drawn) == 26 and drawn != sorted_
    for some in (slice(0, 20), slice(20, 26)):  # a pass of 20 prompts, and what the run takes of the next
        assert sorted_[some] == sorted(drawn[some], key=lambda pair: pair[0])


@pytest.mark.parametrize("truncated", ["keep", "mask", "penalise"])
def test_cut_off_completions_are_masked_or_penalised_where_the_experiment_says_so(inputs, monkeypatch, truncated):
    """Everything is right, and a random leader seldom stops before its limit: never in the first step."""
    monkeypatch.setattr(rewards, "grade", lambda *_: Verdict("", True))
    ctx = inputs.context("mlpo_leader", small.experiment(mlpo={"steps": 2, "truncated": truncated}))
    mlpo.run(ctx)
    made = commit(ctx)
    cut = metric(made, "completions/clipped_ratio")
    assert cut[1] == 1.0 > cut[2] > 0.0
    worth = {step: 0.5 * (1 - share if truncated == "penalise" else 1) for step, share in cut.items()}
    assert metric(made, "reward") == pytest.approx(worth)
    assert metric(made, "prefix_shared")[1] == (0.0 if truncated == "mask" else 1.0)  # nothing is left to compare on
    assert metric(made, "audit/cut_off") == ({} if truncated == "penalise" else {0: 1.0})
    assert metric(made, "audit/rewarded") == {0: 0.0 if truncated == "penalise" else 4.0}


def test_the_same_seed_gives_the_same_digest(inputs, lenient_grading, tmp_path):
    digests = []
    for root in ("one", "two"):
        fresh = small.Inputs(tmp_path / root)
        fresh.refs = inputs.refs
        torch.manual_seed(len(digests))
        ctx = fresh.context("mlpo_leader", small.experiment())
        mlpo.run(ctx)
        digests.append(commit(ctx).ref.digest)
    assert digests[0] == digests[1]


def test_groups_without_spread_leave_the_weights_alone(inputs):
    ctx = inputs.context("mlpo_leader", small.experiment())
    mlpo.run(ctx)  # a random leader is never right
    made = commit(ctx)
    assert set(metric(made, "zero_variance_share").values()) == {1.0}
    assert set(metric(made, "grad_norm").values()) == {0.0}
    base = Dataset(inputs.refs["base_models"]).local_folder("leader") / "model.safetensors"
    from safetensors.torch import load_file

    before, after = load_file(base), load_file(made.local_folder("checkpoint") / "model.safetensors")
    assert all(torch.equal(before[n], after[n]) for n in before)


def test_float_residue_in_a_group_of_equal_rewards_is_no_advantage(inputs, lenient_grading, monkeypatch):
    monkeypatch.setattr(grpo.Reward, "__call__", lambda self, prompts, **_: [1.2] * len(prompts))
    seen = []
    original = LeaderTrainer._compute_loss
    monkeypatch.setattr(
        LeaderTrainer, "_compute_loss", lambda self, m, i: seen.append(i["advantages"]) or original(self, m, i)
    )
    mlpo.run(inputs.context("mlpo_leader", small.experiment(mlpo={"group_size": 6, "keep_rollouts": 0})))
    equal = torch.full((2, 6), 1.2)
    assert (equal - torch.nanmean(equal, dim=1, keepdim=True)).abs().max() > 0  # TRL's advantages have a residue
    assert all((advantages == 0).all() for advantages in seen)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"leader": {"max_context": 30}}, r"leader prompt prompt\d+train\w+: \d+ tokens, but only 18 are left"),
        ({"mlpo": {"prompts_per_step": 21}}, "20 training prompts, but a step takes prompts_per_step = 21"),
        ({"mlpo": {"micro_batch_size": 3}}, "micro_batch_size 3 .* does not divide the 8 rows"),
        pytest.param(
            {"mlpo": {"rollouts": "vllm"}},
            "vllm needs a CUDA device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="is about the absence of CUDA"),
        ),
    ],
)
def test_bad_input_stops_before_training(inputs, section, message):
    ctx = inputs.context("mlpo_leader", small.experiment(**section))
    with pytest.raises(BadInput, match=message):
        mlpo.run(ctx)
    assert not list(ctx.writer.scratch().glob("trainer/*"))


def test_a_loss_that_is_not_finite_stops_names_the_group_and_keeps_the_last_checkpoint(
    inputs, lenient_grading, monkeypatch
):
    original = LeaderTrainer._get_per_token_logps_and_entropies

    def breaks(self, model, input_ids, *rest, **options):
        logps, *others = original(self, model, input_ids, *rest, **options)
        if self.state.global_step == 4:
            logps = logps.clone()
            logps[2, 0] = float("nan")
        return logps, *others

    monkeypatch.setattr(LeaderTrainer, "_get_per_token_logps_and_entropies", breaks)
    ctx = inputs.context("mlpo_leader", small.experiment())
    with pytest.raises(BadInput, match=r"step 5: the loss is not finite; rows: group prompt\d+train\w+\. ") as error:
        mlpo.run(ctx)
    assert error.value.args[0].count("group") == 1
    from mlpo_core.training.resume import last_complete

    trainer = ctx.writer.scratch() / "trainer"
    assert last_complete(trainer) == trainer / "checkpoint-4"


def test_training_starts_from_the_sft_leader_where_there_is_one(inputs, tmp_path):
    inputs.add("sft_leader", [], ("checkpoint", small.save_leader(tmp_path / "sft", seed=7)))
    ctx = inputs.context("mlpo_leader", small.experiment())
    mlpo.run(ctx)
    from safetensors.torch import load_file

    started, ended = (
        load_file(tmp_path / "sft" / "model.safetensors"),
        load_file(ctx.writer.scratch() / "final" / "model.safetensors"),
    )
    assert all(torch.equal(started[n], ended[n]) for n in started)  # never right, so never moved


def tasks(count):
    for n in range(count):
        question = f"{n}+1"
        yield {
            "task_id": task_id("procedural", "sum", question, ()),
            "benchmark": "procedural",
            "subject": "sum",
            "split": "dev" if n % 4 == 3 else "train",
            "question": question,
            "choices": [],
            "answer": str(n + 1),
            "answer_kind": "exact",
        }


@pytest.mark.parametrize("match", ["steps", "tokens"])
def test_the_baseline_sees_solo_prompts_of_hard_tasks_and_stops_where_mlpo_did(inputs, lenient_grading, match):
    rows = list(tasks(16))
    inputs.add("tasks", rows)
    hard = [
        {
            "task_id": r["task_id"],
            "benchmark": "procedural",
            "split": r["split"],
            "n": 1,
            "n_correct": 0,
            "correct_rate": 0.0,
            "kept": i % 2 == 0 or r["split"] == "dev",
            "reason": "kept",
        }
        for i, r in enumerate(rows)
    ]
    inputs.add("hard_tasks", hard)
    inputs.add(
        "mlpo_leader",
        [{"step": 4, "metric": "num_tokens", "value": 4000.0}, {"step": 5, "metric": "num_tokens", "value": 5000.0}],
    )
    settings = {"match": match, "prompts_per_step": 2, "group_size": 2}
    ctx = inputs.context("grpo_leader", small.experiment(grpo=settings))
    stats = grpo_baseline.run(ctx)
    made = commit(ctx)
    counted = metric(made, "num_tokens")
    if match == "steps":
        assert max(counted) == 5
    else:
        *_, before, last = counted.values()
        assert before < 5000 <= last
    assert stats["headline"]["prompts"] == sum(h["kept"] and h["split"] == "train" for h in hard)
    assert metric(made, "dev/solo/correct") and metric(made, "audit/rewarded")


def test_what_the_baseline_is_not_told_is_as_in_mlpo():
    given = small.experiment(mlpo={"temperature": 0.7}, grpo={"group_size": 2, "match": "tokens"})
    assert (given.grpo.learning_rate, given.grpo.temperature, given.grpo.group_size) == (1e-3, 0.7, 2)
    assert given.grpo.solo_share == 1.0
    again = type(given).model_validate_json(given.model_dump_json())
    assert again == given


def test_run_order_is_whole_permutations_without_repeats_in_a_step():
    order = run_order(rows=10, per_step=4, steps=7, seed=3)
    assert len(order) == 28
    steps = [order[i : i + 4] for i in range(0, 28, 4)]
    assert all(len(set(s)) == 4 for s in steps)
    assert all(len(set(steps[i] + steps[i + 1])) == 8 for i in (0, 2, 4))  # two steps to an epoch of ten rows
    assert steps[0] + steps[1] != steps[2] + steps[3]
    assert run_order(10, 4, 3, 3) == order[:12]
    assert sorted(run_order(rows=3, per_step=4, steps=1, seed=0)[:3]) == [0, 1, 2]

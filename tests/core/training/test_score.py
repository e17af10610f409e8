"""SCoRe: both stages against a plain loop over rows and tokens, what each turn earns, and runs on a miniature."""

import random
import signal
import subprocess
import sys

import pytest
import torch
from datasets import Dataset as Rows
from pyarrow.parquet import read_table
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.grpo_config import GRPOConfig

from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import load
from mlpo_core.experiment.reading import parse
from mlpo_core.prompts import chat
from mlpo_core.prompts.correction import correction_prompt, fitted_correction
from mlpo_core.prompts.leader import leader_prompt
from mlpo_core.tasks import task_of
from mlpo_core.training import score
from mlpo_core.training.answer_region import answer_region
from mlpo_core.training.rewards import Judged, Reward
from mlpo_core.training.score_reward import changes, shaped
from mlpo_core.training.score_trainer import Scheme, ScoreTrainer
from mlpo_core.training.terms import Terms
from tests.core.training import small
from tests.support import REPOSITORY

GROUP, LENGTH = 4, 12
ALPHA, BETA1, BETA2 = 10.0, 0.3, 0.7


class Given(ScoreTrainer):
    """Completions that only prompt and place decide."""

    def _generate_single_turn(self, prompt_ids, *_):
        made = []
        for place, ids in enumerate(prompt_ids):
            rng = random.Random(f"{ids}{place}")
            made.append([rng.randrange(5, 60) for _ in range(rng.randrange(1, 9))] + [2])
        return made, None


def given(tmp_path, is_stage_1):
    """A trainer whose leader has moved from its reference, and what it was asked: two groups in one micro-batch."""
    folder = small.save_leader(tmp_path / "leader")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    tasks = [{**small.solo_task(n), "mode": "solo"} for n in (1, 2)]
    rows = [
        {**task, "row": i, "prompt": [{"role": "user", "content": leader_prompt(task_of(task), ())}]}
        for i, task in enumerate(tasks)
    ]
    args = GRPOConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2 * GROUP,
        num_generations=GROUP,
        max_completion_length=LENGTH,
        loss_type="dr_grpo",
        scale_rewards="none",
        beta=max(BETA1, BETA2),
        learning_rate=0.0,
        shuffle_dataset=False,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
    )
    made = Given(
        model=model,
        reward_funcs=Reward(Terms(1.0, 0.0), needs_workers=False),
        args=args,
        train_dataset=Rows.from_list(rows),
        processing_class=tokenizer,
    )
    made.row_ids, made.prompt_limit = ["one", "two"], 400
    made.scheme = Scheme(ALPHA, BETA1, BETA2, lambda _: is_stage_1)
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.02 * torch.randn_like(weight)
    return made, tasks


def one_step(trainer):
    """Loss and gradient of a step."""
    seen = []
    original = trainer._compute_loss

    def recorded(model, inputs):
        loss = original(model, inputs)
        weights = list(trainer.model.parameters())
        seen.append((loss.detach(), torch.autograd.grad(loss, weights, retain_graph=True)))
        return loss

    trainer._compute_loss = recorded
    trainer.train()
    [(loss, gradient)] = seen
    return loss, torch.cat([g.flatten() for g in gradient])


def plain(trainer, tasks, folder, is_stage_1):
    """The same by the formulas: a pair of attempts at a time, a token at a time."""
    policy = trainer.accelerator.unwrap_model(trainer.model)
    reference = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = trainer.processing_class

    def written(prompts):
        return trainer._generate_single_turn([chat.encode(tokenizer, p) for p in prompts])[0]

    def earned(ids):
        text = tokenizer.decode(ids, skip_special_tokens=True)
        return text, 0.5 * (sum(c.islower() for c in answer_region(text).response) % 2 == 0)

    def terms(model, prompt, ids):
        whole = torch.tensor([[*chat.encode(tokenizer, prompt), *ids]])
        logits = model(input_ids=whole).logits[0]
        start = whole.shape[1] - len(ids)
        return [logits[start + t - 1].log_softmax(-1)[token] for t, token in enumerate(ids)]

    asked = [(task_of(task), leader_prompt(task_of(task), ())) for task in tasks for _ in range(GROUP)]
    firsts = written([prompt for _, prompt in asked])
    found = [earned(ids) for ids in firsts]
    again = [correction_prompt(task, text) for (task, _), (text, _) in zip(asked, found, strict=True)]
    seconds = written(again)
    r1 = [reward for _, reward in found]
    r2 = [earned(ids)[1] for ids in seconds]
    credit = {"first": [0.0 if is_stage_1 else r for r in r1]}
    credit["second"] = [b if is_stage_1 else b + ALPHA * (b - a) for a, b in zip(r1, r2, strict=True)]
    beta = {"first": BETA2 if is_stage_1 else BETA1, "second": 0.0 if is_stage_1 else BETA1}
    total, kls = torch.zeros(()), {"first": 0.0, "second": 0.0}
    for turn, prompts, texts in (("first", [p for _, p in asked], firsts), ("second", again, seconds)):
        for i, (prompt, ids) in enumerate(zip(prompts, texts, strict=True)):
            group = credit[turn][i // GROUP * GROUP :][:GROUP]
            advantage = credit[turn][i] - sum(group) / GROUP
            with torch.no_grad():
                before = terms(reference, prompt, ids)
            for now, then in zip(terms(policy, prompt, ids), before, strict=True):
                kl, ratio = torch.exp(then - now) - (then - now) - 1, torch.exp(now - now.detach())
                kls[turn] += beta[turn] * kl.item()
                # times the ratio, which is 1: so the gradient is that of KL(policy || reference), and not of its sample
                total = total - ratio * (advantage - beta[turn] * kl) / LENGTH / len(asked)
    return total, torch.cat([g.flatten() for g in torch.autograd.grad(total, list(policy.parameters()))]), kls, credit


@pytest.mark.parametrize("is_stage_1", [True, False])
def test_loss_and_gradient_are_those_of_the_formulas(tmp_path, lenient_grading, is_stage_1):
    trainer, tasks = given(tmp_path, is_stage_1)
    loss, gradient = one_step(trainer)
    expected, slope, kls, credit = plain(trainer, tasks, tmp_path / "leader", is_stage_1)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)
    assert (gradient - slope).norm() < 1e-5 * slope.norm()
    assert kls["first"] > 0.1 and (kls["second"] == 0) == is_stage_1
    assert len(set(credit["second"])) > 1, "nothing was to be learned from second attempts"


def test_progress_is_paid_and_spoiling_costs():
    pairs = [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]
    assert [shaped(*pair, ALPHA) for pair in pairs] == [11.0, -10.0, 1.0, 0.0]
    assert [shaped(*pair, 0.0) for pair in pairs] == [1.0, 0.0, 1.0, 0.0]


def test_copies_corrections_and_spoilt_answers_are_counted():
    def judged(answer, correct):
        return Judged(answer_region(f"<answer>{answer}</answer>"), correct, True, float(correct))

    right, wrong, other = judged(1, True), judged(2, False), judged(3, False)
    assert changes([(wrong, right), (right, wrong), (wrong, other), (wrong, wrong)]) == (0.75, 0.25, 0.25)


@pytest.fixture
def alone(inputs):
    """What SCoRe reads."""
    small.add_solo_tasks(inputs)
    return inputs


def experiment(**settings):
    return small.experiment(score=settings, benchmark={"methods": ["score_leader"]})


def metrics(ctx):
    """The training log: values by step, by metric."""
    found = {}
    for row in read_table(
        ctx.store.folder.join("score_leader", ctx.writer.key).path("part-000000.parquet")
    ).to_pylist():
        found.setdefault(row["metric"], {})[row["step"]] = row["value"]
    return found


def test_the_log_says_what_becomes_of_first_answers(alone, lenient_grading):
    ctx = alone.context("score_leader", experiment(stage1_share=0.34))
    stats = score.run(ctx)
    found = metrics(ctx)
    assert list(found["stage"].values()) == [1, 1, 1, 2, 2, 2]
    for name in ("second/differs", "second/corrects", "second/spoils", "first/correct", "correct", "first/kl"):
        assert len(found[name]) == 6, name
    assert list(found["second/kl"]) == [4, 5, 6]  # in Stage I the second turn is not held
    for step, right in found["correct"].items():
        moved = found["second/corrects"][step] - found["second/spoils"][step]
        assert right == pytest.approx(found["first/correct"][step] + moved)
    assert list(found["dev/solo/correct"]) == [0, 3, 6]
    assert stats["headline"]["steps"] == 6


def test_the_second_turn_draws_other_random_numbers(inputs, lenient_grading, monkeypatch):
    seeds = []
    original = score.ScoreTrainer._generate_single_turn

    def noted(self, *arguments, **options):
        seeds.append((self.state.global_step, self.turn))
        return original(self, *arguments, **options)

    monkeypatch.setattr(score.ScoreTrainer, "_generate_single_turn", noted)
    small.add_solo_tasks(inputs, steps=2)
    score.run(inputs.context("score_leader", experiment()))
    assert seeds == [(0, ()), (0, (1,)), (1, ()), (1, (1,))]


def test_tokens_of_both_turns_count_and_stages_divide_them(inputs, lenient_grading):
    small.add_solo_tasks(inputs, tokens=1500.0)
    ctx = inputs.context("score_leader", experiment(match="tokens"))
    score.run(ctx)
    found = metrics(ctx)
    *_, before, last = found["num_tokens"].values()
    assert before < 1500 <= last
    for step, stage in found["stage"].items():
        assert (stage == 1) == (found["num_tokens"].get(step - 1, 0) < 750)


def test_it_starts_from_the_base_leader_where_the_experiment_says_so(alone, lenient_grading, tmp_path, monkeypatch):
    tuned = small.save_leader(tmp_path / "tuned", seed=7)
    alone.add("sft_leader", [{"step": 1, "metric": "loss", "value": 1.0}], ("checkpoint", tuned))
    started = []
    monkeypatch.setattr(score, "train", lambda ctx, *_, **__: started.append("sft_leader" in ctx.inputs) or {})
    for start in ("sft", "base"):
        score.run(alone.context("score_leader", experiment(start=start)))
    assert started == [True, False]


def test_a_question_that_leaves_no_room_for_a_first_answer_is_refused(alone):
    crowded = small.experiment(benchmark={"methods": ["score_leader"]}, leader={"max_new_tokens": 198})
    with pytest.raises(BadInput, match="to correct itself the leader reads"):
        score.run(alone.context("score_leader", crowded))


def test_a_first_answer_that_does_not_fit_is_shown_by_its_end():
    task = task_of(small.solo_task(1))
    bare = len(correction_prompt(task, ""))
    prompt, how = fitted_correction(task, "0123456789", small.experiment().prompts, len, bare + 4)
    assert how == "tail:4" and prompt == correction_prompt(task, "6789")
    assert fitted_correction(task, "0123456789", small.experiment().prompts, len, bare + 10)[1] == ""
    assert fitted_correction(task, "0123456789", small.experiment().prompts, len, bare - 9)[1] == "tail:0"


def test_what_is_not_said_is_as_in_mlpo_and_what_does_not_apply_is_refused():
    made = small.experiment(mlpo={"temperature": 0.7, "beta": 0.2, "num_iterations": 3}, score={"group_size": 2})
    assert (made.score.temperature, made.score.learning_rate, made.score.group_size) == (0.7, 1e-3, 2)
    assert (made.score.alpha, made.score.beta1, made.score.beta2) == (10.0, 0.01, 0.1)
    assert type(made).model_validate_json(made.model_dump_json()) == made
    for wrong in ({"beta": 0.1}, {"num_iterations": 2}):
        with pytest.raises(BadInput, match=f"score.*{next(iter(wrong))}"):
            small.experiment(score=wrong)


def test_nothing_of_it_is_in_the_keys_of_who_does_not_ask_for_it():
    tiny = load(REPOSITORY / "experiments" / "tiny.yaml")
    other = tiny.model_copy(update={"score": tiny.score.model_copy(update={"alpha": 3.0})})
    raw = tiny.model_dump(mode="json")
    raw["benchmark"]["methods"] = [*raw["benchmark"]["methods"], "score_leader"]
    asked = parse(raw, "test")
    assert STAGES["score_leader"].skipped(tiny) and not STAGES["score_leader"].skipped(asked)
    for stage in STAGES.values():
        covered = stage.settings(tiny)
        assert stage.asset == "score_leader" or covered == stage.settings(other)
        assert "correction" not in covered.get("prompts", {})
    assert "score" in STAGES["benchmark_report"].settings(asked)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(alone, lenient_grading, tmp_path):
    undisturbed = alone.under(str(tmp_path / "undisturbed")).context("score_leader", experiment())
    score.run(undisturbed)
    command = [sys.executable, "-m", "tests.core.training.killed", alone.store.root, "score_leader", "5", "step"]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = alone.context("score_leader", experiment())
    assert (again.writer.scratch() / "trainer" / "checkpoint-4").exists()
    score.run(again)
    expected, found = (load_file(c.writer.scratch() / "final" / "model.safetensors") for c in (undisturbed, again))
    # the reference of the first step of a life is scored before it is known that prompts may be shared: rounding
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    logs = [metrics(ctx) for ctx in (undisturbed, again)]
    for name in ("stage", "correct", "second/differs", "num_tokens"):
        assert logs[0][name] == logs[1][name], name
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], abs=1e-6)

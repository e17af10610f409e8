"""The trainer against stock TRL: the same loss, gradients and weights."""

import random

import pytest
import torch
from datasets import Dataset
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from mlpo_core.experiment import LoRA
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.prompts import chat
from mlpo_core.training import leader_trainer, prefix_shared
from mlpo_core.training.leader import adapter
from mlpo_core.training.leader_trainer import LeaderTrainer
from tests.core.training import small

GROUP = 4
PROMPTS = ["2+2", "say something longer please", "x", "how many letters?", "1+1=", "reverse abc"]


class SameCompletions:
    """Rollouts that depend on prompt, position and step alone, so that two trainers see the same."""

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, has_tool_images=False):
        completions = []
        for index, ids in enumerate(prompt_ids):
            rng = random.Random(f"{ids}{index % num_generations}{self.state.global_step}")
            completions.append([rng.randrange(5, 60) for _ in range(rng.randrange(1, 9))] + [2])
        return completions, None


class Stock(SameCompletions, GRPOTrainer):
    def _send_telemetry(self):
        pass


class Ours(SameCompletions, LeaderTrainer):
    row_ids = PROMPTS
    prompt_limit = 1000


def reward(completions, **_):
    """Right when the first letter is early in the alphabet; short completions make whole groups equal."""
    return [float(c[0]["content"][:1] < "h" and len(c[0]["content"]) > 3) for c in completions]


def trainer(kind, tmp_path, family="qwen3", rank=0, steps=20, seed=0, model_options=None, **options):
    tokenizer = character_tokenizer()
    model = small.small_model(family, len(tokenizer), seed, **(model_options or {}))
    rows = [{"prompt": [{"role": "user", "content": p}], "row": i} for i, p in enumerate(PROMPTS)]
    order = [i for _ in range(steps) for i in range(len(rows))]
    options = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "learning_rate": 1e-3} | options
    args = GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=steps,
        num_generations=GROUP,
        max_completion_length=12,
        shuffle_dataset=False,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=options.pop("gradient_checkpointing", False),
        logging_steps=1,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        seed=1,
        **{"beta": 0.0, "loss_type": "dr_grpo", "scale_rewards": "none", **options},
    )
    made = kind(
        model=model,
        reward_funcs=reward,
        args=args,
        train_dataset=Dataset.from_list(rows).select(order),
        processing_class=tokenizer,
        peft_config=adapter(LoRA(rank=rank)),
    )
    from transformers import PrinterCallback

    made.remove_callback(PrinterCallback)
    return made


def history(made, metric):
    return [entry[metric] for entry in made.state.log_history if metric in entry]


def assert_same_training(stock, ours, moved=1e-3):
    start = {n: p.detach().clone() for n, p in stock.model.named_parameters()}
    stock.train()
    ours.train()
    found = dict(ours.model.named_parameters())
    for name, expected in stock.model.named_parameters():
        if expected.requires_grad:
            change = (expected - start[name]).norm()
            assert change > 0, name
            assert (expected - found[name]).norm() < moved * change, (
                f"{name}: {(expected - found[name]).norm() / change:.1e}"
            )
    torch.testing.assert_close(history(ours, "loss"), history(stock, "loss"), rtol=1e-4, atol=1e-4)
    assert 0 < sum(history(ours, "zero_variance_share")) < len(history(ours, "loss"))  # some groups skipped, some not


@pytest.mark.parametrize("family", small.ALL)
def test_weights_after_20_steps_are_those_of_stock_trl(family, tmp_path):
    ours = trainer(Ours, tmp_path, family)
    assert_same_training(trainer(Stock, tmp_path, family), ours)
    assert set(history(ours, "prefix_shared")) == {1.0}
    assert max(history(ours, "skipped_share")) > 0


@pytest.mark.parametrize(
    "options",
    [
        {"rank": 4},
        {"gradient_accumulation_steps": 3},
        {"gradient_accumulation_steps": 2, "num_iterations": 2},
        {"gradient_checkpointing": True},
        {"temperature": 0.6, "epsilon": 0.05, "num_iterations": 3},
        {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4},
        {"weight_decay": 0.1, "max_grad_norm": 0.01},
        {"importance_sampling_level": "sequence", "num_iterations": 2},
    ],
    ids=["lora", "micro-batches", "iterations", "checkpointing", "clipping", "split groups", "decay", "sequence level"],
)
def test_options(options, tmp_path):
    ours = trainer(Ours, tmp_path, **options)
    assert_same_training(trainer(Stock, tmp_path, **options), ours)
    whole = options.get("per_device_train_batch_size", 8) % GROUP == 0
    assert set(history(ours, "prefix_shared")) == {float(whole)}


def test_vllms_importance_sampling_correction_is_that_of_stock_trl(tmp_path):
    """What TRL adds to a batch when vLLM samples: a ratio per token, by which the loss is weighted."""
    taken = []
    for kind in (Stock, Ours):
        made = trainer(kind, tmp_path)
        generate = made._generate_and_score_completions

        def sampled_elsewhere(rows, made=made, generate=generate):
            made.use_vllm = False
            batch = generate(rows)
            made.use_vllm = made.vllm_importance_sampling_correction = True
            generator = torch.Generator().manual_seed(made.state.global_step)
            batch["importance_sampling_ratio"] = torch.rand(batch["completion_ids"].shape, generator=generator) * 2
            return batch

        made._generate_and_score_completions = sampled_elsewhere
        taken.append(made)
    stock, ours = taken
    assert_same_training(stock, ours)
    assert set(history(ours, "prefix_shared")) == {1.0}


def test_with_a_kl_term_nothing_is_skipped(tmp_path):
    ours = trainer(Ours, tmp_path, rank=4, beta=0.1)  # an adapter's reference is the model without it
    assert_same_training(trainer(Stock, tmp_path, rank=4, beta=0.1), ours)
    assert set(history(ours, "skipped_share")) == {0.0}
    assert set(history(ours, "prefix_shared")) == {1.0}


class CutOff(SameCompletions):
    """A third of the completions runs into the length limit, and of every other step all but one."""

    def _generate_single_turn(self, *arguments, **options):
        completions, extra = super()._generate_single_turn(*arguments, **options)
        few = self.state.global_step % 2
        return [c if (i == 5 if few else i % 3) else [*c[:-1], 7] for i, c in enumerate(completions)], extra


class StockCutOff(CutOff, Stock):
    pass


class OursCutOff(CutOff, Ours):
    pass


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2},
        {"num_iterations": 2, "beta": 0.1, "rank": 4},
    ],
    ids=["one batch", "micro-batches", "iterations and kl"],
)
def test_masked_cut_off_completions_are_those_of_stock_trl(options, tmp_path):
    options = {**options, "mask_truncated_completions": True}
    ours = trainer(OursCutOff, tmp_path, **options)
    assert_same_training(trainer(StockCutOff, tmp_path, **options), ours)
    assert set(history(ours, "prefix_shared")) == {1.0}


def test_masking_leaves_out_what_keeping_trains_on(tmp_path):
    found = []
    for masked in (False, True):
        made = trainer(OursCutOff, tmp_path, steps=1, mask_truncated_completions=masked)
        made.train()
        found.append(sum(history(made, "update_tokens")))
    assert found[1] < found[0]


def test_paths_are_not_compared_on_a_group_of_which_nothing_is_left(tmp_path):
    """All cut off in the first step, so both paths agree on nothing there; the second step decides."""

    class LateStart(SameCompletions, LeaderTrainer):
        row_ids, prompt_limit = PROMPTS, 1000

        def _generate_single_turn(self, *arguments, **options):
            completions, extra = super()._generate_single_turn(*arguments, **options)
            return [c if self.state.global_step else [*c[:-1], 7] for c in completions], extra

    made = trainer(LateStart, tmp_path, steps=3, mask_truncated_completions=True)
    made.train()
    assert history(made, "prefix_shared") == [0.0, 1.0, 1.0]
    assert history(made, "grad_norm")[0] == 0.0


@pytest.mark.slow
def test_the_loss_trajectory_over_50_steps_is_that_of_stock_trl(tmp_path):
    assert_same_training(trainer(Stock, tmp_path, steps=50), trainer(Ours, tmp_path, steps=50), moved=1e-2)


def test_the_loss_is_dr_grpo(tmp_path):
    """Golden: -mean over rows of the sum of advantage × ratio over tokens / max_completion_length, by hand."""
    ours = trainer(Ours, tmp_path, steps=1)
    seen = []
    original = Ours._compute_loss
    ours._compute_loss = lambda model, inputs: seen.append(inputs) or original(ours, model, inputs)
    model = small.small_model("qwen3", len(ours.processing_class))
    ours.train()
    batch = seen[0]
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    width = batch["completion_ids"].shape[1]
    logits = model(input_ids=ids, attention_mask=mask).logits[:, -width - 1 : -1]
    logps = logits.log_softmax(-1).gather(2, batch["completion_ids"].unsqueeze(2)).squeeze(2)
    ratio = torch.exp(logps - logps.detach())
    per_token = -(ratio * batch["advantages"][:, None]) * batch["completion_mask"]
    loss = per_token.sum() / (len(ids) * 12)
    rewards = torch.tensor(
        reward(
            [[{"content": ours.processing_class.decode(r, skip_special_tokens=True)}] for r in batch["completion_ids"]]
        )
    )
    by_group = rewards.view(-1, GROUP)
    torch.testing.assert_close(batch["advantages"].view(-1, GROUP), by_group - by_group.mean(1, keepdim=True))
    loss.backward()
    norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
    assert history(ours, "loss")[0] == pytest.approx(loss.item(), abs=1e-6)
    assert history(ours, "grad_norm")[0] == pytest.approx(norm.item(), rel=1e-4)


def test_a_batch_without_any_advantage_still_takes_the_optimizer_step(tmp_path, monkeypatch):
    """Momentum of earlier steps moves the weights, and weight decay too, exactly as in stock TRL."""

    def some_steps(completions, trainer_state, **_):
        return [float(i % 2) if trainer_state.global_step % 2 == 0 else 0.0 for i in range(len(completions))]

    monkeypatch.setitem(globals(), "reward", some_steps)
    ours = trainer(Ours, tmp_path, steps=6, weight_decay=0.1)
    assert_same_training(trainer(Stock, tmp_path, steps=6, weight_decay=0.1), ours)
    assert history(ours, "skipped_share") == [0.0, 1.0] * 3


def test_a_difference_falls_back_to_the_plain_path_loudly(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(leader_trainer, "log", said.append)
    score = prefix_shared.score

    def wrong(*arguments):
        scored = score(*arguments)
        return scored._replace(log_probs=scored.log_probs * 1.001)

    monkeypatch.setattr(prefix_shared, "score", wrong)
    ours = trainer(Ours, tmp_path)
    assert_same_training(trainer(Stock, tmp_path), ours)
    assert set(history(ours, "prefix_shared")) == {0.0}
    assert len(said) == 1
    assert "Qwen3ForCausalLM: shared prompts differ from the plain path by 1.0e-03" in said[0]


def test_a_wrong_gradient_alone_is_noticed(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(leader_trainer, "log", said.append)
    score = prefix_shared.score

    def wrong(*arguments):
        scored = score(*arguments)
        return scored._replace(log_probs=scored.log_probs.detach() * 0.5 + scored.log_probs * 0.5)

    monkeypatch.setattr(prefix_shared, "score", wrong)
    trainer(Ours, tmp_path, steps=1).train()
    assert "differ from the plain path by 5.0e-01" in said[0]


def test_a_model_that_refuses_the_keyword_falls_back(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(leader_trainer, "log", said.append)
    monkeypatch.setattr(prefix_shared, "score", lambda *_: (_ for _ in ()).throw(TypeError("unexpected keyword")))
    trainer(Ours, tmp_path, steps=1).train()
    assert "TypeError: unexpected keyword" in said[0]


def test_an_unsupported_attention_implementation_is_named(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(leader_trainer, "log", said.append)
    trainer(Ours, tmp_path, model_options={"attention_dropout": 0.1})
    assert "attention_dropout 0.1" in said[0]


class Counted(Ours):
    """Completions of 2, 3, 4 and 5 tokens in every group."""

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, has_tool_images=False):
        return [[7] * (1 + index % GROUP) + [2] for index, _ in enumerate(prompt_ids)], None


@pytest.mark.parametrize(
    ("options", "of_first", "more"),
    [
        ({}, 1, 0),  # the first group, its prompt once; nothing of the second
        ({"rank": 4, "beta": 0.1}, 1, "second"),  # with a KL term no group is left out
        # of an idle micro-batch a token of a prompt and one of its answer stay, for a backward pass
        ({"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}, 1, 2),
        ({"per_device_train_batch_size": 1, "gradient_accumulation_steps": 8}, 4, 4 * 2),  # split groups share nothing
    ],
    ids=["one batch", "nothing skipped", "micro-batches", "split groups"],
)
def test_update_tokens_are_those_of_forward_and_backward(options, of_first, more, tmp_path, monkeypatch):
    """Of the two groups of a step only the first has an advantage: one of its four answers is right."""
    monkeypatch.setitem(globals(), "reward", lambda completions, row, **_: [float(i == 0) for i in range(len(row))])
    made = trainer(Counted, tmp_path, steps=1, **options)
    made.train()
    first, second = (len(chat.encode(made.processing_class, prompt)) for prompt in PROMPTS[:2])
    answers = 2 + 3 + 4 + 5
    more = second + answers if more == "second" else more
    assert history(made, "update_tokens") == [of_first * first + answers + more]
    assert history(made, "num_tokens") == [GROUP * (first + second) + 2 * answers]


def only_the_first_prompt_carries(completions, row, **_):
    return [float(r == 0 and i % GROUP == 0) for i, r in enumerate(row)]


MICRO_BATCHES = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}


def test_entropy_does_not_depend_on_how_a_step_is_cut(tmp_path, monkeypatch):
    """Also where one micro-batch is idle: the token that stays of it is no measurement."""
    for rewards in (reward, only_the_first_prompt_carries):
        monkeypatch.setitem(globals(), "reward", rewards)
        found = []
        for options in ({}, MICRO_BATCHES):
            made = trainer(Ours, tmp_path, steps=3, **options)
            made.train()
            found.append({e["step"]: e["entropy"] for e in made.state.log_history if "entropy" in e})
        assert found[0]
        assert found[1] == pytest.approx(found[0], rel=1e-4)


def test_clip_shares_are_those_of_stock_trl_over_all_tokens(tmp_path):
    """Stock in one batch runs every group, so it counts what was left out here."""
    options = {"num_iterations": 2, "epsilon": 1e-4, "steps": 8, "learning_rate": 1e-3}
    stock = trainer(Stock, tmp_path, gradient_accumulation_steps=1, **options)
    stock.train()
    for cut in ({}, MICRO_BATCHES):
        ours = trainer(Ours, tmp_path, **{**options, **cut})
        ours.train()
        assert max(history(ours, "skipped_share")) > 0
        for name in ("low_mean", "high_mean", "region_mean", "low_min"):
            name = f"clip_ratio/{name}"
            assert history(ours, name) == pytest.approx(history(stock, name), abs=2e-2), name
        assert max(history(ours, "clip_ratio/region_mean")) > 0.1


def test_every_iteration_over_the_same_rollouts_is_an_update(tmp_path):
    made = trainer(Ours, tmp_path, steps=6, num_iterations=2)
    made.train()
    updates, rollouts = history(made, "update_tokens"), history(made, "num_tokens")
    assert updates[::2] == updates[1::2]
    assert max(updates) < min(b - a for a, b in zip([0, *rollouts[::2]], rollouts[::2], strict=False))

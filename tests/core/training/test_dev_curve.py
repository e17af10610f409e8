"""Accuracy on dev prompts, measured by all processes together."""

from types import SimpleNamespace

import pytest

from mlpo_core.experiment import MLPO
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.store.schemas import AUDIT, REWARDED
from mlpo_core.training import dev_curve
from mlpo_core.training.dev_curve import DevCurve, greedy, share
from mlpo_core.training.rewards import Reward
from mlpo_core.training.terms import Terms
from tests.core.training import small

ROWS = [small.leader_prompt_row(n, "dev", mode) for n in range(5) for mode in ("team", "solo")][:9]


def curve():
    return DevCurve(ROWS, Reward(Terms(1.0, 0.1), False), character_tokenizer(), 8, MLPO())


def test_the_audit_looks_at_what_is_rewarded(monkeypatch):
    """Right answers here are one more than the task's number; the last prompt's is wrong."""
    rows = [row | {"question": "What is the sum of these two numbers?"} for row in ROWS[:5]]
    answers = [row["answer"] for row in rows]
    texts = [
        f"<think>a</think><answer>{answers[0]}</answer>",
        f"<answer>0</answer><answer>{answers[1]}</answer>",
        f"<answer>{rows[2]['question']} The answer is {answers[2]}</answer>",
        f"<answer>{answers[3]}",
        "<answer>7 or 8</answer>",
    ]
    cut = [False, False, False, True, True]
    monkeypatch.setattr(dev_curve, "greedy", lambda *_: [*map(dev_curve.Written, texts, cut)])
    found = DevCurve(rows, Reward(Terms(1.0, 0.1), False), character_tokenizer(), 8, MLPO())._measure(None)
    assert {name: found[name] for name in (REWARDED, *AUDIT)} == {
        "audit/rewarded": 4.0,
        "audit/hedged": 0.25,
        "audit/pasted": 0.25,
        "audit/cut_off": 0.25,
    }
    penalised = Reward(Terms(1.0, 0.1), False, truncated="penalise", ends=(1,))
    assert DevCurve(rows, penalised, character_tokenizer(), 8, MLPO())._measure(None)["audit/rewarded"] == 3.0


def test_where_nothing_is_rewarded_there_are_no_shares(monkeypatch):
    monkeypatch.setattr(dev_curve, "greedy", lambda *_: [dev_curve.Written("no", True)] * len(ROWS))
    found = curve()._measure(None)
    assert found[REWARDED] == 0.0 and not set(AUDIT) & set(found)


def test_what_runs_into_the_limit_is_cut_off():
    tokenizer, model = character_tokenizer(), leader()
    prompts = [row["prompt"] for row in ROWS]
    model.generation_config.eos_token_id = [10**6]  # no token ends it
    assert all(written.cut_off for written in greedy(model, tokenizer, prompts, 8, 10**9))
    model.generation_config.eos_token_id = list(range(len(tokenizer)))  # the first token ends it
    assert not any(written.cut_off for written in greedy(model, tokenizer, prompts, 8, 10**9))


def leader():
    tokenizer = character_tokenizer()
    return small.small_model("qwen3", len(tokenizer))


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_divide_the_prompts_and_all_know_what_one_alone_finds(monkeypatch, lenient_grading, processes):
    model = leader()
    alone = curve()._measure(model)
    found, asked = [], []

    def measured_by(index, gather):
        monkeypatch.setattr(dev_curve, "PartialState", lambda: SimpleNamespace(**state))
        monkeypatch.setattr(dev_curve, "gather_object", gather)
        state = {"process_index": index, "num_processes": processes}
        return curve()._measure(model)

    def decoded(model, tokenizer, prompts, *rest):
        asked.append(len(prompts))
        return greedy(model, tokenizer, prompts, *rest)

    monkeypatch.setattr(dev_curve, "greedy", decoded)
    for index in range(processes):
        with pytest.raises(KeyError):  # what the others find is not there yet
            measured_by(index, lambda own: found.extend(own) or own)
    assert set(asked) == {-(-len(ROWS) // processes)}
    assert all(measured_by(index, lambda _: found) == alone for index in range(processes))


def test_every_process_generates_equally_often_and_no_prompt_is_missed():
    for rows, processes in ((9, 4), (8, 4), (1, 3), (5, 1)):
        shares = [share(rows, index, processes) for index in range(processes)]
        assert len({len(s) for s in shares}) == 1
        assert sorted({i for s in shares for i in s}) == list(range(rows))


def test_a_budget_of_tokens_bounds_a_batch_and_changes_nothing(monkeypatch):
    model, tokenizer = leader(), character_tokenizer()
    prompts = [row["prompt"] for row in ROWS]
    together = greedy(model, tokenizer, prompts, 8, 10**9)
    sizes, generate = [], model.generate

    def seen(**options):
        sizes.append(len(options["input_ids"]) * (options["input_ids"].shape[1] + 8))
        return generate(**options)

    monkeypatch.setattr(model, "generate", seen)
    assert greedy(model, tokenizer, prompts, 8, 100) == together
    assert len(sizes) > 2 and max(sizes) <= 100

"""What is kept of the rollouts: at which steps, whole, and with every term of the reward apart."""

from itertools import groupby
from typing import Any

import pytest

from mlpo_core.chain.keys import key, origin
from mlpo_core.chain.stages import STAGES
from mlpo_core.experiment import KEYS
from mlpo_core.store import Dataset, Origin
from mlpo_core.store.rollouts import groups, name_of, read, steps
from mlpo_core.store.schemas import ROLLOUTS
from mlpo_core.training import mlpo
from tests.core.training import small


def trained(inputs: small.Inputs, **settings: Any) -> Dataset:
    """The version of a leader that was trained with these settings."""
    ctx = inputs.context("mlpo_leader", small.experiment(mlpo=settings))
    mlpo.run(ctx)
    ctx.writer.commit(Origin({}, {}, {}, {}), {})
    ref = ctx.store.find("mlpo_leader", ctx.writer.key)
    assert ref
    return Dataset(ref)


def test_a_kept_step_holds_what_the_log_counts(inputs, lenient_grading) -> None:
    made = trained(inputs, keep_rollouts=4)
    assert steps(made) == [1, 4, 6]
    logged = {(r["step"], r["metric"]): r["value"] for r in made.rows()}
    prompts = {row["prompt_id"]: row for row in Dataset(inputs.refs["mlpo_dataset"]).rows()}
    learned = False
    for step in steps(made):
        table = read(made, step)
        assert table.schema.equals(ROLLOUTS)
        rows = table.to_pylist()
        assert len(rows) == 8 and {row["step"] for row in rows} == {step}
        assert [len(list(group)) for _, group in groupby(row["prompt_id"] for row in rows)] == [4, 4]
        for row in rows:
            assert row["prompt"] == prompts[row["prompt_id"]]["prompt"]
            assert row["reward"] == pytest.approx(sum(t["value"] for t in row["terms"]))
            assert [t["term"] for t in row["terms"]] == ["correct", "format"]
        means = {name: sum(row[name] for row in rows) / 8 for name in ("reward", "correct", "truncated")}
        assert means["reward"] == pytest.approx(logged[step, "reward"], abs=1e-6)
        assert means["correct"] == pytest.approx(logged[step, "correct"])
        assert means["truncated"] == pytest.approx(logged[step, "completions/clipped_ratio"])
        lengths = [row["completion_tokens"] for row in rows]
        assert sum(lengths) / 8 == pytest.approx(logged[step, "completions/mean_length"])
        for group in groups(table):
            assert group.advantages == pytest.approx([reward - group.reward for reward in group.rewards], abs=1e-6)
            learned |= group.carries
    assert learned, "no group carried a signal, which shows nothing"


def test_completions_of_several_steps_are_kept_once(inputs, lenient_grading) -> None:
    made = trained(inputs, steps=4, keep_rollouts=1, num_iterations=2)
    assert steps(made) == [1, 3]


def test_none_are_kept_where_the_experiment_says_so(inputs, lenient_grading) -> None:
    kept, none = trained(inputs, steps=3), trained(inputs, steps=3, keep_rollouts=0)
    assert steps(kept) == [1, 2, 3] and steps(none) == []
    assert kept.ref.key != none.ref.key and kept.ref.digest == none.ref.digest, "later stages have nothing to do anew"


def test_the_setting_stands_in_keys_only_where_it_is_set() -> None:
    stage = STAGES["mlpo_leader"]
    given, default = (small.experiment(mlpo={"keep_rollouts": every}) for every in (3, 10))
    assert "keep_rollouts" not in default.mlpo.model_dump(context=KEYS)
    assert default.mlpo.model_dump()["keep_rollouts"] == 10 and given.grpo.keep_rollouts == 3
    refs = dict.fromkeys(stage.inputs)
    assert len({key("mlpo_leader", origin(stage, e, refs)) for e in (given, default)}) == 2


def test_own_terms_are_apart_and_a_penalised_completion_has_none(inputs, monkeypatch, tmp_path) -> None:
    (tmp_path / "lab_length.py").write_text("def short(completions):\n    return [-len(c.text) for c in completions]\n")
    monkeypatch.syspath_prepend(tmp_path)
    term = {"lab_length:short": 0.5}
    made = trained(inputs, reward=["correct", term], truncated="penalise", steps=2, keep_rollouts=1)
    rows = [row for step in steps(made) for row in read(made, step).to_pylist()]
    whole = [row for row in rows if not row["truncated"]]
    assert whole and len(whole) < len(rows)
    for row in rows:
        expected = [] if row["truncated"] else [("correct", 0.0), ("lab_length:short", -0.5 * len(row["completion"]))]
        assert [(t["term"], t["value"]) for t in row["terms"]] == expected
        assert row["reward"] == sum(value for _, value in expected)


def test_what_an_interrupted_run_kept_of_later_steps_is_left_out(inputs, lenient_grading) -> None:
    ctx = inputs.context("mlpo_leader", small.experiment())
    ctx.writer.put(name_of(1), b"of the same step")
    ctx.writer.put(name_of(70), b"of a run that went on for longer")
    made = trained(inputs)
    assert steps(made) == [1, 2, 4, 6] and read(made, 1).num_rows == 8


def test_prompts_of_later_rounds_are_kept_as_they_were_read(team_inputs, lenient_grading) -> None:
    settings = {"mlpo": {"rounds": 3, "steps": 2, "prompts_per_step": 5, "group_size": 2, "keep_rollouts": 1}}
    team = {"agents": [{"name": "a", "model": "agent"}, {"name": "b", "model": "agent"}]}
    ctx = team_inputs.context("mlpo_leader", small.experiment(team=team, proposals={"max_new_tokens": 8}, **settings))
    mlpo.run(ctx)
    ctx.writer.commit(Origin({}, {}, {}, {}), {})
    made = Dataset(ctx.store.find("mlpo_leader", ctx.writer.key))
    prompts = {row["prompt_id"]: row for row in Dataset(team_inputs.refs["mlpo_dataset"]).rows()}
    rows = [row for step in steps(made) for row in read(made, step).to_pylist()]
    assert {row["mode"] for row in rows} == {"team", "solo"} and {row["round"] for row in rows} > {0}
    for row in rows:
        assert (row["prompt"] == prompts[row["prompt_id"]]["prompt"]) == (row["round"] == 0)

"""The whole of the advice: what it reads, what it says, and which commands it names."""

import pytest

from mlpo_core.advice.asking import Asked, for_leader, for_rounds, for_trained_leader
from mlpo_core.advice.inputs import ROUNDS_ON_DEV, inputs, with_rounds
from mlpo_core.advice.make import advise
from mlpo_core.advice.page import page
from mlpo_core.chain.experiments import read
from mlpo_core.chain.keys import key, origin
from mlpo_core.chain.stages import STAGES
from mlpo_core.cli import main
from mlpo_core.errors import NotMade
from tests import mini_chain as mini
from tests.core.advice import teams

MADE = dict.fromkeys(("tasks", "base_models", "agent_proposals", "hard_tasks"))
"""By asset; what is asked is only whether it is there."""


def test_a_page_has_every_figure_and_looks_at_no_test_task(tmp_path) -> None:
    there = teams.team(tmp_path, teams.skilled(0.9, 0.35, 0.35), train=100, dev=200)
    config = mini.experiment(inference={"rounds": 2})
    text = page(advise(config, there, Asked("mini")))
    assert "mini: measured on 200 dev tasks, votes fitted on 100 train tasks; no test task was looked at" in text
    assert "best single agent" in text and ", alpha, picked on train" in text
    assert "\nadvice: weighted vote: +" in text and "\n  alpha alone, a call instead of 3: " in text
    assert "\nleader alone                not measured\n" in text
    assert "\n  a trained leader, rounds: mlpo run mini base_models && mlpo run mini hard_tasks && " in text
    turned = [row | ({"answer": "0"} if row["split"] == "test" else {}) for row in there["tasks"].rows()]
    other = mini.put(mini.store(tmp_path), "tasks", turned, key="turned")
    assert page(advise(config, {**there, "tasks": other}, Asked("mini"))) == text


def test_where_all_agents_say_the_same_nothing_pays(tmp_path) -> None:
    there = teams.team(tmp_path, teams.one_mind(0.6), train=20, dev=50)
    text = page(advise(mini.experiment(leader=None), there, Asked("mini")))
    assert "\nadvice: vote. Nothing that was measured beats it beyond doubt" in text
    assert "\n  a leader cannot pay: no agent is right where the vote is wrong" in text
    assert "\n  the leader alone, groups with signal, a trained leader, rounds: the experiment has no leader" in text


def test_what_was_not_made_is_named_with_its_commands() -> None:
    config, asked = mini.experiment(inference={"rounds": 2}), Asked("a b.yaml", ("seed=3",), "s3://root")
    tail = "--set seed=3 --root s3://root"
    assert for_leader(asked, config, MADE) == f"mlpo run 'a b.yaml' sft_dataset {tail}"
    made = {**MADE, "sft_dataset": None, "sft_leader": None, "mlpo_dataset": None, "mlpo_leader": None}
    expected = (
        "mlpo run 'a b.yaml' dev_rounds --set seed=3 --set inference.stop.price=0 "
        "--set 'benchmark.methods=[mlpo_leader/adaptive]' --root s3://root"
    )
    assert for_trained_leader(asked, config, made) == for_rounds(asked, config, made) == expected
    assert "raise mlpo.eval_prompts" in for_leader(asked, config, made)
    assert "inference.rounds is 1" in for_rounds(asked, mini.experiment(inference={"rounds": 1}), made)
    recorded = {"agents": [{"name": a, "model": f"recorded:{a}"} for a in mini.AGENTS]}
    engine = {"kind": "recorded", "recorded": "there"}
    told = for_rounds(asked, mini.experiment(team=recorded, engine=engine), made)
    assert told.startswith("recorded agents cannot revise")


def test_rounds_are_found_whatever_price_they_were_made_for() -> None:
    stage = STAGES["dev_rounds"]
    asking, without = read("tiny", ROUNDS_ON_DEV), with_rounds(read("tiny"))
    first, second = (key(stage.asset, origin(stage, e, dict.fromkeys(stage.inputs))) for e in (asking, without))
    assert first == second


def test_without_the_teams_answers_there_is_a_command(tmp_path, capsys) -> None:
    with pytest.raises(NotMade, match=r"advise reads what the team answered.*Run: mlpo run tiny tasks"):
        inputs(read("tiny"), mini.store(tmp_path))
    assert main(["advise", "tiny", "--set", "seed=2", "--root", str(tmp_path)]) == 2
    assert f"Run: mlpo run tiny tasks --set seed=2 --root {tmp_path}" in capsys.readouterr().err

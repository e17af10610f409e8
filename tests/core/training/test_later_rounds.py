import signal
import subprocess
import sys
from io import BytesIO
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig
from mlpo_core.mlpo import seats
from mlpo_core.prompts.leader import leader_prompt
from mlpo_core.training import later_rounds, mlpo, resume
from mlpo_core.training.rounds_trainer import RoundsTrainer
from mlpo_core.types import Task
from tests.core.training import small
from tests.core.training.killed import ROUNDS
from tests.support import REPOSITORY


def conversations(ctx, block):
    return pq.read_table(BytesIO(ctx.writer.get(f"rounds/{block:06d}.parquet"))).to_pylist()


def texts_read(monkeypatch):
    """The prompts of every step, as the trainer generated from them."""
    read = []
    original = RoundsTrainer._generate_single_turn

    def reading(self, prompt_ids, *rest, **options):
        distinct = dict.fromkeys(map(tuple, prompt_ids))
        read.append([self.processing_class.decode(ids) for ids in distinct])
        return original(self, prompt_ids, *rest, **options)

    monkeypatch.setattr(RoundsTrainer, "_generate_single_turn", reading)
    return read


def test_the_leader_reads_what_the_agents_revised_given_its_own_words(team_inputs, lenient_grading, monkeypatch):
    read = texts_read(monkeypatch)
    ctx = team_inputs.context("mlpo_leader", small.experiment(**ROUNDS))
    mlpo.run(ctx)
    rows = [row for block in range(3) for row in conversations(ctx, block)]
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)
    assert {row["round"] for row in rows} == {0, 1, 2}
    starts = {e["prompt_id"]: seats.parsed(e) for e in seats.read(ctx.inputs["mlpo_dataset"])}
    for row in rows:
        start = starts[row["prompt_id"]]
        assert len(row["led"]) == row["round"]
        if row["round"]:
            assert row["prompt"] == leader_prompt(start.task, row["responses"])
            assert row["responses"] != start.responses
        assert any(row["prompt"] in text for text in read[row["step"]])
    assert any("alone" in text for step in read for text in step)  # a solo prompt stays as it is


def test_agents_revise_their_own_answer_given_what_the_current_leader_wrote(team_inputs, lenient_grading, monkeypatch):
    asked = []
    original = later_rounds.revision_prompt

    def revising(task: Task, agent, own, led, templates):
        asked.append((task.task_id, agent.name, own, led))
        return original(task, agent, own, led, templates)

    monkeypatch.setattr(later_rounds, "revision_prompt", revising)
    ctx = team_inputs.context("mlpo_leader", small.experiment(**ROUNDS))
    mlpo.run(ctx)
    starts = {e["task_id"]: e["responses"] for e in seats.read(ctx.inputs["mlpo_dataset"])}
    first = next(row for row in conversations(ctx, 0) if row["round"] == 2)
    task = f"task{first['prompt_id'].removeprefix('prompt').partition('t')[0]}"
    assert (task, "a", starts[task][0], first["led"][0]) in asked
    assert any(t == task and led == first["led"][1] and own != starts[task][0] for t, _, own, led in asked)


def test_the_team_revises_anew_with_the_leader_of_that_step(team_inputs, lenient_grading):
    """The same prompt in two blocks is answered by two leaders; with one block there is one."""
    ctx = team_inputs.context("mlpo_leader", small.experiment(**ROUNDS))
    mlpo.run(ctx)
    led: dict[str, set[str]] = {}
    for block in range(3):
        for row in conversations(ctx, block):
            led.setdefault(row["prompt_id"], set()).update(row["led"][:1])
    assert max(map(len, led.values())) > 1
    once = small.experiment(**{**ROUNDS, "mlpo": {**ROUNDS["mlpo"], "refresh_steps": 6}})
    other = team_inputs.context("mlpo_leader", once)
    mlpo.run(other)
    assert other.writer.get("rounds/000001.parquet") is None
    assert {row["step"] for row in conversations(other, 0)} == set(range(6))


def test_a_round_that_does_not_fit_is_not_entered(team_inputs, lenient_grading):
    tight = {"max_context": 31, "max_new_tokens": 12}  # a first prompt has 18 tokens
    ctx = team_inputs.context("mlpo_leader", small.experiment(**ROUNDS, leader=tight))
    mlpo.run(ctx)
    assert {row["round"] for row in conversations(ctx, 0)} == {0}


ONLINE = {**ROUNDS, "mlpo": {"online": True, "refresh_steps": 2}}


def test_online_the_agents_answer_every_prompt_anew_each_time_it_is_read(team_inputs, lenient_grading, monkeypatch):
    read = texts_read(monkeypatch)
    ctx = team_inputs.context("mlpo_leader", small.experiment(**ONLINE))
    mlpo.run(ctx)
    rows = [row for block in range(3) for row in conversations(ctx, block)]
    starts = {e["prompt_id"]: seats.parsed(e) for e in seats.read(ctx.inputs["mlpo_dataset"])}
    said: dict[str, set[tuple[str, ...]]] = {}
    for row in rows:
        start = starts[row["prompt_id"]]
        assert (row["round"], row["led"]) == (0, [])
        assert row["prompt"] == leader_prompt(start.task, row["responses"])
        assert any(row["prompt"] in text for text in read[row["step"]])
        assert row["responses"] != start.responses and row["n_correct_shown"] >= 0
        said.setdefault(row["prompt_id"], set()).add(tuple(row["responses"]))
    assert max(map(len, said.values())) > 1, "read again, it is answered again"
    assert any("alone" in text for step in read for text in step)


def test_online_answers_are_what_later_rounds_start_from(team_inputs, lenient_grading, monkeypatch):
    owns = []
    original = later_rounds.revision_prompt

    def revising(task: Task, agent, own, led, templates):
        owns.append(own)
        return original(task, agent, own, led, templates)

    monkeypatch.setattr(later_rounds, "revision_prompt", revising)
    both = {**ROUNDS, "mlpo": {**ROUNDS["mlpo"], "online": True}}
    ctx = team_inputs.context("mlpo_leader", small.experiment(**both))
    mlpo.run(ctx)
    assert {row["round"] for block in range(3) for row in conversations(ctx, block)} == {0, 1, 2}
    stored = {r for e in seats.read(ctx.inputs["mlpo_dataset"]) for r in e["responses"]}
    assert owns and not stored & set(owns)


def test_who_is_not_asked_in_training_is_in_no_key():
    stage, plain = STAGES["mlpo_leader"], small.experiment()
    assert "online" not in stage.settings(plain)["mlpo"]
    assert "team" not in stage.settings(plain)
    online = small.experiment(mlpo={"online": True})
    assert stage.settings(online)["mlpo"]["online"] is True
    assert {"team", "proposals"} <= set(stage.settings(online))
    assert stage.templates(online) == ("agent", "leader")
    assert STAGES["mlpo_dataset"].settings(online) != STAGES["mlpo_dataset"].settings(plain)


def test_an_engine_beside_the_leader_takes_what_training_leaves_free(monkeypatch):
    asked = EngineConfig(kind="vllm", gpu_memory_utilization=0.5)
    assert later_rounds.beside_training(asked) == asked  # there is no GPU
    monkeypatch.setattr(later_rounds.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(later_rounds.torch.cuda, "mem_get_info", lambda: (20e9, 80e9))
    assert later_rounds.beside_training(asked).gpu_memory_utilization == pytest.approx(0.9 * 0.25)
    monkeypatch.setattr(later_rounds.torch.cuda, "mem_get_info", lambda: (70e9, 80e9))
    assert later_rounds.beside_training(asked) == asked


def test_a_process_waits_for_what_the_first_one_writes_as_long_as_it_takes(team_inputs, lenient_grading, monkeypatch):
    ctx = team_inputs.context("mlpo_leader", small.experiment(**ROUNDS))
    mlpo.run(ctx)
    first = ctx.writer.get("rounds/000000.parquet")
    looks = iter([None, None, None, first])
    waiting = later_rounds.LaterRounds.__new__(later_rounds.LaterRounds)
    waiting._ctx = SimpleNamespace(writer=SimpleNamespace(get=lambda _: next(looks)))
    waiting._settings = ctx.experiment.mlpo
    waiting._block = -1
    monkeypatch.setattr(later_rounds, "_LOOK_S", 0)
    monkeypatch.setattr(later_rounds, "PartialState", lambda: SimpleNamespace(is_main_process=False))
    assert waiting.starts(0)
    shown = [waiting.shown(row["step"], row["row"], lambda *_: []) for row in conversations(ctx, 0)]
    assert [s.prompt for s in shown] == [row["prompt"] for row in conversations(ctx, 0)]
    assert next(looks, "all read") == "all read" and not waiting.starts(0)


def test_recorded_agents_are_refused():
    recorded = {"agents": [{"name": "a", "model": "recorded:x"}]}
    with pytest.raises(BadInput, match=r"mlpo\.rounds: recorded agents cannot revise"):
        small.experiment(team=recorded, engine={"recorded": "folder"}, mlpo={"rounds": 2})
    with pytest.raises(BadInput, match=r"mlpo\.online: recorded agents cannot answer anew"):
        small.experiment(team=recorded, engine={"recorded": "folder"}, mlpo={"online": True})


@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(team_inputs, lenient_grading, tmp_path):
    experiment = small.experiment(**ROUNDS)
    straight = small.Inputs(tmp_path / "undisturbed")
    straight.refs = team_inputs.refs
    whole = straight.context("mlpo_leader", experiment)
    mlpo.run(whole)
    root = team_inputs.store.root
    killed = subprocess.run(
        [sys.executable, "-m", "tests.core.training.killed", root, "mlpo_leader", "5", "step", "rounds"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = team_inputs.context("mlpo_leader", experiment)
    assert resume.last_complete(again.writer.scratch() / "trainer") is not None
    mlpo.run(again)
    assert [conversations(again, b) for b in range(3)] == [conversations(whole, b) for b in range(3)]
    expected, found = (load_file(c.writer.scratch() / "final" / "model.safetensors") for c in (whole, again))
    assert all((expected[name] == found[name]).all() for name in expected)

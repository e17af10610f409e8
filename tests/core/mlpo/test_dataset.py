"""Leader prompts: variants, solo share, dev rows, the context budget, and thousands of proposals per task."""

import re
import tracemalloc

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.mlpo import dataset as mlpo_dataset
from mlpo_core.mlpo import seats
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.prompts.leader import leader_prompt
from mlpo_core.tasks import task_of
from tests import mini_chain as mini


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(mlpo_dataset, "leader_tokenizer", lambda *_: character_tokenizer())
    store = mini.store(tmp_path)

    def run(key="k", samples=4, tasks=10, answer=None, leader=None, **mlpo):
        train = [mini.task(n) for n in range(tasks)]
        dev = [mini.task(9000 + n, "dev") for n in range(5)]
        rows = [
            mini.proposal(t, a, j, (answer or (lambda t, a, j: t["answer"] if a == "alpha" else "-1"))(t, a, j))
            for a in mini.AGENTS
            for t in [*train, *dev]
            for j in range(samples)
        ]
        fresh = mini.store(tmp_path / key)
        inputs = {
            "tasks": mini.put(fresh, "tasks", [*train, *dev]),
            "agent_proposals": mini.put(fresh, "agent_proposals", rows, part=1000),
            "hard_tasks": mini.put(fresh, "hard_tasks", [mini.hard(t, kept=t is not train[0]) for t in [*train, *dev]]),
        }
        config = mini.experiment(
            mlpo=mlpo,
            proposals={"samples_per_agent": samples},
            leader={"model": "models/leader", "max_context": 1024, "max_new_tokens": 64, **(leader or {})},
        )
        ctx = mini.context(store, "mlpo_dataset", config, inputs, key)
        return mini.commit(ctx, mlpo_dataset.run(ctx))

    return run


def test_variant_j_shows_the_jth_sample_of_every_agent(make):
    rows = list(make().rows())
    train = [r for r in rows if r["split"] == "train"]
    assert len(train) == 9 * 4 and len({r["prompt_id"] for r in rows}) == len(rows)
    assert {r["task_id"] for r in train} == {f"t{n:05d}" for n in range(1, 10)}
    for row in train:
        assert row["proposal_ids"] == [f"{row['task_id']}-{a}-{row['variant']}" for a in mini.AGENTS]
        assert row["n_correct_shown"] == 1
        assert [row["prompt"].index(f"{a} thinks") for a in mini.AGENTS] == sorted(
            row["prompt"].index(f"{a} thinks") for a in mini.AGENTS
        )
        # One token a character, one a tag, and the turn's three marks.
        assert row["prompt_tokens"] == len(re.sub("</?(think|answer)>", "x", row["prompt"])) + 3


def test_a_row_holds_its_whole_task(make):
    """For the reward, which is to be graded as the benchmark is: with the question."""
    rows = list(make().rows())
    tasks = {t["task_id"]: t for t in [*map(mini.task, range(10)), *(mini.task(9000 + n, "dev") for n in range(5))]}
    assert rows and all(task_of(row) == task_of(tasks[row["task_id"]]) for row in rows)


def test_dev_rows_are_team_and_solo_of_the_same_tasks_and_limited(make):
    dev = [r for r in make(eval_prompts=3).rows() if r["split"] == "dev"]
    assert len(dev) == 6
    assert {r["task_id"] for r in dev if r["mode"] == "team"} == {r["task_id"] for r in dev if r["mode"] == "solo"}
    assert {r["variant"] for r in dev} == {0, -1}


@pytest.mark.parametrize("share", [0.25, 0.1, 1.0])
def test_the_solo_share_is_kept(make, share):
    train = [r for r in make(tasks=101, solo_share=share).rows() if r["split"] == "train"]
    assert len(train) == 400
    assert sum(r["mode"] == "solo" for r in train) == pytest.approx(400 * share, abs=30)
    assert all(r["variant"] == -1 and not r["proposal_ids"] for r in train if r["mode"] == "solo")
    assert len({r["prompt_id"] for r in train}) == 400


def _mixed(t, agent, j):
    """Variant 0 has three right answers, 1 a right majority, 2 a wrong one, 3 none."""
    right = ((1, 1, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0))[j][mini.AGENTS.index(agent)]
    return t["answer"] if right else "-1"


def test_a_mix_draws_among_the_prompts_that_there_are(make):
    shares = {"majority_right": 0.5, "majority_wrong": 0.25, "none_right": 0.25}
    whole = {r["prompt_id"]: r for r in make("whole", tasks=41, answer=_mixed, solo_share=0.25).rows()}
    data = make("mixed", tasks=41, answer=_mixed, solo_share=0.25, mix=shares)
    rows = list(data.rows())
    assert all(whole[r["prompt_id"]] == r for r in rows)
    assert [r for r in rows if r["split"] == "dev"] == [r for r in whole.values() if r["split"] == "dev"]
    shown = [r["n_correct_shown"] for r in rows if r["split"] == "train" and r["mode"] == "team"]
    drawn = data.manifest.stats["Mix: drawn"]
    assert drawn == {"majority_right": shown.count(2), "majority_wrong": shown.count(1), "none_right": shown.count(0)}
    assert len(shown) > 40 and abs(shown.count(2) - len(shown) / 2) < 1 and abs(shown.count(1) - len(shown) / 4) < 1
    assert sum(r["split"] == "train" and r["mode"] == "solo" for r in rows) == round(40 * len(shown) / 120)
    assert data.manifest.stats["headline"].items() >= drawn.items()
    assert f"none_right | {shown.count(0)} |" in data.read_file("card.md").decode()


def test_a_mix_of_what_is_not_there_is_refused(make):
    with pytest.raises(BadInput, match=r"too few of all_right"):
        make(mix={"all_right": 0.5, "tied": 0.5})


def test_variants_are_limited(make):
    assert {r["variant"] for r in make(variants=2).rows()} <= {-1, 0, 1}


def test_later_rounds_start_from_the_task_and_responses_of_every_team_prompt(make):
    data = make(rounds=2, solo_share=0.25)
    rows = {r["prompt_id"]: r for r in data.rows() if r["split"] == "train" and r["mode"] == "team"}
    starts = [seats.parsed(e) for e in seats.read(data)]
    assert [s.prompt_id for s in starts] == list(rows)
    for prompt_id, task, responses in starts:
        assert leader_prompt(task, responses) == rows[prompt_id]["prompt"]
        assert (task.answer, task.split) == (rows[prompt_id]["answer"], "train")
    assert not list(seats.read(make("one-round", solo_share=0.25)))


def test_a_prompt_that_does_not_fit_names_task_tokens_and_fields(make):
    with pytest.raises(BadInput, match=r"task t\d+ .*has \d+ tokens.*leader.max_context 200.*leader.max_new_tokens 64"):
        make(leader={"max_context": 200})


def test_an_empty_filter_is_refused(make):
    with pytest.raises(BadInput, match=r"filter\.max_correct_rate"):
        make(tasks=1)


def test_thousands_of_proposals_per_task_stay_within_memory(make):
    tracemalloc.start()
    data = make(samples=1334, tasks=4, variants=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(r["split"] == "train" for r in data.rows(["split"])) == 3 * 1334
    assert peak < 150e6
    assert data.manifest.stats["Right proposals shown (training, team)"] == {"1": 3 * 1334}


def test_the_card_describes_the_rows(make):
    data = make()
    card = data.read_file("card.md").decode()
    assert "train team | 36" in card and "in both | 0" in card

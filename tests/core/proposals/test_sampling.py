"""Proposals: one engine per model, shards that resume, rows that say how they came about; and recorded teams."""

import json
from collections import Counter

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.models.locate import Located
from mlpo_core.proposals import sampling as proposals
from mlpo_core.proposals import workload
from mlpo_core.store.schemas import SCHEMAS
from tests import mini_chain as chain

TASKS = [chain.task(n, "train" if n % 3 else "dev", question=f"Say {n}." + "!" * n) for n in range(7)]
TEST = [chain.task(n, "test") for n in range(20, 23)]


class Engines:
    """Opens scripted engines, and remembers them."""

    def __init__(self, write=None):
        self.opened = []
        self._write = write or (lambda request: f"<answer>{request.prompt.split('Say ')[1].split('.')[0]}</answer>")

    def __call__(self, config, model, *, revision=None, trust_remote_code=False, answers=None):
        engine = chain.ScriptedEngine(self._write)
        self.opened.append((model, revision, engine))
        return engine

    @property
    def calls(self):
        return [call for _, _, engine in self.opened for call in engine.calls]


def prepare(monkeypatch, tmp_path, engines, key="k", **sections):
    """A context for `agent_proposals`; every agent `a` is served by the model of its own name, or by `sections`."""
    store = chain.store(tmp_path)
    config = chain.experiment(**sections)
    models = {a.name: a.model for a in config.team.agents}
    tasks = store.find("tasks", "k")
    inputs = {
        "tasks": chain.Dataset(tasks) if tasks else chain.put(store, "tasks", TASKS + TEST),
        "base_models": chain.put(
            chain.Store(str(tmp_path / key / "models")),
            "base_models",
            [
                {"name": n, "role": "agent", "model": m, "revision": f"rev-{m}", "path": "", "parameters": 1}
                for n, m in models.items()
            ],
        ),
    }
    monkeypatch.setattr(workload, "open_engine", engines)
    monkeypatch.setattr(workload, "locate", lambda _, name: Located(models[name], None))
    return chain.context(store, "agent_proposals", config, inputs, key)


SMALL = {"samples_per_agent": 4, "benchmark_samples": 2, "shard_size": 10, "temperature": 0.7, "max_new_tokens": 32}


def test_every_agent_answers_every_train_and_dev_task(monkeypatch, tmp_path):
    ctx = prepare(monkeypatch, tmp_path, Engines(), proposals=SMALL)
    dataset = chain.commit(ctx, proposals.run_training(ctx))
    rows = list(dataset.rows())
    wanted = {(t["task_id"], agent, j) for t in TASKS for agent in chain.AGENTS for j in range(4)}
    assert {(r["task_id"], r["agent"], r["sample_index"]) for r in rows} == wanted
    assert len(rows) == len(wanted) == len({r["proposal_id"] for r in rows}) == len({r["seed"] for r in rows})
    assert all(r["correct"] and r["extracted"] for r in rows)
    assert {r["split"] for r in rows} == {"train", "dev"}
    first = rows[0]
    assert (first["model"], first["revision"]) == ("models/alpha", "rev-models/alpha")
    assert (first["temperature"], first["top_p"], first["max_new_tokens"]) == (0.7, 1.0, 32)
    assert (first["completion_tokens"], first["finish_reason"], first["amortised_s"]) == (7, "stop", 0.25)
    assert dataset.table().schema.equals(SCHEMAS["agent_proposals"])
    assert dataset.manifest.stats["headline"] == {"proposals": 84, "tasks": 7, "accuracy": 1.0}
    assert dataset.manifest.stats["by_agent"]["alpha"]["completion_tokens_per_s"] == 28.0
    assert dataset.manifest.stats["overall"]["truncated_share"] == 0.0


def test_the_prefix_caches_hit_rate_is_reported(monkeypatch, tmp_path):
    said = []

    class Caching(chain.ScriptedEngine):
        def generate(self, requests, sampling):
            made = super().generate(requests, sampling)
            return [
                g._replace(prompt_tokens=100, cached_prompt_tokens=0 if i % 4 == 0 else 80) for i, g in enumerate(made)
            ]

    monkeypatch.setattr(workload, "log", said.append)
    ctx = prepare(monkeypatch, tmp_path, lambda *_, **__: Caching(lambda _: ""), proposals={**SMALL, "shard_size": 28})
    proposals.run_training(ctx)
    assert said == ["agent_proposals: 60% of 2,800 prompt tokens came from the prefix cache"] * 3


def test_test_tasks_get_benchmark_samples(monkeypatch, tmp_path):
    ctx = prepare(monkeypatch, tmp_path, Engines(), proposals=SMALL)
    ctx = chain.context(ctx.store, "benchmark_proposals", chain.experiment(proposals=SMALL), ctx.inputs)
    rows = list(chain.commit(ctx, proposals.run_benchmark(ctx)).rows())
    assert Counter((r["task_id"], r["agent"]) for r in rows) == {
        (t["task_id"], agent): 2 for t in TEST for agent in chain.AGENTS
    }


def test_samples_of_a_prompt_are_adjacent_and_the_longest_comes_first(monkeypatch, tmp_path):
    engines = Engines()
    ctx = prepare(monkeypatch, tmp_path, engines, proposals={**SMALL, "shard_size": 1000})
    proposals.run_training(ctx)
    for requests, _ in engines.calls:
        prompts = [r.prompt for r in requests]
        assert prompts == sorted(prompts, key=len, reverse=True)
        assert all(len(set(prompts[i : i + 4])) == 1 for i in range(0, len(prompts), 4))


def test_a_model_that_agents_share_is_started_once(monkeypatch, tmp_path):
    agents = [
        {"name": "calm", "model": "m", "temperature": 0.2, "prompt": "Say 1."},
        {"name": "other", "model": "n"},
        {"name": "wild", "model": "m", "temperature": 1.2},
    ]
    engines = Engines()
    ctx = prepare(monkeypatch, tmp_path, engines, team={"agents": agents}, proposals=SMALL)
    rows = list(chain.commit(ctx, proposals.run_training(ctx)).rows())
    assert [model for model, _, _ in engines.opened] == ["m", "n"]
    assert {(r["agent"], r["temperature"]) for r in rows} == {("calm", 0.2), ("other", 0.7), ("wild", 1.2)}
    assert all(len({r.prompt.startswith("Say 1.") for r in requests}) == 1 for requests, _ in engines.calls)


def test_a_killed_run_goes_on_at_the_first_missing_shard_and_ends_with_the_same_rows(monkeypatch, tmp_path):
    whole = prepare(monkeypatch, tmp_path, Engines(), "whole", proposals=SMALL)
    expected = chain.commit(whole, proposals.run_training(whole))

    calls = 0

    def dying(request):
        nonlocal calls
        calls += 1
        if calls > 45:  # in the middle of the second agent's second shard
            raise KeyboardInterrupt
        return Engines()._write(request)

    broken = prepare(monkeypatch, tmp_path, Engines(dying), "broken", proposals=SMALL)
    with pytest.raises(KeyboardInterrupt):
        proposals.run_training(broken)
    assert broken.writer.done() == {0, 1, 2, 3}

    engines = Engines()
    again = prepare(monkeypatch, tmp_path, engines, "broken", proposals=SMALL)
    dataset = chain.commit(again, proposals.run_training(again))
    assert [model for model, _, _ in engines.opened] == ["models/beta", "models/gamma"]
    assert sum(len(requests) for requests, _ in engines.calls) == 84 - 38
    assert dataset.ref.digest == expected.ref.digest
    assert dataset.manifest.stats == expected.manifest.stats


def test_nothing_is_started_when_all_shards_are_there(monkeypatch, tmp_path):
    first = prepare(monkeypatch, tmp_path, Engines(), proposals=SMALL)
    proposals.run_training(first)
    engines = Engines()
    proposals.run_training(prepare(monkeypatch, tmp_path, engines, proposals=SMALL))
    assert engines.opened == []


def test_grading_overlaps_generation(monkeypatch, tmp_path):
    """The second shard is generated while the first is not yet written."""
    import threading

    second_started = threading.Event()
    finish = workload.Workload.finish
    seen: list[int] = []

    def write(request):
        seen.append(1)
        if len(seen) > 10:
            second_started.set()
        return "<answer>1</answer>"

    def slow(*args):
        assert second_started.wait(20), "grading of the first shard holds the second one up"
        finish(*args)

    monkeypatch.setattr(workload.Workload, "finish", slow)
    ctx = prepare(monkeypatch, tmp_path, Engines(write), proposals=SMALL)
    proposals.run_training(ctx)
    assert len(ctx.writer.done()) == 9


def test_a_failure_while_grading_is_not_lost(monkeypatch, tmp_path):
    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(workload.Workload, "finish", fail)
    ctx = prepare(monkeypatch, tmp_path, Engines(), proposals={**SMALL, "shard_size": 1000})
    with pytest.raises(RuntimeError, match="disk full"):
        proposals.run_training(ctx)


def test_ids_follow_everything_that_shapes_a_response(monkeypatch, tmp_path):
    def ids(key, **sections):
        ctx = prepare(monkeypatch, tmp_path, Engines(), key, **sections)
        return {r["proposal_id"] for r in chain.commit(ctx, proposals.run_training(ctx)).rows()}

    def team(**agent):
        return {"agents": [{"name": "a", "model": "m", **agent}]}

    base = ids("base", team=team(), proposals=SMALL)
    assert ids("same", team=team(), proposals={**SMALL, "shard_size": 3}) == base
    for key, sections in {
        "prompt": {"team": team(prompt="Say 1."), "proposals": SMALL},
        "model": {"team": team(model="n"), "proposals": SMALL},
        "temperature": {"team": team(temperature=0.1), "proposals": SMALL},
        "length": {"team": team(), "proposals": {**SMALL, "max_new_tokens": 33}},
    }.items():
        assert not ids(key, **sections) & base, key


def test_hostile_and_empty_text_is_stored_and_graded_wrong(monkeypatch, tmp_path):
    ctx = prepare(monkeypatch, tmp_path, Engines(lambda r: "\ud800\x00" if r.seed % 2 else ""), proposals=SMALL)
    rows = list(chain.commit(ctx, proposals.run_training(ctx)).rows())
    assert {r["response"] for r in rows} == {"?\x00", ""}
    assert not any(r["correct"] for r in rows)


def test_a_response_that_fails_is_recorded_with_its_error_and_the_others_are_there(monkeypatch, tmp_path):
    def write(request):
        if "Say 3." in request.prompt:
            raise RuntimeError("the engine choked")
        return Engines()._write(request)

    ctx = prepare(monkeypatch, tmp_path, Engines(write), proposals=SMALL)
    dataset = chain.commit(ctx, proposals.run_training(ctx))
    rows = list(dataset.rows())
    failed = {r["proposal_id"]: r for r in rows if r["finish_reason"] == "error"}
    assert len(rows) == 84
    assert {r["task_id"] for r in failed.values()} == {"t00003"} and len(failed) == 12
    assert all((r["response"], r["correct"]) == ("", False) for r in failed.values())
    assert all(r["correct"] for r in rows if r["proposal_id"] not in failed)
    assert dataset.manifest.stats["overall"]["failed"] == 12
    names = [name for name in dataset.manifest.files if name.startswith(workload.ERRORS)]
    recorded = [entry for name in names for entry in json.loads(dataset.read_file(name))]
    assert {e["proposal_id"]: e["error"] for e in recorded} == dict.fromkeys(failed, "RuntimeError: the engine choked")


# Recorded teams


def record(folder, answers, tasks=30):
    """Tasks with gold answer `Yes`, and `answers` = {agent: samples of each}; agent `late` misses task 0."""
    folder.mkdir()
    rows = [{"id": f"navigate/{i}", "cat": "navigate", "input": f"Back {i}?", "target": "Yes"} for i in range(tasks)]
    (folder / "bbh_tasks.jsonl").write_text("\n".join(map(json.dumps, rows)))
    responses = [
        {
            "task_id": row["id"],
            "agent": agent,
            "response": None if i == 1 else f"<answer>{'Yes' if i % 2 else 'No'}</answer>",
            "prompt_tokens": float("nan") if agent == "one" else 5,
            "recorded_correct": True,
        }
        for j in range(max(answers.values()))
        for i, row in enumerate(rows)
        for agent, samples in answers.items()
        if j < samples and not (agent == "late" and i == 0)
    ]
    (folder / "bbh_responses.jsonl").write_text("\n".join(map(json.dumps, responses)))


def recorded(tmp_path, monkeypatch, agents, **settings):
    from mlpo_core.tasks.build import build

    config = chain.experiment(
        tasks=[{"benchmark": "bbh", "source": "recorded"}],
        team={"agents": [{"name": f"n_{a}", "model": f"recorded:{a}"} for a in agents]},
        proposals={"samples_per_agent": 1, "shard_size": 8, **settings},
        engine={"kind": "recorded", "recorded": str(tmp_path / "recorded")},
    )
    store = chain.store(tmp_path)
    ctx = chain.context(store, "tasks", config, {})
    made = chain.commit(ctx, build(ctx))
    models = [
        {"name": f"n_{a}", "role": "agent", "model": f"recorded:{a}", "revision": "r", "path": "", "parameters": 0}
        for a in agents
    ]
    inputs = {"tasks": made, "base_models": chain.put(store, "base_models", models)}
    monkeypatch.setattr(workload, "open_engine", None)
    return chain.context(store, "agent_proposals", config, inputs)


def test_recorded_answers_become_graded_proposals(tmp_path, monkeypatch):
    record(tmp_path / "recorded", {"one": 1, "two": 1, "late": 1, "stranger": 1})
    ctx = recorded(tmp_path, monkeypatch, ["one", "two", "late"])
    dataset = chain.commit(ctx, proposals.run_training(ctx))
    assert ctx.inputs["tasks"].manifest.stats["dropped"]["unanswered"] == 1
    wanted = [t for t in ctx.inputs["tasks"].rows() if t["split"] != "test"]
    rows = list(dataset.rows())
    assert Counter(r["task_id"] for r in rows) == {t["task_id"]: 3 for t in wanted}
    questions = {t["task_id"]: t["question"] for t in wanted}
    for row in rows:
        number = int(questions[row["task_id"]].split()[1].rstrip("?"))
        assert row["correct"] == (number % 2 == 1 and number != 1), number
        assert row["response"] == ("" if number == 1 else row["response"])
        assert row["prompt_tokens"] == (None if row["agent"] == "n_one" else 5)
        assert (row["seed"], row["temperature"], row["completion_tokens"]) == (None, None, None)
        assert row["finish_reason"] == "unknown"
    assert dataset.manifest.stats["by_agent"]["n_one"]["prompt_tokens"] is None
    assert dataset.manifest.stats["overall"]["truncated_share"] is None
    assert dataset.manifest.stats["by_agent"]["n_two"]["prompt_tokens"] == 5 * len(wanted)


def test_several_recorded_answers_are_samples_in_file_order(tmp_path, monkeypatch):
    record(tmp_path / "recorded", {"one": 3, "two": 2})
    ctx = recorded(tmp_path, monkeypatch, ["one", "two"], samples_per_agent=2)
    rows = list(chain.commit(ctx, proposals.run_training(ctx)).rows())
    assert {r["sample_index"] for r in rows} == {0, 1}
    assert len({r["proposal_id"] for r in rows}) == len(rows)


def test_more_samples_than_recorded_names_the_setting(tmp_path, monkeypatch):
    record(tmp_path / "recorded", {"one": 1, "two": 2})
    ctx = recorded(tmp_path, monkeypatch, ["one", "two"], samples_per_agent=2)
    with pytest.raises(BadInput, match=r"proposals\.samples_per_agent: 2 .*recorded:one has only 1 .* Set it to 1"):
        proposals.run_training(ctx)
    assert ctx.writer.done() == set()


def test_an_agent_that_was_not_recorded_is_named(tmp_path, monkeypatch):
    record(tmp_path / "recorded", {"one": 1, "two": 1})
    with pytest.raises(BadInput, match=r"engine\.recorded: .*nothing of three; agents there: one, two"):
        recorded(tmp_path, monkeypatch, ["one", "three"])


def test_a_changed_recording_asks_for_new_proposals(tmp_path):
    from mlpo_core.chain.keys import key, origin
    from mlpo_core.chain.stages import STAGES

    record(tmp_path / "recorded", {"one": 1})
    config = chain.experiment(
        tasks=[{"benchmark": "bbh", "source": "recorded"}],
        team={"agents": [{"name": "a", "model": "recorded:one"}]},
        engine={"kind": "recorded", "recorded": str(tmp_path / "recorded")},
    )

    def current():
        return key("p", origin(STAGES["agent_proposals"], config, {"tasks": None, "base_models": None}))

    before = current()
    assert current() == before
    path = tmp_path / "recorded" / "bbh_responses.jsonl"
    path.write_text(path.read_text().replace("Yes", "no"))
    assert current() != before

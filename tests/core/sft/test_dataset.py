"""Traces from a scripted leader: kinds, shares, verification, resume, card, and what is refused."""

import json
from io import BytesIO

import pyarrow.parquet as pq
import pytest

from mlpo_core.errors import BadInput
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.sft import dataset as sft_dataset
from mlpo_core.types import Request
from tests import mini_chain as mini

N = 12


def leader(request: Request) -> str:
    """Right on half of its samples for even tasks, always for multiples of 3, never for task 1."""
    n = int(request.prompt.split("Say ")[1].split(".")[0])
    right = n % 3 == 0 or (n != 1 and request.seed % 2 == 0)
    return f"<think>sample {request.seed} says</think><answer>{n if right else n + 100}</answer>"


@pytest.fixture
def chain(tmp_path, monkeypatch):
    store = mini.store(tmp_path)
    tasks = [mini.task(n) for n in range(N)] + [mini.task(100 + n, "test") for n in range(3)]
    train = tasks[:N]
    inputs = {
        "tasks": mini.put(store, "tasks", tasks),
        "hard_tasks": mini.put(store, "hard_tasks", [mini.hard(t, kept=t is not train[2]) for t in train]),
        "agent_proposals": mini.put(
            store,
            "agent_proposals",
            [mini.proposal(t, a, j, str(j)) for t in train for a in mini.AGENTS for j in range(4)],
        ),
    }
    engines: list[mini.ScriptedEngine] = []

    def opened(*_):
        engines.append(mini.ScriptedEngine(leader))
        return engines[-1]

    monkeypatch.setattr(sft_dataset, "leader_tokenizer", lambda *_: character_tokenizer())
    monkeypatch.setattr(sft_dataset, "_open", opened)
    monkeypatch.setattr(sft_dataset, "_SHARD_TASKS", 4)

    def make(key="k", **sft):
        config = mini.experiment(sft={"samples": 8, **sft})
        ctx = mini.context(store, "sft_dataset", config, inputs, key)
        return ctx, lambda: mini.commit(ctx, sft_dataset.run(ctx))

    return make, engines


def test_traces_are_verified_and_dropped_ones_are_counted(chain):
    make, _ = chain
    _, run = make()
    data = run()
    rows = list(data.rows())
    assert {r["task_id"] for r in rows} == {f"t{n:05d}" for n in range(N) if n not in (1, 2)}
    by_task = {r["task_id"]: r for r in rows}
    assert by_task["t00003"]["kind"] == "clean" and by_task["t00004"]["kind"] == "backtrack"
    for row in rows:
        assert "".join(s["text"] for s in row["completion_segments"]) == row["completion"]
        if row["kind"] == "backtrack":
            masked = [s["text"] for s in row["completion_segments"] if not s["train"]]
            assert len(masked) == 1 and masked[0].startswith("sample ") and len(row["draft_ids"]) == 2
    modes = [r["mode"] for r in rows]
    assert {"team", "solo"} == set(modes)
    assert all(len(r["proposal_ids"]) == (3 if r["mode"] == "team" else 0) for r in rows)
    stats = data.manifest.stats
    assert stats["headline"]["backtrack"] == sum(r["kind"] == "backtrack" for r in rows)
    assert stats["Dropped"] == {"no sample is right": 1}
    assert stats["Contamination"]["in both"] == 0
    card = data.read_file("card.md").decode()
    assert "no sample is right | 1" in card and "Say " in card


def test_every_attempt_is_a_stored_draft(chain):
    make, _ = chain
    _, run = make()
    data = run()
    drafts = {}
    for name in data.manifest.files:
        if name.startswith("drafts/"):
            drafts.update({d["draft_id"]: d for d in pq.read_table(BytesIO(data.read_file(name))).to_pylist()})
    assert len(drafts) == 8 * (N - 1)
    for row in data.rows():
        texts = [drafts[i]["response"].split("<think>")[1].split("</think>")[0] for i in row["draft_ids"]]
        assert all(t in row["completion"] for t in texts)
        assert [drafts[i]["correct"] for i in row["draft_ids"]] == (
            [False, True] if row["kind"] == "backtrack" else [True]
        )


def test_an_interrupted_run_resumes_and_gives_the_same_rows(chain, monkeypatch):
    make, engines = chain
    _, run = make("whole")
    whole = run()
    sampled = len(engines[0].calls)
    ctx, run = make("cut")
    real = ctx.writer.write

    def fail_at_second(index, rows):
        if index == 1:
            raise KeyboardInterrupt
        real(index, rows)

    monkeypatch.setattr(ctx.writer, "write", fail_at_second)
    with pytest.raises(KeyboardInterrupt):
        run()
    _, run = make("cut")
    resumed = run()
    assert resumed.ref.digest == whole.ref.digest
    assert resumed.manifest.stats == whole.manifest.stats
    assert len(engines[-1].calls) == sampled - 1


def test_shares_decide_kind_and_prompt(chain):
    make, _ = chain
    _, run = make("solo", solo_share=1.0, backtrack_share=0.0)
    rows = list(run().rows())
    assert {r["mode"] for r in rows} == {"solo"} and {r["kind"] for r in rows} == {"clean"}
    _, run = make("team", solo_share=0.0)
    assert {r["mode"] for r in run().rows()} == {"team"}


def test_the_number_of_tasks_is_limited(chain):
    make, engines = chain
    _, run = make(tasks=5)
    assert run().manifest.stats["Prompts"]["sampled"] == 5
    assert sum(len(requests) for requests, _ in engines[0].calls) == 5 * 8


def test_a_connector_may_be_written_by_the_leader(chain, monkeypatch):
    make, _ = chain

    def writes(request: Request) -> str:
        return "Wait, I misread it." if "Attempt:" in request.prompt else leader(request)

    monkeypatch.setattr(sft_dataset, "_open", lambda *_: mini.ScriptedEngine(writes))
    _, run = make(connector="model")
    rows = [r for r in run().rows() if r["kind"] == "backtrack"]
    assert rows and all("\nWait, I misread it.\n" in r["completion"] for r in rows)


def test_replay_needs_a_leader_that_was_pretrained_here(chain):
    make, _ = chain
    _, run = make(replay_share=0.5)
    with pytest.raises(BadInput, match=r"sft.replay_share.*models/leader"):
        run()


def test_a_leader_that_is_never_right_is_refused_with_the_reasons(chain, monkeypatch):
    make, _ = chain
    monkeypatch.setattr(
        sft_dataset, "_open", lambda *_: mini.ScriptedEngine(lambda _: "<think>x</think><answer>-1</answer>")
    )
    _, run = make()
    with pytest.raises(BadInput, match="no sample is right"):
        run()


def test_dropped_counts_are_plain_json(chain):
    make, _ = chain
    ctx, run = make()
    run()
    assert json.loads(ctx.writer.get("dropped/000000.json") or b"") is not None

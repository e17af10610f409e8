"""The easy-task filter equals a plain pandas computation, whatever the batches, and stands thousands per task."""

from io import BytesIO

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Filter
from mlpo_core.proposals import filtering
from mlpo_core.store import streaming
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.store.streaming import sums
from tests import mini_chain as chain


def filtered(tmp_path, rows, part=50, **settings):
    store = chain.store(tmp_path)
    proposals = chain.put(store, "agent_proposals", rows, part)
    ctx = chain.context(store, "hard_tasks", chain.experiment(filter=settings), {"agent_proposals": proposals})
    return chain.commit(ctx, filtering.run(ctx))


def proposals(rights: dict[int, tuple[int, int]], split: str = "train"):
    """`rights`: of task n, (how many proposals, how many of them right)."""
    return [
        chain.proposal(chain.task(n, split), "alpha", j, str(n) if j < right else "wrong")
        for n, (count, right) in rights.items()
        for j in range(count)
    ]


def test_the_bounds(tmp_path):
    rows = proposals({0: (12, 8), 1: (12, 9), 2: (12, 12), 3: (12, 0), 4: (12, 1), 5: (12, 2)})
    verdicts = {
        r["task_id"]: r for r in filtered(tmp_path, rows, max_correct_rate=0.75, min_correct_rate=2 / 12).rows()
    }
    reasons = [verdicts[f"t{n:05d}"]["reason"] for n in range(6)]
    assert reasons == ["kept", "easy", "easy", "hopeless", "hopeless", "kept"]
    assert [v["kept"] for v in verdicts.values()] == [r == "kept" for r in reasons]
    assert verdicts["t00001"]["correct_rate"] == 0.75
    assert (verdicts["t00001"]["n"], verdicts["t00001"]["n_correct"]) == (12, 9)


def test_zero_as_lower_bound_keeps_the_hopeless(tmp_path):
    assert filtered(tmp_path, proposals({0: (4, 0)})).table()["reason"].to_pylist() == ["kept"]


def test_no_upper_bound_keeps_the_easy(tmp_path):
    dataset = filtered(tmp_path, proposals({0: (4, 4), 1: (4, 1)}), max_correct_rate=None)
    assert dataset.table()["reason"].to_pylist() == ["kept", "kept"]


def test_proposals_that_failed_for_lack_of_an_engine_count_neither_way(tmp_path):
    rows = proposals({0: (8, 4), 1: (2, 0), 2: (4, 0)})
    for row in rows[4:10]:  # the wrong ones of task 0, all of task 1
        row["finish_reason"] = "error"
    verdicts = {r["task_id"]: (r["n"], r["n_correct"], r["reason"]) for r in filtered(tmp_path, rows).rows()}
    assert verdicts == {"t00000": (4, 4, "easy"), "t00001": (0, 0, "no_proposals"), "t00002": (4, 0, "kept")}


def test_dev_tasks_are_judged_but_not_counted_as_training_tasks(tmp_path):
    rows = proposals({0: (4, 1)}) + proposals({1: (4, 1), 2: (4, 4)}, "dev")
    dataset = filtered(tmp_path, rows)
    assert [(r["split"], r["reason"]) for r in dataset.rows()] == [("train", "kept"), ("dev", "kept"), ("dev", "easy")]
    assert dataset.manifest.stats["headline"] == {
        "training tasks": 1, "kept": 1, "easy": 0, "hopeless": 0, "no_proposals": 0
    }  # fmt: skip


def test_nothing_left_names_the_settings_and_writes_nothing(tmp_path):
    with pytest.raises(BadInput, match=r"procedural: 2 easy.*filter\.max_correct_rate.*filter\.min_correct_rate"):
        filtered(tmp_path, proposals({0: (4, 4), 1: (4, 3)}) + proposals({2: (4, 0)}, "dev"))
    assert chain.store(tmp_path).writer("hard_tasks", "k").done() == set()
    with pytest.raises(BadInput, match=r"tasks\.\*\.train"):
        filtered(tmp_path / "dev", proposals({2: (4, 0)}, "dev"))


def test_an_emptied_benchmark_is_reported(tmp_path):
    rows = proposals({0: (4, 1), 1: (4, 4)})
    for row in rows[4:]:
        row["benchmark"] = "bbh"
    stats = filtered(tmp_path, rows).manifest.stats
    assert stats["emptied_benchmarks"] == ["bbh"]
    assert stats["by_benchmark"]["procedural"]["kept"] == 1


def test_the_histogram_is_a_small_picture(tmp_path):
    from PIL import Image

    dataset = filtered(tmp_path, proposals({n: (4, n % 5) for n in range(40)}))
    data = dataset.read_file("plots/correct_rate.png")
    assert len(data) < 100_000
    image = Image.open(BytesIO(data)).convert("RGB")
    colours = {colour for _, colour in image.getcolors(1 << 20)}
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)} <= colours  # kept and easy bars are both drawn


ROWS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.booleans(),
        st.sampled_from(["stop", "length", "error"]),
    ),
    min_size=1,
    max_size=120,
)


@given(ROWS, st.sampled_from([0.5, 0.6, 0.7, 0.75, 1.0]), st.sampled_from([0.0, 0.2, 0.25]), st.integers(1, 40))
def test_equals_pandas(drawn, upper, lower, batch_size):
    frame = pd.DataFrame(drawn, columns=["task", "correct", "finish_reason"])
    frame["task_id"] = "t" + frame["task"].astype(str)
    frame["benchmark"] = "b" + (frame["task"] % 2).astype(str)
    frame["split"] = frame["task"].map(lambda n: "dev" if n > 4 else "train")
    table = pa.Table.from_pandas(
        frame[["task_id", "benchmark", "split", "correct", "finish_reason"]], preserve_index=False
    )
    batches = map(filtering._answers, table.to_batches(max_chunksize=batch_size))
    judged = filtering.judge(
        sums(batches, ("task_id", "benchmark", "split"), ("answered", "correct")),
        Filter(max_correct_rate=upper, min_correct_rate=lower),
    )

    answers = frame[frame["finish_reason"] != "error"]
    grouped = (
        answers.groupby("task_id")["correct"]
        .agg(["size", "sum"])
        .reindex(sorted(frame["task_id"].unique()), fill_value=0)
    )
    rate = (grouped["sum"] / grouped["size"].clip(lower=1)).to_numpy()
    reason = pd.Series("kept", index=grouped.index)
    reason[rate < lower] = "hopeless"
    reason[rate >= upper] = "easy"
    reason[grouped["size"] == 0] = "no_proposals"

    assert judged.schema.equals(SCHEMAS["hard_tasks"])
    assert judged["task_id"].to_pylist() == list(grouped.index)
    assert judged["n"].to_pylist() == grouped["size"].tolist()
    assert judged["n_correct"].to_pylist() == grouped["sum"].tolist()
    assert judged["correct_rate"].to_pylist() == rate.tolist()
    assert judged["reason"].to_pylist() == reason.tolist()


def test_sums_merge_as_they_go(monkeypatch):
    table = pa.table({"k": [str(i % 7) for i in range(1000)], "v": range(1000), "w": [None, 1] * 500})
    whole = sums(table.to_batches(), ("k",), ("v", "w"))
    monkeypatch.setattr(streaming, "_PENDING_ROWS", 10)
    assert sums(table.to_batches(max_chunksize=3), ("k",), ("v", "w")).equals(whole)
    assert sums(reversed(table.to_batches(max_chunksize=3)), ("k",), ("v", "w")).equals(whole)
    assert whole["k"].to_pylist() == [str(i) for i in range(7)]
    assert whole["v"].to_pylist() == [sum(range(i, 1000, 7)) for i in range(7)]
    assert whole["n"].to_pylist() == [len(range(i, 1000, 7)) for i in range(7)]


def test_sums_of_nothing():
    assert sums([], ("k",), ("v",)).num_rows == 0


def test_four_thousand_proposals_per_task_in_flat_memory(tmp_path, monkeypatch):
    """4K = 4,000 for 60 tasks: a quarter of a million rows, of which no more than some batches are held at once."""
    tasks, per_task = 60, 4000
    store = chain.store(tmp_path)
    writer = store.writer("agent_proposals", "k")
    blank = {f.name: pa.nulls(tasks * 100, f.type) for f in SCHEMAS["agent_proposals"]}
    ids = pa.array([f"t{n:05d}" for n in range(tasks) for _ in range(100)])
    for part in range(per_task // 100):
        # Task n is answered right by the first n / tasks of its 4,000 proposals.
        right = pa.array([part * 100 + j < n * per_task // tasks for n in range(tasks) for j in range(100)])
        filled = {
            **blank,
            **{c: pa.array([c[:5]] * len(ids)) for c in ("proposal_id", "benchmark", "agent", "model", "revision")},
            "task_id": ids,
            "split": pa.array(["train"] * len(ids)),
            "response": pa.array(["x" * 200] * len(ids)),
            "sample_index": pa.array([part] * len(ids), pa.int32()),
            "correct": right,
            "finish_reason": pa.array(["stop"] * len(ids)),
        }
        writer.write(part, pa.table(filled, schema=SCHEMAS["agent_proposals"]))
    writer.commit(chain.ORIGIN, {})
    dataset = chain.Dataset(store.find("agent_proposals", "k"))
    ctx = chain.context(store, "hard_tasks", chain.experiment(), {"agent_proposals": dataset})
    del blank, filled, right, ids
    held: list[int] = []
    read = dataset.batches

    def watched(*args, **options):
        for batch in read(*args, **options):
            held.append(pa.total_allocated_bytes())
            yield batch

    monkeypatch.setattr(dataset, "batches", watched)
    verdicts = chain.commit(ctx, filtering.run(ctx)).table().to_pylist()
    assert len(verdicts) == tasks
    assert all(v["n"] == per_task for v in verdicts)
    assert [v["n_correct"] for v in verdicts] == [n * per_task // tasks for n in range(tasks)]
    assert [v["reason"] for v in verdicts] == ["easy" if n / tasks >= 0.75 else "kept" for n in range(tasks)]
    assert len(held) == per_task // 100
    assert max(held[5:]) - min(held[:5]) < 1_000_000, "memory grows with the rows read"

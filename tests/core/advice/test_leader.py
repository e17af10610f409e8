"""What is known of a leader is read from its training, or from the drafts that were taken before it."""

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_core.advice.leader import Share, signal, solo_skill
from mlpo_core.store import Dataset
from tests import mini_chain as mini


def logged(step: int, metric: str, value: float) -> dict[str, object]:
    return {"step": step, "metric": metric, "value": value}


def prompt(n: int, split: str, mode: str) -> dict[str, object]:
    of = mini.task(n, split)
    return {
        **{
            name: of[name]
            for name in ("task_id", "benchmark", "split", "answer", "answer_kind", "choices", "subject", "question")
        },
        "prompt_id": f"p{n}-{mode}",
        "variant": 0,
        "mode": mode,
        "proposal_ids": [],
        "prompt": "?",
        "shortened": None,
        "prompt_tokens": 1,
        "n_correct_shown": 0,
    }


@pytest.fixture
def trained(tmp_path) -> dict[str, Dataset]:
    """A leader that was right alone on 2 of 8 dev prompts before RL, and on 6 after it."""
    store = mini.store(tmp_path)
    log = [
        logged(0, "dev/solo/correct", 0.25),
        logged(0, "dev/team/correct", 0.5),
        logged(1, "zero_variance_share", 0.5),
        logged(2, "zero_variance_share", 0.7),
        logged(2, "dev/solo/correct", 0.75),
    ]
    prompts = [prompt(n, split, mode) for n in range(8) for split in ("train", "dev") for mode in ("team", "solo")]
    return {
        "mlpo_leader": mini.put(store, "mlpo_leader", log),
        "mlpo_dataset": mini.put(store, "mlpo_dataset", prompts),
    }


def drafts(folder, *rows: tuple[str, str, bool]) -> dict[str, Dataset]:
    store = mini.store(folder)
    writer = store.writer("sft_dataset", "k")
    columns = {
        name: list(values) for name, values in zip(("task_id", "mode", "correct"), zip(*rows, strict=True), strict=True)
    }
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer)
    writer.put("drafts/000000.parquet", buffer.getvalue())
    writer.put("card.md", b"no drafts")
    writer.write(0, [])
    writer.commit(mini.ORIGIN, {})
    ref = store.find("sft_dataset", "k")
    assert ref
    return {"sft_dataset": Dataset(ref)}


def test_a_training_tells_both_as_it_began(trained) -> None:
    assert solo_skill(trained) == Share(0.25, "greedy, untrained, on 8 dev tasks", 8)
    assert solo_skill({**trained, "sft_leader": trained["mlpo_leader"]}) == Share(
        0.25, "greedy, after SFT, on 8 dev tasks", 8
    )
    found = signal(trained)
    assert found and found.value == pytest.approx(0.4) and str(found) == "40.0 %, mean of 2 steps of MLPO"


def test_drafts_tell_both_before_any_training(tmp_path) -> None:
    there = drafts(
        tmp_path,
        *(("a", "solo", right) for right in (True, True, False, False)),
        *(("b", "solo", False) for _ in range(4)),
        *(("b", "team", True) for _ in range(4)),
    )
    assert solo_skill(there) == Share(0.25, "sampled, untrained, on 2 train tasks that the filter kept", 2)
    found = signal(there)
    assert found and found.value == pytest.approx(1 / 3) and found.n == 3
    assert str(found).startswith("33.3 % (6.1 to 79.2), partly right drafts")


def test_what_was_not_made_tells_nothing(tmp_path) -> None:
    assert solo_skill({}) is None and signal({}) is None
    only_team = drafts(tmp_path, ("a", "team", True), ("a", "team", False))
    found = signal(only_team)
    assert solo_skill(only_team) is None and found and found.value == 1

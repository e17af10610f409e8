from pathlib import Path

import pytest

from mlpo_core.chain.trace import LINKS, ancestors, cells, datasets, descendants
from mlpo_core.chain.trace_page import NAME, page, put_examples, text
from mlpo_core.chain.trace_training import trained
from mlpo_core.cli import main
from mlpo_core.context import Context
from mlpo_core.errors import BadInput
from mlpo_core.listening import addresses
from mlpo_core.store import Origin, Store
from mlpo_core.store.rollouts import encoded, name_of
from mlpo_core.store.schemas import ROLLOUTS, SCHEMAS
from tests import mini_chain

HOSTILE = "</pre><script src=http://evil/x.js></script><img src=x onerror=alert(1)> & </details>"
EMPTY = {"string": "", "int32": 0, "int64": 0, "double": 0.0, "bool": False}


def put(store: Store, asset: str, rows: list[dict[str, object]], key: str = "k") -> None:
    full = [{f.name: EMPTY.get(str(f.type), []) for f in SCHEMAS[asset]} | row for row in rows]
    writer = store.writer(asset, key)
    writer.write(0, full)
    writer.commit(Origin(inputs={}, input_keys={}, config={}, versions={}), {})
    ref = store.find(asset, key)
    assert ref is not None
    store.point("tiny", ref)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    put(store, "tasks", [{"task_id": "t1"}, {"task_id": "t2"}])
    put(store, "agent_proposals", [{"proposal_id": f"p{i}", "task_id": "t1"} for i in range(3)])
    put(store, "sft_dataset", [{"trace_id": "s1", "task_id": "t1", "proposal_ids": ["p0", "p2"]}])
    put(
        store, "benchmark_proposals", [{"proposal_id": f"b{i}", "task_id": "t2", "response": HOSTILE} for i in range(2)]
    )
    rounds = [
        {"generation_id": "g0", "task_id": "t2", "input_ids": ["b0", "b1"]},
        {"generation_id": "g1", "task_id": "t2", "input_ids": ["g0"], "round": 1},
    ]
    put(store, "team_rounds", rounds)
    prediction = {
        "prediction_id": "q1",
        "task_id": "t2",
        "source_ids": ["g1"],
        "method": "mlpo_leader/team",
        "rounds": 2,
        "seed": 1,
        "benchmark": "bbh",
    }
    put(store, "benchmark_predictions", [prediction])
    return store


def test_a_pointer_that_cannot_be_read_is_left_out(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pointer = tmp_path / "experiments" / "tiny" / "sft_dataset.json"
    pointer.write_bytes(b"{")
    assert "sft_dataset" not in datasets(store, "tiny")
    assert f"sft_dataset is left out: {pointer}: not a pointer" in capsys.readouterr().err
    assert main(["trace", "t1", "--root", str(tmp_path)]) == 0
    assert "led to 3 rows" in capsys.readouterr().out
    assert pointer.read_bytes() == b"{", "reading mends nothing"


def ids(rows) -> set[str]:
    return {row.id for row in rows}


def test_a_prediction_leads_back_through_every_round_to_its_task(store: Store) -> None:
    assert ids(ancestors(datasets(store, "tiny"), "q1")) == {"q1", "g1", "g0", "b0", "b1", "t2"}


def test_a_trace_leads_back_to_the_proposals_that_it_shows(store: Store) -> None:
    assert ids(ancestors(datasets(store, "tiny"), "s1")) == {"s1", "p0", "p2", "t1"}


def test_a_task_leads_to_its_proposals_and_traces(store: Store) -> None:
    assert ids(descendants(datasets(store, "tiny"), "t1")) == {"p0", "p1", "p2", "s1"}


def test_a_proposal_leads_down_through_every_round_to_the_report(store: Store) -> None:
    made = descendants(datasets(store, "tiny"), "b0")
    assert [row.id for row in made] == ["g0", "g1", "q1"]
    assert cells(made) == ["accuracy of mlpo_leader/team (T=2, seed 1) on bbh"]


@pytest.fixture
def stopping(store: Store) -> Store:
    """With a dev task, on which it is chosen when to stop."""
    put(store, "tasks", [{"task_id": "t1"}, {"task_id": "t2"}, {"task_id": "t3", "split": "dev"}], "dev")
    proposals = [{"proposal_id": f"p{i}", "task_id": "t1"} for i in range(3)]
    proposals += [{"proposal_id": f"d{i}", "task_id": "t3"} for i in range(2)]
    put(store, "agent_proposals", proposals, "dev")
    rounds = [
        {"generation_id": "h0", "task_id": "t3", "input_ids": ["d0", "d1"], "role": "leader"},
        {"generation_id": "h1", "task_id": "t3", "input_ids": ["d0", "h0"], "role": "agent", "round": 1},
        {"generation_id": "h2", "task_id": "t3", "input_ids": ["h1", "d1"], "role": "leader", "round": 1},
    ]
    put(store, "dev_rounds", rounds)
    return store


def test_a_round_on_a_dev_task_leads_back_to_its_task_and_on_to_later_rounds(stopping: Store) -> None:
    chain = datasets(stopping, "tiny")
    assert ids(ancestors(chain, "h2")) == {"h2", "h1", "h0", "d0", "d1", "t3"}
    assert [row.id for row in descendants(chain, "h0")] == ["h1", "h2"]
    assert [row.id for row in descendants(chain, "d1")] == ["h0", "h2", "h1"]
    assert ids(descendants(chain, "t3")) == {"d0", "d1", "h0", "h1", "h2"}
    assert "led to 2 rows" in text(chain, "h0", {}, "tiny")


def test_rounds_on_dev_tasks_have_a_page(stopping: Store, tmp_path: Path) -> None:
    chain = datasets(stopping, "tiny")
    writer = stopping.writer("dev_rounds", "new")
    writer.write(0, chain["dev_rounds"].table())
    inputs = {name: dataset for name, dataset in chain.items() if name in ("tasks", "agent_proposals")}
    put_examples(Context(mini_chain.experiment(), inputs, writer, stopping, "tiny"))
    page = (writer.get(NAME) or b"").decode()
    assert all(f"<code>{row}</code>" in page for row in ("h0", "h1", "d0", "d1", "t3"))


class Unread:
    """Rows that nothing may ask for."""

    schema = SCHEMAS["dev_rounds"]

    def batches(self, columns: object = None) -> list[object]:
        raise AssertionError("rounds on dev tasks were read")


@pytest.mark.parametrize("wanted", ["q1", "g0", "b0"])
def test_rounds_on_dev_tasks_are_not_read_for_what_was_made_of_test_tasks(store: Store, wanted: str) -> None:
    chain = datasets(store, "tiny")
    assert text({**chain, "dev_rounds": Unread()}, wanted, {}, "tiny") == text(chain, wanted, {}, "tiny")


def test_a_prediction_counts_in_a_named_report_cell(store: Store) -> None:
    chain = datasets(store, "tiny")
    assert cells(ancestors(chain, "q1")) == ["accuracy of mlpo_leader/team (T=2, seed 1) on bbh"]
    assert "accuracy of mlpo_leader/team" in text(chain, "q1", {}, "tiny")


def test_an_unknown_id_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        text(datasets(store, "tiny"), "nowhere", {}, "tiny")


def test_an_experiment_without_data_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="absent"):
        datasets(store, "absent")


def test_links_name_columns_that_exist() -> None:
    for asset, link in LINKS.items():
        assert {link.id, *link.parents} <= set(SCHEMAS[asset].names)


def test_a_page_has_the_rows_behind_an_id_with_their_text_and_where_it_counts(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "trace.html"
    assert main(["trace", "q1", "--root", store.root, "--html", str(file)]) == 0
    page = file.read_text()
    for row in ("q1", "g1", "g0", "b0", "b1", "t2"):
        assert f"<code>{row}</code>" in page
    assert "<li>accuracy of mlpo_leader/team (T=2, seed 1) on bbh</li>" in page


def test_a_page_shows_what_models_wrote_as_text_and_needs_no_network(store: Store, tmp_path: Path) -> None:
    assert main(["trace", "b0", "--root", store.root, "--html", str(tmp_path / "trace.html")]) == 0
    page = (tmp_path / "trace.html").read_text()
    assert "&lt;script src=http://evil/x.js&gt;" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert not any(tag in page for tag in ("<script", "<img", "<link", 'http-equiv="refresh"'))
    assert page.count("</details>") == page.count("<details")


@pytest.mark.parametrize("asset", ["benchmark_predictions", "benchmark_report"])
def test_what_is_made_carries_the_trace_of_a_few_of_its_rows(store: Store, asset: str) -> None:
    chain = datasets(store, "tiny")
    writer = store.writer(asset, "new")
    if asset == "benchmark_predictions":
        writer.write(0, chain[asset].table())
    inputs = {name: dataset for name, dataset in chain.items() if name != asset}
    put_examples(Context(mini_chain.experiment(), inputs, writer, store, "tiny"))
    page = (writer.get(NAME) or b"").decode()
    assert all(f"<code>{row}</code>" in page for row in ("q1", "g1", "g0", "b0", "b1", "t2"))
    assert "accuracy of mlpo_leader/team (T=2, seed 1) on bbh" in page


def test_a_verdict_of_the_filter_comes_from_every_proposal_on_its_task(store: Store) -> None:
    writer = store.writer("hard_tasks", "new")
    verdict = {f.name: EMPTY[str(f.type)] for f in SCHEMAS["hard_tasks"]} | {"task_id": "t1", "reason": "kept"}
    writer.write(0, [verdict])
    put_examples(Context(mini_chain.experiment(), dict(datasets(store, "tiny")), writer, store, "tiny"))
    page = (writer.get(NAME) or b"").decode()
    assert "Came from 4 rows" in page
    assert all(f"<code>{row}</code>" in page for row in ("p0", "p1", "p2", "t1"))


def test_a_checkpoint_has_no_trace_of_rows(store: Store) -> None:
    writer = store.writer("sft_leader", "new")
    put_examples(Context(mini_chain.experiment(), dict(datasets(store, "tiny")), writer, store, "tiny"))
    assert writer.get(NAME) is None


@pytest.fixture
def taught(store: Store) -> Store:
    """A leader that was trained on two prompts of a training task at step 1, and on another task's at step 4."""
    put(store, "tasks", [{"task_id": "t1", "split": "train"}, {"task_id": "t2", "split": "test"}], "u")
    proposals = [{"proposal_id": f"p{i}", "task_id": "t1", "split": "train"} for i in range(3)]
    put(store, "agent_proposals", proposals, "u")
    prompts = [{"prompt_id": f"m{i}", "task_id": "t1", "proposal_ids": [f"p{i}"], "split": "train"} for i in range(2)]
    put(store, "mlpo_dataset", prompts)
    writer = store.writer("mlpo_leader", "k")
    for step, groups in ((1, {"m0": "t1", "m1": "t1"}), (4, {"m9": "t9"})):
        rows = [
            {
                **{f.name: EMPTY.get(str(f.type), []) for f in ROLLOUTS},
                **{"step": step, "prompt_id": prompt, "task_id": task, "correct": right, "question": HOSTILE},
                **{"reward": right + 0.1 * (prompt == "m1"), "advantage": right - 0.5},
            }
            for prompt, task in groups.items()
            for right in (False, True)
        ]
        writer.put(name_of(step), encoded(rows))
    writer.commit(Origin(inputs={}, input_keys={}, config={}, versions={}), {})
    ref = store.find("mlpo_leader", "k")
    assert ref is not None
    store.point("tiny", ref)
    return store


def told(store: Store, wanted: str) -> str:
    return text(datasets(store, "tiny"), wanted, trained(store, "tiny"), "tiny").partition("mlpo_leader k ")[2]


def test_a_training_task_leads_to_the_steps_that_were_trained_on_it(taught: Store) -> None:
    lines = told(taught, "t1")
    assert "step 1, prompt m0" in lines and "step 1, prompt m1" in lines and "m9" not in lines
    assert "1 of 2 right, mean reward 0.6, advantages -0.5 to +0.5" in lines
    assert f"http://127.0.0.1:3090{addresses.training('tiny', 'mlpo_leader', 1, 'm0')}" in lines


def test_a_prompt_and_a_proposal_lead_to_the_groups_of_their_own(taught: Store) -> None:
    for wanted in ("m1", "p1"):
        lines = told(taught, wanted)
        assert "step 1, prompt m1" in lines and "m0" not in lines
    assert "at none of its 2 kept steps" in told(taught, "p2")


def test_an_answer_of_a_leader_leads_to_its_training(taught: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for wanted in ("q1", "t2"):
        lines = told(taught, wanted)
        assert "rollouts of 2 steps are kept, from step 1 to 4" in lines
        assert "best group: step 1, prompt m1" in lines and "worst group: step 1, prompt m0" in lines
        assert addresses.training("tiny", "mlpo_leader") in lines
    assert told(taught, "b0") == told(taught, "q1"), "what a leader read led to its answer"
    assert main(["trace", "q1", "--root", taught.root]) == 0
    assert "mlpo_leader k wrote it:" in capsys.readouterr().out


def test_the_page_of_a_task_tells_it_too_as_text(taught: Store) -> None:
    content = page(datasets(taught, "tiny"), "t1", trained(taught, "tiny"), "tiny").decode()
    assert "mlpo_leader k was trained on it" in content and "prompt m1 (" in content and "<img" not in content


def test_an_experiment_without_rollouts_tells_of_none(store: Store) -> None:
    assert trained(store, "tiny") == {} and "wrote it" not in text(datasets(store, "tiny"), "q1", {}, "tiny")

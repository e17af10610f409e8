"""Properties of what reads text that somebody else wrote: experiments, rows, completions, previews."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment, load, parse
from mlpo_core.grading import Grader
from mlpo_core.proposals.rows import Draft, write_graded
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.tasks.rows import task_of
from mlpo_core.training.answer_region import well_formed
from mlpo_core.training.rewards import Reward
from mlpo_core.training.terms import Terms
from tests import mini_chain

VALID: dict[str, Any] = {
    "name": "small",
    "tasks": [{"benchmark": "bbh"}],
    "team": {"agents": [{"name": "a", "model": "org/model-1B"}]},
    "leader": {"model": "org/model-1B"},
}
SECTIONS = {
    name: list(getattr(field.annotation, "model_fields", {})) for name, field in Experiment.model_fields.items()
}
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
HOSTILE = st.lists(
    st.sampled_from(
        [
            *("<think>", "</think>", "<answer>", "</answer>", "<script>alert(1)</script>", "![x](http://x/y.png)"),
            *(
                "[a](javascript:x)",
                "|",
                "`",
                "\n",
                "=cmd|' /C calc'!A0",
                "@SUM(1)",
                "\x00",
                "\u202e",
                "&lt;",
                "12",
                " ",
            ),
        ]
    ),
    max_size=12,
).map("".join)


@st.composite
def experiments(draw: st.DrawFn) -> dict[str, Any]:
    """A valid experiment with something changed to anything at all."""
    section = draw(st.sampled_from(sorted(SECTIONS)) | st.text(max_size=8))
    fields = SECTIONS.get(section) or []
    if fields and draw(st.booleans()):
        field = draw(st.sampled_from(fields))
        value = draw(VALUES)
        inner = VALID.get(section, {})
        return {**VALID, section: {**(inner if isinstance(inner, dict) else {}), field: value}}
    return {**VALID, section: draw(VALUES)}


@given(experiments())
@settings(max_examples=400)
def test_an_experiment_is_valid_or_refused_by_field(raw: dict[str, Any]) -> None:
    try:
        assert isinstance(parse(raw, "x.yaml"), Experiment)
    except BadInput as error:
        assert str(error).startswith("x.yaml: not a valid experiment:\n  ")


@given(st.text(max_size=200) | HOSTILE, st.lists(st.text(max_size=30), max_size=2))
def test_any_file_and_override_is_read_or_refused(tmp_path_factory, text: str, overrides: list[str]) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(BadInput, match=r"any\.yaml|--set"):
        load(file, tuple(overrides))


@given(st.lists(st.tuples(TEXT | HOSTILE, TEXT | HOSTILE | st.none()), min_size=1, max_size=5))
@settings(max_examples=30)
def test_rows_come_back_as_they_were_written(tmp_path_factory, texts: list[tuple[str, str | None]]) -> None:
    store = mini_chain.store(tmp_path_factory.mktemp("rows"))
    rows = [
        {**mini_chain.proposal(mini_chain.task(i), "alpha", 0, None), "response": response, "extracted": extracted}
        for i, (response, extracted) in enumerate(texts)
    ]
    made = mini_chain.put(store, "agent_proposals", rows)
    assert [{name: row[name] for name in rows[0]} for row in made.rows()] == rows
    assert made.table().schema.equals(SCHEMAS["agent_proposals"])


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    """One for all responses: it starts a process."""
    with Grader(1) as grader:
        yield grader


@given(st.text(st.characters()) | st.lists(st.sampled_from(["\ud800", "\udfff", "\x00", "<answer>", "1"])).map("".join))
@settings(max_examples=50)
def test_any_response_becomes_a_row_that_can_be_stored(tmp_path_factory, grader: Grader, response: str) -> None:
    row = mini_chain.proposal(mini_chain.task(1), "alpha", 0, None)
    writer = mini_chain.store(tmp_path_factory.mktemp("rows")).writer("agent_proposals", "k")
    write_graded(writer, 0, [Draft(task_of(mini_chain.task(1)), response, row)], grader)
    [stored] = writer.part(0).select(["response"]).to_pylist()
    assert len(stored["response"]) == len(response)
    assert all(
        a == b or (b == "?" and "\ud800" <= a <= "\udfff") for a, b in zip(response, stored["response"], strict=True)
    )


@given(st.text() | HOSTILE)
def test_a_reward_is_nothing_or_correctness_with_its_form(completion: str) -> None:
    gold = {"task_id": ["t"], "benchmark": ["bbh"], "subject": [""], "split": ["train"], "choices": [[]]}
    columns = {**gold, "mode": ["solo"], "question": ["6 + 6"], "answer": ["12"], "answer_kind": ["exact"]}
    with Reward(Terms(1.0, 0.1), needs_workers=False) as reward:
        [value] = reward([""], [completion], **columns)
    assert value in (0.0, 0.5, 1.0, 1.1)
    assert value != 1.1 or well_formed(completion)


@pytest.mark.parametrize(
    "completion",
    [
        "<think></think><answer>12</answer></think><answer>13</answer>",
        "<think>a</think><answer>12</answer><think>b</think><answer>13</answer>",
        "<think>a<answer>12</answer></think><answer>13</answer>",
    ],
)
def test_a_second_answer_earns_no_form(completion: str) -> None:
    assert not well_formed(completion)


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<answer>", "<", " ", "a", "<think></think>"])
def test_the_form_of_a_megabyte_is_known_at_once(piece: str) -> None:
    started = time.process_time()
    assert not well_formed("<think>" + piece * (1_000_000 // len(piece)))
    assert not well_formed(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 2

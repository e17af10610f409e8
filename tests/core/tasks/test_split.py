"""The division: published test sets stay whole, near-duplicates stay together, nothing trained on is tested."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_core.errors import BadInput
from mlpo_core.experiment import TaskSource
from mlpo_core.tasks.rows import Row
from mlpo_core.tasks.split import Candidate, assign, by_hash, check_division, normalised, settle
from mlpo_core.types import Task, task_id

BBH = TaskSource(benchmark="bbh")


def row(question: str, published=None, choices=()) -> Row:
    return Row("here", "s", question, tuple(choices), "1", published)


def candidate(question: str, split, source: int = 0, subject: str = "s") -> Candidate:
    identity = task_id("bbh", subject, question, ())
    return Candidate(Task(identity, "bbh", subject, split, question, (), "1", "exact"), source, normalised(question))


def test_near_duplicates_have_one_text_and_other_questions_another():
    assert normalised("Is  it\nRIGHT?") == normalised("is it right?")
    assert normalised("x²") == normalised("x2")
    assert normalised("Which?", ["b", "A"]) == normalised("which?", ["a", "B"])
    assert len({normalised(q) for q in ("1+2", "1-2", "12", "1 2")}) == 4
    assert normalised("Which?", ["a", "b"]) != normalised("Which?", ["a", "c"])


def test_shares_are_kept():
    counts = Counter(by_hash(f"question {i}", (0.6, 0.1, 0.3)) for i in range(20_000))
    assert counts["train"] / 20_000 == pytest.approx(0.6, abs=0.015)
    assert counts["dev"] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert counts["test"] / 20_000 == pytest.approx(0.3, abs=0.015)


def test_more_test_share_only_adds_test_tasks():
    texts = [f"question {i}" for i in range(2_000)]
    small = {t for t in texts if by_hash(t, (0.8, 0.1, 0.1)) == "test"}
    assert small < {t for t in texts if by_hash(t, (0.5, 0.1, 0.4)) == "test"}


def test_a_published_test_set_stays_whole_and_the_rest_is_divided():
    config = TaskSource(benchmark="mmlu", shares=(0.4, 0.1, 0.5))
    texts = [f"question {i}" for i in range(4_000)]
    assert {assign(row(t, "test"), t, config) for t in texts} == {"test"}
    rest = Counter(assign(row(t, "train"), t, config) for t in texts)
    assert set(rest) == {"train", "dev"}
    assert rest["dev"] / 4_000 == pytest.approx(0.2, abs=0.03)


def test_divide_test_divides_it():
    config = TaskSource(benchmark="math", divide_test=True)
    assert {assign(row(t, "test"), t, config) for t in map(str, range(200))} == {"train", "dev", "test"}


def test_only_a_published_test_set_needs_divide_test_or_no_training_tasks():
    rows = [row("q", "test")]
    with pytest.raises(BadInput, match=r"tasks\.2: math has only its published test set.*divide_test"):
        check_division(rows, TaskSource(benchmark="math"), "tasks.2")
    check_division(rows, TaskSource(benchmark="math", divide_test=True), "tasks.2")
    check_division(rows, TaskSource(benchmark="math", train=0, dev=0), "tasks.2")
    check_division([*rows, row("r", "train")], TaskSource(benchmark="math"), "tasks.2")


def test_duplicates_and_training_rows_in_test_are_dropped_and_counted():
    division = settle(
        [
            candidate("a", "train"),
            candidate("a", "train"),
            candidate("B ", "dev"),
            candidate("c", "train", subject="other"),
            candidate("b", "test"),
            candidate("b", "test"),
            candidate("C", "test"),
        ],
        [BBH],
    )
    assert [(t.question, t.split) for t in division.tasks] == [("a", "train"), ("b", "test"), ("C", "test")]
    assert (division.duplicates, division.in_test, division.over_limit) == (2, 2, 0)


def test_limits_hold_per_source_and_raising_one_only_adds():
    candidates = [candidate(f"q{i}", "train", source=i % 2) for i in range(100)]

    def kept(limit: int) -> list[str]:
        division = settle(candidates, [TaskSource(benchmark="bbh", train=limit), BBH])
        assert division.over_limit == 50 - limit
        return [t.question for t in division.tasks]

    assert len(kept(10)) == 60
    assert set(kept(10)) < set(kept(20))
    assert kept(20) == [f"q{i}" for i in range(100) if f"q{i}" in set(kept(20))]


@given(st.lists(st.tuples(st.sampled_from("abcdeABC"), st.sampled_from(["train", "dev", "test"])), max_size=30))
def test_no_text_is_in_test_and_elsewhere_and_no_id_twice(drawn):
    division = settle([candidate(q, split) for q, split in drawn], [BBH])
    test = {normalised(t.question) for t in division.tasks if t.split == "test"}
    assert not test & {normalised(t.question) for t in division.tasks if t.split != "test"}
    assert len({t.task_id for t in division.tasks}) == len(division.tasks)
    assert len(division.tasks) + division.duplicates + division.in_test == len(drawn)


def test_options_that_read_alike_do_not_fall_on_one_side():
    rows = [normalised("Which sentence has the correct adjective order:", [str(i), "x"]) for i in range(200)]
    assert {by_hash(text, (0.5, 0.1, 0.4)) for text in rows} == {"train", "dev", "test"}

"""Terms of the reward: what is built in counts as ever, one's own are added, logged apart, and named when they fail."""

import sys
from types import ModuleType

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.experiment import MLPO, GRPOBaseline
from mlpo_core.training.rewards import Reward
from mlpo_core.training.terms import Terms, terms_of

ROW = {
    "task_id": "t1", "benchmark": "own", "subject": "sum", "split": "train", "question": "3+1", "choices": [],
    "answer": "4", "answer_kind": "number", "mode": "team",
}  # fmt: skip
RIGHT, WRONG = "<think>3+1=4</think><answer>4</answer>", "<think>no</think><answer>5</answer>"


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch):
    """A module `lab_terms` in which `own` is what a test says."""

    def define(function) -> None:
        module = ModuleType("lab_terms")
        module.own = function
        monkeypatch.setitem(sys.modules, "lab_terms", module)

    return define


def judged(*terms, row=ROW, texts=(RIGHT, WRONG), settings=MLPO, **more):
    reward = Reward(terms_of(settings(reward=terms, **more)), needs_workers=False)
    return [j.reward for j in reward.judge([row] * len(texts), texts, [False] * len(texts))]


def test_weights_are_those_given_and_else_the_standard_ones():
    assert terms_of(MLPO()) == Terms(1.0, 0.1)
    assert terms_of(MLPO(format_weight=0.3)) == Terms(1.0, 0.3)
    assert terms_of(MLPO(reward=("correct", {"format": 0.2}), format_weight=0.3)) == Terms(1.0, 0.2)
    assert terms_of(MLPO(reward=({"correct": 2.0},))) == Terms(2.0, 0.0)
    assert judged("correct") == [1.0, 0.0]
    assert judged("correct", "format") == [1.1, 0.0]
    assert judged("format") == [0.1, 0.0]


def test_an_own_term_is_added_with_its_weight_and_its_mean_is_logged_apart(lab):
    seen = []
    lab(lambda completions: seen.extend(completions) or [len(c.answer) + c.correct for c in completions])
    assert judged("correct", {"lab_terms:own": 0.5}) == [2.0, 0.5]
    assert [(c.correct, c.marked, c.well_formed, c.mode) for c in seen] == [
        (True, True, True, "team"),
        (False, True, True, "team"),
    ]
    logged: dict[str, float] = {}
    columns = {name: [value] * 2 for name, value in ROW.items()}
    reward = Reward(terms_of(MLPO(reward=("correct", {"lab_terms:own": 0.5}))), needs_workers=False)
    reward([None] * 2, [RIGHT, WRONG], logged.__setitem__, **columns)
    assert logged == {"correct": 0.5, "well_formed": 1.0, "reward/lab_terms:own": 1.5}


def test_nothing_is_given_to_what_was_cut_off_where_that_is_penalised(lab):
    lab(lambda completions: [1.0] * len(completions))
    reward = Reward(terms_of(MLPO(reward=("lab_terms:own",))), False, truncated="penalise")
    assert [j.reward for j in reward.judge([ROW] * 2, [RIGHT] * 2, [True, False])] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda completions: 1 / 0, r"failed: ZeroDivisionError: division by zero \(.*test_terms.py, line \d+\)"),
        (lambda completions: [1.0], "gave 1 values for 2 completions"),
        (lambda completions: None, "failed: TypeError"),
        (lambda completions: [1.0, float("nan")], "gave nan for a completion of task t1"),
        (lambda completions: [1.0, float("inf")], "gave inf for"),
        (lambda completions: ["1", "1"], "gave '1' for"),
        (lambda completions: [None, None], "gave None for"),
    ],
)
@pytest.mark.parametrize(("settings", "section"), [(MLPO, "mlpo"), (GRPOBaseline, "grpo")])
def test_a_term_that_fails_or_gives_nonsense_is_named(lab, function, problem, settings, section):
    lab(function)
    with pytest.raises(BadInput, match=rf"^{section}\.reward\.1: lab_terms:own: {problem}"):
        judged("correct", "lab_terms:own", settings=settings)


def test_a_term_that_there_is_not_is_named():
    with pytest.raises(BadInput, match=r"mlpo\.reward\.1: lab_absent:own: there is no module lab_absent"):
        terms_of(MLPO(reward=("correct", "lab_absent:own")))
    with pytest.raises(BadInput, match=r"mlpo\.reward\.0: 'corect' is unknown here"):
        terms_of(MLPO(reward=("corect",)))


@pytest.mark.parametrize(
    "reward", [(), ({},), ({"correct": 1.0, "format": 0.1},), ("correct", {"correct": 2.0}), ("a b",), ("../x",)]
)
def test_terms_that_are_none_are_refused(reward):
    with pytest.raises(ValueError, match="reward: "):
        MLPO(reward=reward)
    with pytest.raises(ValueError, match="finite"):
        MLPO(reward=({"correct": float("nan")},))

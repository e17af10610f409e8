"""Text answers: labels, brackets, word lists, and BBH's own few-shot convention."""

import pytest

from mlpo_core.grading import grade, infer_kind
from mlpo_core.types import Task, Verdict


def verdict(gold: str, response: str) -> Verdict:
    return grade(Task("t", "bbh", "", "test", "?", (), gold, "exact"), response)


@pytest.mark.parametrize(
    ("gold", "response"),
    [
        ("Yes", "So the answer is Yes."),
        ("yes", "Yes, this is plausible."),
        ("no", "Baseball has no end zone. So, the sentence is not plausible."),
        ("yes", "Footballers get red cards, so the sentence is plausible."),
        ("No", "**Answer:** No"),
        ("No", "A: No"),
        ("True", "<answer>True</answer>"),
        ("False", "So the final result of `not True` is `False`."),
        ("valid", "- valid"),
        ("invalid", "The argument is therefore invalid."),
        ("invalid", "The argument is not valid."),
        ("invalid", "\\boxed{\\text{invalid}}"),
        ("] ) }", "So the answer is ] ) }."),
        ("] ) }", "<answer>])}</answer>"),
        ("} }", "\\boxed{} }}"),
        ("}", "\\boxed{\\}}"),
        ("syndrome therefrom", "So the answer is syndrome therefrom."),
        ("syndrome therefrom", "The answer is: syndrome, therefrom"),
        ("barn damp dot", "The answer is:\n1. barn\n2. damp\n3. dot"),
        ("barn damp dot", "<answer>**Barn damp dot**</answer>"),
        ("54321", "sorted: <answer>54321</answer>"),
        ("54321", "4,3 54321\n54321"),
        ("Monsters, Inc", "The answer is Monsters, Inc."),
    ],
)
def test_equal_texts(gold: str, response: str):
    assert verdict(gold, response).correct


@pytest.mark.parametrize(
    ("gold", "response"),
    [
        ("valid", "So the answer is invalid."),
        ("valid", "The argument is not valid."),
        ("yes", "yesterday"),
        ("] )", "So the answer is ] ) }."),
        ("barn damp dot", "The answer is damp barn dot."),
        ("54321", "The answer is 5432"),
        ("012", "12"),
        ("yes", "<think>yes, yes, yes"),
    ],
)
def test_other_texts(gold: str, response: str):
    assert not verdict(gold, response).correct


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("(B)", "option"),
        ("(R)", "option"),
        ("No", "exact"),
        ("True", "exact"),
        ("invalid", "exact"),
        (") ] >", "exact"),
        ("barn damp", "exact"),
        ("-240", "number"),
        ("7", "number"),
    ],
)
def test_bbh_outputs_in_its_authors_convention(target: str, kind: str):
    """The authors take what follows the last "answer is ", drop the final stop, and compare for equality."""
    assert infer_kind("bbh", target) == kind
    task = Task("t", "bbh", "", "test", "", (), target, kind)
    right = f"Let's think step by step.\nThis and (A) that, yes, 3 times. So the answer is {target}."
    assert grade(task, right).correct
    other = {"option": "(C)", "number": "8"}.get(
        kind, {"No": "Yes", "True": "False", "invalid": "valid"}.get(target, "x")
    )
    assert not grade(task, right.replace(f"is {target}.", f"is {other}.")).correct


def test_kinds_of_other_benchmarks():
    assert infer_kind("mmlu", "2") == "option"
    assert infer_kind("mmlu_pro", "J") == "option"
    assert infer_kind("math", "12") == "math"
    assert infer_kind("procedural", "Mars", ("Venus", "Mars")) == "option"

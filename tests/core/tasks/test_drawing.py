"""Compact questions of other shapes: as long as asked, as often easy as asked, refused in words otherwise."""

import random

import pytest

from mlpo_core.chain.experiments import checked
from mlpo_core.errors import BadInput
from mlpo_core.experiment import load
from mlpo_core.tasks.drawing import EASY, USUAL, Shape, draw, questions, shape, shapes
from mlpo_core.tasks.families import COMPACT, family_of, generate, solve
from tests.support import REPOSITORY

TINY = REPOSITORY / "experiments" / "tiny.yaml"


def operands(question: str) -> list[str]:
    family = COMPACT[family_of(question)]
    text = question.split(" ")[2:] if family.word else question.rpartition(" ")[2]
    return [o for o in text if o in family.symbols]


@pytest.mark.parametrize("family", COMPACT)
def test_the_usual_shape_is_the_familys_own_draw(family: str) -> None:
    assert questions(family, Shape(), 3, 50) == generate(family, {}, 3, 50)
    assert {len(operands(q.question)) for q in questions(family, Shape(), 3, 50)} == {USUAL[family]}


@pytest.mark.parametrize("family", COMPACT)
@pytest.mark.parametrize("length", [3, 8])
def test_a_chain_is_as_long_as_asked_and_its_answer_follows(family: str, length: int) -> None:
    for item in questions(family, Shape(length), 1, 60):
        assert len(operands(item.question)) == length
        assert item.answer == solve(item.question).answer
        assert family_of(item.question) == family
        assert family != "sum" or int(item.answer) >= 0


@pytest.mark.parametrize("family", COMPACT)
def test_so_many_questions_are_easy(family: str) -> None:
    rng = random.Random(1)
    drawn = [draw(family, Shape(None, 0.6), rng) for _ in range(1000)]
    easy = sum(set(operands(q)) <= set(EASY[family]) for q in drawn) / 1000
    by_chance = (len(EASY[family]) / len(COMPACT[family].symbols)) ** USUAL[family]
    assert 0.55 < easy < 0.65 + by_chance


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"terms": 3}, "'terms' is no option of a compact family: length, easy_share"),
        ({"length": 2}, "length: 2 is no whole number from 3 to 8"),
        ({"length": 4.5}, "length: 4.5 is no whole number"),
        ({"length": True}, "length: True is no whole number"),
        ({"easy_share": 1.2}, "easy_share: 1.2 is no share from 0 to 1"),
        ({"easy_share": "half"}, "easy_share: 'half' is no share"),
    ],
)
def test_what_is_out_of_range_is_refused_in_words(options: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=rf"tasks\.family_options\.sum.*{says}"):
        shape("sum", options)


def test_an_experiment_is_refused_before_anything_is_made() -> None:
    wrong = load(TINY, ("tasks.0.family_options={sort: {length: 9}}",))
    with pytest.raises(BadInput, match=r"tiny\.yaml: not a valid experiment:\n.*sort\.length: 9"):
        checked(wrong, "tiny.yaml")


def test_two_sources_give_a_family_one_shape() -> None:
    source = "{benchmark: procedural, train: 1, dev: 1, test: 1, seed: 2, subjects: [sum]"
    alike = load(TINY, (f"tasks=[{source}, family_options: {{sum: {{length: 6}}}}}}]",))
    assert shapes(alike) == {"sum": Shape(6)}
    differing = load(TINY, (f"tasks=[{source}, family_options: {{sum: {{length: 6}}}}}}, {source}}}]",))
    with pytest.raises(BadInput, match="two sources differ"):
        shapes(differing)

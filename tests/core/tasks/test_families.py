"""Compact families: gold answers against independent references, blind spots, refusals."""

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.tasks.families import COMPACT, PAIRS, family_of, generate, misread, solve


def _reference(question: str) -> str:
    head, *rest = question.split()
    match head:
        case "sum":
            return str(eval(rest[0]))  # our own generator wrote it
        case "sort":
            ordered = sorted(map(int, rest[1]))
            return "".join(map(str, ordered if rest[0] == "up" else ordered[::-1]))
        case "reverse":
            return "".join(reversed(rest[0]))
        case "keep":
            tests = {"odd": lambda d: d % 2 == 1, "even": lambda d: d % 2 == 0}
            rule = tests.get(rest[0]) or (lambda d: eval(f"{d}{rest[0]}"))
            return "".join(d for d in rest[1] if rule(int(d)))
        case _:
            row = dict(enumerate(rest[0], start=1))
            for pair in rest[1:]:
                i, j = map(int, pair)
                row |= {i: row[j], j: row[i]}
            return "".join(row[i] for i in sorted(row))


@pytest.mark.parametrize("family", COMPACT)
def test_gold_answers_match_an_independent_solution(family: str) -> None:
    for item in generate(family, {}, seed=3, n=300):
        assert item.answer == _reference(item.question)
        assert family_of(item.question) == family
        assert solve(item.question).work.endswith(item.answer)


@pytest.mark.parametrize("family", COMPACT)
def test_the_same_seed_gives_the_same_questions_and_another_seed_others(family: str) -> None:
    assert generate(family, {}, 1, 50) == generate(family, {}, 1, 50)
    assert generate(family, {}, 1, 50) != generate(family, {}, 2, 50)


@pytest.mark.parametrize(
    ("question", "reading", "seen"),
    [
        ("sum 3-1+3+2+5", {"3": "8"}, "sum 8-1+8+2+5"),
        ("sort up 39143", {"3": "8"}, "sort up 89148"),
        ("keep >4 41234", {"4": "9"}, "keep >4 91239"),
        ("reverse abcab", {"a": "h"}, "reverse hbchb"),
        ("swap abcd 12 34 12", {"12": "13"}, "swap abcd 13 34 13"),
    ],
)
def test_misreading_touches_operands_only(question: str, reading: dict[str, str], seen: str) -> None:
    assert misread(question, reading) == seen
    assert solve(question, reading) == solve(seen)


@pytest.mark.parametrize("family", COMPACT)
def test_one_symbol_is_in_about_two_fifths_of_the_questions(family: str) -> None:
    symbol, other = COMPACT[family].symbols[2], COMPACT[family].symbols[5]
    questions = [i.question for i in generate(family, {}, 4, 2000)]
    share = sum(misread(q, {symbol: other}) != q for q in questions) / len(questions)
    assert 0.34 < share < 0.5


def test_swap_pairs_are_the_ones_of_four_places() -> None:
    assert sorted(PAIRS) == sorted(f"{i}{j}" for i in range(1, 5) for j in range(i + 1, 5))


def test_reasoning_gym_by_name() -> None:
    items = generate("chain_sum", {"min_terms": 3, "max_terms": 3}, seed=5, n=4)
    assert len({i.question for i in items}) == 4
    assert all(i.answer_kind == "number" and int(i.answer) is not None for i in items)
    assert items == generate("chain_sum", {"min_terms": 3, "max_terms": 3}, seed=5, n=4)


@pytest.mark.parametrize(
    ("family", "options", "says"),
    [
        ("chain_summ", {}, "no procedural family 'chain_summ'"),
        ("chain_sum", {"no_such": 1}, "family_options.chain_sum"),
        ("sum", {"terms": 3}, "family_options.sum"),
        ("propositional_logic", {}, "without a single text answer"),
    ],
)
def test_refusals_name_the_setting(family: str, options: dict[str, int], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        generate(family, options, 1, 8)

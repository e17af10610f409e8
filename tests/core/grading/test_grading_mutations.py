"""A gold answer that is changed is wrong; one that is only dressed otherwise is right."""

from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpo_core.grading import Grader, infer_kind
from mlpo_core.types import Task

EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
_GRADER = Grader(1)
DIGITS = st.integers(2, 99)
UNITS = ("cm", "m", "kg", "hours", "minutes", "feet")


def graded(gold: str, answers: list[str], benchmark: str = "math", question: str = "") -> dict[str, bool]:
    task = Task("t", benchmark, "", "test", question, (), gold, infer_kind(benchmark, gold))
    verdicts = _GRADER.grade_many([(task, answer) for answer in answers])
    assert not any(verdict.ungraded for verdict in verdicts)
    return {answer: verdict.correct for answer, verdict in zip(answers, verdicts, strict=True)}


def dressed(answer: str) -> list[str]:
    return [
        f"${answer}$",
        rf"\boxed{{{answer}}}",
        rf"The answer is $\boxed{{{answer}}}$.",
        f"**Answer:** ${answer}$",
        f"<think>Let us see.</think><answer>${answer}$</answer>",
        f"La respuesta es ${answer}$.",
        f"答案是 ${answer}$。",
        f"Die Antwort ist ${answer}$.",
        f"Ответ: ${answer}$",
        f"The answer is ${answer}$<|im_end|>",
    ]


@EXAMPLES
@given(DIGITS, DIGITS)
def test_a_fraction_with_another_digit_sign_or_order_is_wrong(top: int, bottom: int):
    gold = rf"\frac{{{top}}}{{{bottom}}}"
    changed = [
        rf"\frac{{{top + 1}}}{{{bottom}}}",
        rf"\frac{{{top}}}{{{bottom + 1}}}",
        f"-{gold}",
        f"{top}{bottom}",
        f"{gold}, {bottom}",
        rf"{gold} \text{{ or }} {bottom + 100}",
        rf"{gold} + 1",
        rf"\text{{at least }} {gold}",
    ]
    if top != bottom:
        changed.append(rf"\frac{{{bottom}}}{{{top}}}")
    assert not any(graded(gold, [rf"\boxed{{{answer}}}" for answer in changed]).values())
    assert all(graded(gold, [*dressed(gold), f"{top}/{bottom}", rf"\boxed{{\dfrac{{{top}}}{{{bottom}}}}}"]).values())


@EXAMPLES
@given(st.integers(-99, 99), st.integers(100, 200))
def test_an_interval_with_another_bracket_end_or_order_is_wrong(low: int, high: int):
    gold = f"[{low},{high})"
    changed = [f"({low},{high})", f"[{low},{high}]", f"[{high},{low})", f"[{low + 1},{high})", f"[{low},{high + 1})"]
    assert not any(graded(gold, [rf"\boxed{{{answer}}}" for answer in [*changed, f"{low},{high}"]]).values())
    same = [*dressed(gold), rf"\boxed{{{low} \le x < {high}}}", rf"\boxed{{x \in \left[{low}, {high}\right)}}"]
    assert all(graded(gold, same).values())


@EXAMPLES
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=4, unique=True))
def test_a_point_in_another_order_is_wrong_and_a_list_of_solutions_is_not(values: list[int]):
    listed, turned = ", ".join(map(str, values)), ", ".join(map(str, values[::-1]))
    assert not any(graded(f"({listed})", [rf"\boxed{{({turned})}}", rf"\boxed{{({listed}, 7)}}"]).values())
    assert all(graded(f"({listed})", dressed(f"({listed})")).values())
    assert all(graded(listed, [rf"\boxed{{{turned}}}", rf"\boxed{{\{{{listed}\}}}}"]).values())
    fewer = ", ".join(map(str, values[1:]))
    assert not any(graded(listed, [rf"\boxed{{{fewer}}}", rf"\boxed{{{listed}, 99}}"]).values())


@EXAMPLES
@given(st.integers(2, 999), st.sampled_from(UNITS), st.sampled_from(UNITS))
def test_the_unit_may_be_left_out_but_not_be_another(number: int, unit: str, other: str):
    gold = rf"{number}\text{{ {unit}}}"
    right = [rf"\boxed{{{number}}}", rf"\boxed{{{number}\,\mathrm{{{unit}}}}}", f"{number} {unit}"]
    assert all(graded(gold, right).values())
    if unit != other:
        assert not any(graded(gold, [rf"\boxed{{{number}\text{{ {other}}}}}", f"{number} {other}"]).values())


@EXAMPLES
@given(st.integers(-(10**6), 10**6), st.integers(1, 9))
def test_a_whole_number_with_a_change_is_wrong(number: int, change: int):
    changed = [str(number + change), f"{number}{change}", f"{number} or {number + change}", f"not {number}"]
    changed += (
        [f"at least {number}", f"more than {number}", f"{number} + {change}", f"{number} million"] if number else []
    )
    answers = [f"So the answer is {answer}." for answer in changed]
    assert not any(graded(str(number), answers, "bbh").values())
    same = [
        f"{number}",
        f"{number:,}",
        rf"\boxed{{{number}}}",
        f"**{number}**",
        f"So the answer is {number}.",
        f"答案是{number}。",
    ]
    assert all(graded(str(number), same, "bbh").values())


@EXAMPLES
@given(st.integers(1, 10**6), st.integers(1, 6))
def test_a_decimal_equals_its_fraction_and_no_neighbour(digits: int, places: int):
    value = Fraction(digits, 10**places)
    gold = rf"\frac{{{value.numerator}}}{{{value.denominator}}}" if value.denominator > 1 else str(value)
    written = f"{digits / 10**places:.{places}f}"
    assert all(graded(gold, [rf"\boxed{{{written}}}"]).values())
    assert not any(graded(gold, [rf"\boxed{{{digits * 10 + 1}}}", rf"\boxed{{-{written}}}"]).values())

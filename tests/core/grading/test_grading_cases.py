"""Kinds of answers that a grader gets wrong: hedges, negations, names, numbers, dress; ours, and the shared list."""

import json
from pathlib import Path

import pytest

from mlpo_core.grading import Grader, infer_kind
from mlpo_core.grading.option import letter_of
from mlpo_core.types import Task

FRUIT = ("red apple", "blue pear", "tiny plum", "ripe fig")
LAMPS = tuple(
    f"lamp {word}" for word in ["red", "blue", "tiny", "ripe", "cold", "warm", "tall", "wide", "long", "soft"]
)
CHOICES = {"mmlu": FRUIT, "mmlu_pro": LAMPS}
KINDS = Path(__file__).with_name("kinds.jsonl")
RIGHT = {
    ("mmlu", "B"): [
        *(
            "B<|im_end|>",
            "Réponse : B",
            "উত্তর: ব",
            "正解はBです。",
            "我选择B",
            "정답은 (B)입니다.",
            "الإجابة الصحيحة هي: ب",
            "Jibu: B",
        ),
        *(
            '{"final_answer": "B"}',
            "The right option must be B.",
            "I would go with B.",
            "The answer is not A but B.",
            "b) blue pear",
        ),
        *(
            "I thought the answer is A. Wait, it is B.",
            "(B) is correct because (A) is red.",
            "None of the others fit, so (B).",
        ),
    ],
    ("bbh", "12"): [
        "The answer should be 12.",
        "I counted 12 objects: 5 pens, 7 cups.",
        "#### 12",
        "12 (5 pens, 7 cups)",
        "twelve",
    ],
    ("bbh", "-7"): ["minus seven", "—7", "negative 7"],
    ("bbh", "Yes"): ["Yes. There is no reason to doubt it.", "The answer must be Yes.", "yes, not no"],
    ("bbh", "invalid"): ["The argument is not, in fact, valid.", "invalid, although it looks valid"],
    ("bbh", "pear plum"): ["['pear', 'plum']", "The sorted list is: pear, plum", "The answer is pear plum (sorted)."],
    ("math", "12"): [
        "So, **12**",
        "€12",
        r"\boxed{\color{red}12}",
        r"Because $a=5$ and $b=7$, $a+b=12$.",
        "１２",
        r"\boxed{5+7=12}",
    ],
    ("math", r"\frac{1}{3}"): [r"0.\overline{3}", "⅓", "1/3"],
    ("math", "2\\pi"): ["2pi", "2*pi", "2π"],
    ("math", "-3,3"): [r"$x=\boxed{3}$ or $x=\boxed{-3}$", "±3", "The solutions are $3$ and $-3$."],
    ("math", "30, 150"): [r"\boxed{150^\circ, 30^\circ}"],
    ("math", r"(2,\infty)"): ["x > 2", r"\{x \mid x > 2\}"],
    ("math", "0.25"): ["25%"],
}
WRONG = {
    ("mmlu", "B"): [
        *(
            "A or B",
            "The answer is B or maybe C.",
            "<answer>B|C</answer>",
            "not (B)",
            "Vitamin B",
            "The answer is Plan B.",
            "B is wrong.",
        ),
        *(
            "Options B, C and D are wrong.",
            "<answer>(A) red apple\n(B) blue pear</answer>",
            "red apple, blue pear, tiny plum, ripe fig",
        ),
    ],
    ("bbh", "12"): [
        "7 or 12",
        "12-15",
        "at least 12",
        "12 million",
        "12 + 3",
        "not 12",
        "—12",
        "12, 15",
        "twelve hundred",
    ],
    ("bbh", "Yes"): ["It could be yes or no.", "<answer>Options:\n- Yes\n- No</answer>", "The answer is not yes."],
    ("bbh", "valid"): ["far from valid", "neither valid nor sound", "valid or invalid"],
    ("math", "12"): [
        *(
            "at least 12",
            r"\boxed{12\text{ cubed}}",
            r"\boxed{5+7}",
            r"\boxed{\binom{12}{1}}",
            r"\boxed{x+y=12}",
            "What is $5+7$?",
        ),
        *(r"\boxed{\max(\infty,12)}", r"\boxed{12+\infty}", "12 if n is even and 13 if n is odd", r"\boxed{12, 13}"),
    ],
    ("math", r"\frac{1}{2000000}"): ["0", r"-\frac{1}{2000000}"],
    ("math", "30, 150"): ["30150"],
    ("math", "1011_2"): ["1011_3"],
}


def task(benchmark: str, gold: str, choices: tuple[str, ...] = (), question: str = "") -> Task:
    kind = infer_kind(benchmark, gold, choices)
    answer = (letter_of(gold, choices) or gold) if kind == "option" else gold
    return Task("t", benchmark, "", "test", question, choices, answer, kind)


@pytest.mark.parametrize("expected", [True, False])
def test_every_kind(expected: bool):
    pairs = [
        (task(benchmark, gold, FRUIT if benchmark == "mmlu" else ()), response)
        for (benchmark, gold), responses in (RIGHT if expected else WRONG).items()
        for response in responses
    ]
    with Grader(1) as grader:
        verdicts = grader.grade_many(pairs)
    assert [(p[0].answer, p[1], v) for p, v in zip(pairs, verdicts, strict=True) if v.correct != expected] == []


def test_every_kind_of_dress_and_of_fault():
    """Thousands of short answers, one line a gold: those that state it and those that do not."""
    pairs: list[tuple[Task, str, bool]] = []
    for line in KINDS.read_text().splitlines():
        row = json.loads(line)
        asked = task(row["benchmark"], row["answer"], CHOICES.get(row["benchmark"], ()))
        pairs += [(asked, response, True) for response in row["right"]]
        pairs += [(asked, response, False) for response in row["wrong"]]
    with Grader(2) as grader:
        verdicts = grader.grade_many([(asked, response) for asked, response, _ in pairs])
    wrong = [
        (asked.answer, response, verdict.extracted, "credited" if verdict.correct else "missed")
        for (asked, response, expected), verdict in zip(pairs, verdicts, strict=True)
        if verdict.correct != expected or verdict.ungraded
    ]
    assert len(pairs) > 2_000
    assert wrong == []


def test_the_question_pasted_earns_nothing():
    question = "Expand and simplify $(x+2)(x-5)$ as far as you can."
    asked = task("math", "x^2-3x-10", question=question)
    with Grader(1) as grader:
        pasted = [question, f"<answer>{question}</answer>", rf"\boxed{{{question}}}", r"\boxed{(x+2)(x-5)}"]
        assert [v.correct for v in grader.grade_many([(asked, p) for p in pasted])] == [False] * 4
        assert grader.grade_many([(asked, f"{question}\nThe answer is $x^2-3x-10$.")])[0].correct


def test_the_shared_cases(shared_data: Path):
    file = shared_data.parent / "cases" / "grading.jsonl"
    if not file.is_file():
        pytest.skip(f"{file} is absent")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    pairs = [
        (task(r["benchmark"], r["answer"], tuple(r.get("choices", ())), r.get("question", "")), r["response"])
        for r in rows
    ]
    with Grader(1) as grader:
        verdicts = grader.grade_many(pairs)
    wrong = [(r["fault"], r["response"]) for r, v in zip(rows, verdicts, strict=True) if v.correct != r["expected"]]
    assert wrong == []

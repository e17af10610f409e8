"""Patterns, JSON, quantities and sets: what is right, what is not, and what cannot be a gold answer."""

import json

import pytest

from mlpo_core.grading import Grader, gold, grade, process, self_check
from mlpo_core.grading.quantity import read_quantity, with_tolerance
from mlpo_core.prompts.task import question
from mlpo_core.types import AnswerKind, Task

DATE = r"(?:19|20)\d\d-\d\d-\d\d"
PATH = json.dumps({"$path": "people.0.age", "$equals": 41})
SCHEMA = json.dumps({"$matches": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}})
BOTH = json.dumps({"$path": "$.items[1]", "$equals": "b", "$matches": {"type": "string"}})
SPEED = "9.81 m/s^2 ± 1 %"


def task(kind: AnswerKind, answer: str) -> Task:
    return Task("t", "own", "", "test", "Which one is it?", (), answer, kind)


@pytest.mark.parametrize(
    ("kind", "answer", "response"),
    [
        ("regex", DATE, "<answer>2024-02-29</answer>"),
        ("regex", DATE, "I think so. The answer is **2024-02-29**."),
        ("regex", DATE, "Let me see:\n2024-02-29"),
        ("regex", r"(?i)colou?r", '<answer>"Color"</answer>'),
        ("regex", r"a+\.", "<answer>aaa.</answer>"),
        ("json", '{"a": 1, "b": [true, null]}', '<answer>{"b": [true, null], "a": 1.0}</answer>'),
        ("json", '{"a": 1}', 'Here it is:\n```json\n{"a": 1}\n```\nDone.'),
        ("json", '{"a": 1}', 'First {"a": 2} was wrong.\n{"a":\n 1}\nThat is all.'),
        ("json", '{"answer": {"a": 1}}', '<answer>{"answer": {"a": 1}}</answer>'),
        ("json", "[3]", "<answer>\n```\n[3]\n```\n</answer>"),
        ("json", PATH, '<answer>{"people": [{"age": 41, "name": "x"}]}</answer>'),
        ("json", SCHEMA, '<answer>{"name": "Ada", "more": 1}</answer>'),
        ("json", BOTH, '<answer>{"items": ["a", "b"]}</answer>'),
        ("unit", SPEED, "<answer>9.8 m/s^2</answer>"),
        ("unit", SPEED, "The answer is 981 cm/s²."),
        ("unit", SPEED, r"\boxed{9.81\,\mathrm{m/s^2}}"),
        ("unit", SPEED, r"\boxed{9.81\ \frac{\text{m}}{\text{s}^{2}}}"),
        ("unit", SPEED, "<answer>g = 9.81 m s^-2 downward</answer>"),
        ("unit", "3 km", "<answer>3,000 meters</answer>"),
        ("unit", "300000 km/s", "<answer>3 × 10^8 m/s</answer>"),
        ("unit", "300000 km/s", "<answer>3e8 meters per second</answer>"),
        ("unit", "25 °C", "<answer>298.15 K</answer>"),
        ("unit", "12 kWh ± 0.5", "<answer>11.6 kWh</answer>"),
        ("unit", "8.314 J/(mol K)", "<answer>8.31 J/(mol*K)</answer>"),
        ("unit", "50 %", "<answer>50%</answer>"),
        ("set", "red, green, blue", "<answer>blue, red and green</answer>"),
        ("set", "red; green; blue", "The answer is:\n1. Green\n2. blue\n3. red"),
        ("set", '["Paris, France", "Rome, Italy"]', '<answer>["Rome, Italy", "Paris, France"]</answer>'),
        ("set", "Paris, France; Rome, Italy", "<answer>Rome, Italy; Paris, France</answer>"),
        ("set", "2, 3, 5", r"\boxed{\{5, 3, 2\}}"),
        ("set", "2, 3, 5", "The primes are: 2.0, 3, 5"),
        ("set", "salt and pepper, oil", "<answer>oil, salt and pepper</answer>"),
    ],
)
def test_right(kind: AnswerKind, answer: str, response: str):
    assert gold.problem(kind, answer) is None
    assert grade(task(kind, answer), response).correct


@pytest.mark.parametrize(
    ("kind", "answer", "response"),
    [
        ("regex", DATE, "<answer>2024-02-29 or 2024-03-01</answer>"),
        ("regex", DATE, "It is not known; 2024-02-29 was a guess.\n\nI do not know."),
        ("regex", DATE, f"<answer>{DATE}</answer>"),
        ("regex", ".*x.*", f"<answer>x{'y' * 5000}</answer>"),
        ("regex", DATE, ""),
        ("json", '{"a": 1}', '<answer>{"a": 1, "a": 2}</answer>'),
        ("json", '{"a": 1}', '<answer>{"a": true}</answer>'),
        ("json", '{"a": 1}', '<answer>{"a": 1} {"a": 2}</answer>'),
        ("json", '{"a": 1}', '<answer>{"a": 1, "b": 2}</answer>'),
        ("json", '{"a": 1}', '{"a": 1}\nNo, wait:\n{"a": 2}'),
        ("json", "[1, 2]", "<answer>[2, 1]</answer>"),
        ("json", PATH, PATH),
        ("json", PATH, '<answer>{"people": []}</answer>'),
        ("json", PATH, "<answer>41</answer>"),
        ("json", SCHEMA, SCHEMA),
        ("json", SCHEMA, '<answer>{"name": 3}</answer>'),
        ("json", BOTH, '<answer>{"items": ["b"]}</answer>'),
        ("unit", SPEED, "<answer>9.81</answer>"),
        ("unit", SPEED, "<answer>9.81 m/s</answer>"),
        ("unit", SPEED, "<answer>9.6 m/s^2</answer>"),
        ("unit", SPEED, "<answer>9.81 m/s^2 or 3 m/s^2</answer>"),
        ("unit", SPEED, "<answer>9-10 m/s^2</answer>"),
        ("unit", SPEED, "<answer>m/s^2</answer>"),
        ("unit", SPEED, f"<answer>{SPEED}</answer>"),
        ("unit", "3 km", "<answer>3 kg</answer>"),
        ("unit", "3 km", "<answer>3e999 m</answer>"),
        ("unit", "3 km", "<answer>9**9**9 m</answer>"),
        ("set", "red, green, blue", "<answer>red, green</answer>"),
        ("set", "red, green, blue", "<answer>red, green, blue, black</answer>"),
        ("set", "red, green", "<answer>red</answer>\n<answer>green</answer>\n<answer>blue</answer>"),
        ("set", "2, 3", "<answer>not 2, 3</answer>"),
        ("set", "2, 3", ""),
    ],
)
def test_wrong(kind: AnswerKind, answer: str, response: str):
    assert gold.problem(kind, answer) is None
    verdict = grade(task(kind, answer), response)
    assert (verdict.correct, verdict.ungraded) == (False, False)


@pytest.mark.parametrize(
    ("kind", "answer", "reason"),
    [
        ("regex", "(", "no regular expression"),
        ("regex", ".*", "matches what is no answer"),
        ("regex", "a?", "matches what is no answer"),
        ("regex", "a" * 1001, "at most 1000"),
        ("json", "{a: 1}", "no JSON answer"),
        ("json", "NaN", "no JSON answer"),
        ("json", "[" * 50 + "]" * 50, "deeper than 32"),
        ("json", '{"$path": "a"}', "needs"),
        ("json", '{"$matches": {"type": "nothing"}}', "no JSON schema"),
        ("json", '{"$matches": {}}', "every value"),
        ("json", '{"$matches": {"$ref": "http://127.0.0.1/x"}}', "another document"),
        ("unit", "9.81", "no unit"),
        ("unit", "9.81 flubs", "no unit"),
        ("unit", "fast", "number with a unit"),
        ("set", ", ;", "without a member"),
        ("set", ",".join(map(str, range(1001))), "more than 1000"),
    ],
)
def test_what_cannot_be_a_gold_answer_is_told(kind: AnswerKind, answer: str, reason: str):
    assert reason in (gold.problem(kind, answer) or "")


def test_equal_sets_are_one_vote():
    first, second = (grade(task("set", "a, b"), f"<answer>{said}</answer>").extracted for said in ("b, A", "a and b"))
    assert first == second == '["a", "b"]'


def test_the_tolerance_of_a_gold_answer_stands_in_it():
    assert with_tolerance("3 km", None) == "3 km ± 1 %"
    assert with_tolerance("3 km", 0.005) == "3 km ± 0.5 %"
    assert with_tolerance("3 km ± 20", 0.1) == "3 km ± 20"
    assert [grade(task("unit", "3 km ± 0.02"), f"<answer>{m} m</answer>").correct for m in (2981, 2979)] == [
        True,
        False,
    ]


def test_what_is_no_number_with_a_unit_is_no_quantity():
    assert read_quantity("5 m in 3 s") is None
    assert read_quantity("9" * 50 + " m") is None


def test_every_example_of_a_gold_answer_earns_it():
    golds: list[tuple[AnswerKind, str]] = [("json", '{"a": [1]}'), ("unit", SPEED), ("set", "a; b, c"), ("regex", DATE)]
    tasks = [task(kind, answer) for kind, answer in golds]
    assert self_check(tasks) == []


def test_the_readers_of_a_task_are_told_the_form_of_its_answer():
    assert question(task("unit", SPEED)) == "Which one is it?\nGive the answer as a number with its unit."
    assert question(task("exact", "a")) == "Which one is it?"


HOSTILE: list[tuple[AnswerKind, str, str]] = [
    ("regex", "(a+)+b", "a" * 60),
    ("json", '{"a": 1}', "[" * 60_000),
    ("json", '{"a": 1}', '{"a":' * 20_000 + "1" + "}" * 20_000),
    ("json", '{"a": 1}', "9" * 60_000),
    ("json", '{"$matches": {"pattern": "^(a+)+$", "type": "string"}}', '"' + "a" * 60 + 'b"'),
    ("json", '{"$matches": {"type": "object", "properties": {"a": {"$ref": "#"}}}}', '{"a":' * 31 + "{}" + "}" * 31),
    ("unit", "3 km", "1e99999 " + "m*" * 10_000),
    ("unit", "3 km", "3 " + "yottayottayotta" * 400),
    ("set", "a, b", "a," * 60_000),
]


def test_hostile_answers_end_in_time():
    right = (task("set", "a, b"), "<answer>b, a</answer>")
    with Grader(1) as grader:
        pairs = [(task(kind, answer), f"<answer>{text}</answer>") for kind, answer, text in HOSTILE]
        verdicts = grader.grade_many([*pairs, right])
    assert [verdict.correct for verdict in verdicts[:5]] == [False] * 5
    assert verdicts[0].ungraded and verdicts[4].ungraded
    assert [verdict.correct for verdict in verdicts[6:]] == [False, False, False, True]


def test_a_worker_loads_what_its_answers_need():
    with Grader(1) as grader:
        grader.grade_many([right := (task("set", "a, b"), "<answer>b, a</answer>")])
        assert grader._workers[0].libraries == frozenset()
        assert grader.grade_many([(task("unit", "3 km"), "<answer>3 km</answer>"), right])[0].correct
        assert grader._workers[0].libraries == {"units"}
        grader.grade_many([(task("json", "1"), "1"), right])
        assert grader._workers[0].libraries == {"units", "json"}
    assert process.LIBRARIES["unit"] == "units"

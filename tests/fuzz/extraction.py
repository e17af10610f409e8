"""Any bytes as a model's response, read for every kind of answer: a verdict, in bounded time."""

from pathlib import Path

from mlpo_core.grading.maths import Prepared
from mlpo_core.grading.read import read
from mlpo_core.types import Task
from tests.fuzz.target import Target, mutated

_TASKS = (
    Task("o", "mmlu", "", "test", "Which one?", ("red apple", "blue pear", "tiny plum"), "B", "option"),
    Task("l", "bbh", "", "test", "Which?\nOptions:\n(A) one\n(B) two", (), "B", "option"),
    Task("n", "bbh", "", "test", "How many are 3 and 4?", (), "7", "number"),
    Task("e", "bbh", "", "test", "Sort: b a", (), "a b", "exact"),
    Task("v", "bbh", "", "test", "Is it valid?", (), "valid", "exact"),
    Task("d", "bbh", "", "test", "Close: [ ( {", (), "} ) ]", "exact"),
    Task("m", "math", "", "test", "What is $\\frac{1}{2}$ of 1?", (), r"\frac{1}{2}", "math"),
    Task("i", "math", "", "test", "Solve", (), r"[0, \infty) \cup \{-1\}", "math"),
    Task("r", "own", "", "test", "When?", (), r"(?:19|20)\d\d-\d\d-\d\d", "regex"),
    Task("j", "own", "", "test", "Which?", (), '{"$path": "a.0", "$equals": 1}', "json"),
    Task("h", "own", "", "test", "Which?", (), '{"$matches": {"type": "object", "required": ["a"]}}', "json"),
    Task("u", "own", "", "test", "How fast?", (), "9.81 m/s^2 ± 1 %", "unit"),
    Task("s", "own", "", "test", "Which?", (), "2, 3, five", "set"),
)
_PIECES = tuple(
    piece.encode("utf-8", "surrogatepass")
    for piece in (
        *("<think>", "</think>", "<answer>", "</answer>", "\\boxed{", "}", "{", "\\frac{", "\\text{", "$", "$$"),
        "\\sqrt",
        *("\\[", "\\]", "\\(", "\\)", "(", ")", "Answer:", " answer is ", "**", "A", "(B)", "9**9**9", "Q:"),
        *("\\pm", "^"),
        *("Question\\ 1", "-", "*", ",", ".", "12", "1,000", "/", "e5", "%", "\n", "\t", "\ud800", "\x00"),
        *("\x1b[2J", "_"),
        *("<script>alert(1)</script>", "|", "\ufdfa", "<|im_end|>", "Ответ:", "答案是", '{"answer": "B"}'),
        *("```json\n", "```"),
        *("(" * 3000, "{" * 3000, "9" * 3000, "\\boxed{" * 3000, "the answer is " * 3000, " " * 50_000),
        "1e" + "9" * 300,
        *("m/s", "km", "°C", "±", "×10^", "/(", '{"a": [', "]}", '"a": 1', "[" * 3000, '{"a":' * 3000),
        *("\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "\\infty", "\\cup", "\\leq", "x=", "²", "½", "٣", "０"),
        "−",
        *("no, it is ", "not B but C", "both A and B", "I think ", "either ", "none of the above"),
    )
)  # fmt: skip
_SEEDS = (
    b"Let me think. 3 + 4 = 7.\n\nThe final answer is **7**.",
    b"<think>maybe A, no</think>\n<answer>(B) blue pear</answer>",
    b"Thus $x = \\frac{1}{2}$, so \\boxed{\\dfrac{1}{2}}",
    b"Answer: a b\n\nHmm, wait, it is actually b a.",
    b'```json\n{"reasoning": "r", "answer": "B"}\n```',
    b"The set is $[0,\\infty) \\cup \\{-1\\}$. Answer: valid",
)


def prepare(folder: Path) -> Target:
    """Tasks of every kind. The folder stays empty."""

    def check(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        for task in _TASKS:
            found = read(task, text)
            assert found.extracted is None or len(found.extracted.encode()) <= 400_000
            assert isinstance(found, Prepared) or not (found.correct and found.extracted is None)

    return Target(mutated(_SEEDS, _PIECES), check)

"""What is thought and what is answered, whole and while it is written."""

import pytest

from mlpo_core.prompts.leader import with_absent
from mlpo_core.serving.thinking import split
from mlpo_core.types import Task

TEXT = "<think>4-1=3, wait 3+7=10</think><answer>12</answer> and more"


@pytest.mark.parametrize(
    ("text", "stop", "parts"),
    [
        (TEXT, (), ("4-1=3, wait 3+7=10", "<answer>12</answer> and more")),
        (TEXT, ("wait", " and"), ("4-1=3, wait 3+7=10", "<answer>12</answer>")),
        ("<think>cut o", (), ("cut o", "")),
        ("no thoughts </think>", (), ("", "no thoughts </think>")),
        ("", (), ("", "")),
    ],
)
def test_a_finished_text_has_two_parts(text: str, stop: tuple[str, ...], parts: tuple[str, str]) -> None:
    assert split(text, stop) == parts


@pytest.mark.parametrize("stop", [(), ("</answer>",), (" and", "r> an")])
def test_what_was_shown_while_it_was_written_is_never_taken_back(stop: tuple[str, ...]) -> None:
    whole = split(TEXT, stop)
    for end in range(len(TEXT) + 1):
        now = split(TEXT[:end], stop, finished=False)
        assert whole.reasoning.startswith(now.reasoning) and whole.content.startswith(now.content)


def test_the_leader_is_told_how_many_answered() -> None:
    task = Task("t", "math", "", "test", "What is 1+1?", (), "2", "number")
    assert with_absent(task, "prompt", 3, 3) == "prompt"
    assert with_absent(task, "prompt", 2, 3).endswith("2 of the 3 members of your team answered.")
    compact = Task("t", "procedural", "sum", "test", "sum 1+1", (), "2", "number")
    assert with_absent(compact, "prompt", 2, 3) == "prompt"

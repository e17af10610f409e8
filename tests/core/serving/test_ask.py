"""`mlpo ask`: what it prints, and what it refuses."""

from pathlib import Path

import pytest

from mlpo_core.cli import DONE, REFUSED, main
from mlpo_core.serving import Leader
from tests.core.serving import house

QUESTION = "sum 4-1+7+2"


@pytest.fixture(autouse=True)
def at_home(made_house: house.House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in made_house.environment.items():
        monkeypatch.setenv(name, value)


def test_the_answer_is_printed_with_what_was_behind_it(leader: Leader, capsys) -> None:
    assert main(["ask", QUESTION, "--leader", house.NAME, "--rounds", "2", "--show"]) == DONE
    out = capsys.readouterr().out
    assert "round 0, alpha (" in out and "round 1, leader (" in out
    assert [line.split(",")[:2] for line in out.splitlines() if line.startswith(("gamma, ", "leader, "))] == [
        ["gamma", " 2"],
        ["leader", " 2"],
    ]


def test_a_file_of_questions_is_answered_in_order(leader: Leader, tmp_path: Path, capsys) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(f'{{"question": "{QUESTION}"}}\n\n{{"question": "sort up 31245"}}\n')
    assert main(["ask", "--leader", house.NAME, "--file", str(path), "--method", "solo"]) == DONE
    out = capsys.readouterr().out
    assert out.index(QUESTION) < out.index("sort up 31245")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "needs a question or --file"),
        ([" "], "the question is empty"),
        (["--file", "absent.txt"], "absent.txt: cannot be read"),
        (["--file", "empty.txt"], "holds no question"),
        (["--file", "odd.jsonl"], "odd.jsonl, line 1: needs a text `question`"),
        ([QUESTION, "--rounds", "99"], "rounds go from 1 to 20"),
        ([QUESTION, "--floor", "4"], "of 3 agents"),
        ([QUESTION, "--root", "elsewhere"], "Run: mlpo run house"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    arguments: list[str], reason: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n \n")
    Path("odd.jsonl").write_text("[1]\n")
    assert main(["ask", *arguments, "--leader", house.NAME]) == REFUSED
    assert reason in capsys.readouterr().err

"""Ask a trained leader and its team."""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlpo_core.chain.experiments import read
from mlpo_core.errors import BadInput
from mlpo_core.messages import presentable
from mlpo_core.serving import Answer, Leader
from mlpo_core.serving.plan import METHODS, Wishes
from mlpo_core.serving.published import is_published
from mlpo_core.store import Store

_AT_ONCE = 16


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("question", nargs="?", metavar="QUESTION", help="with lettered options below it, if it has any")
    parser.add_argument(
        "--leader",
        required=True,
        metavar="LEADER",
        help="an experiment's: a name in experiments/ or a file; or a published folder, or hub:OWNER/NAME",
    )
    parser.add_argument("--team", default="", metavar="EXPERIMENT", help="whom a published leader leads instead")
    parser.add_argument("--file", type=Path, help="questions instead: one a line, or JSON lines with `question`")
    parser.add_argument("--method", default="mlpo", choices=METHODS, help="who answers")
    parser.add_argument("--rounds", type=int, metavar="T", help="(default: the experiment's inference.rounds)")
    parser.add_argument("--show", action="store_true", help="the team's answers by round, tokens and seconds too")
    parser.add_argument("--seed", type=int, help="of the sampling (default: the benchmark's)")
    parser.add_argument("--agent-timeout", type=float, default=60.0, metavar="S", help="then an agent is left out")
    parser.add_argument("--floor", type=int, default=1, metavar="N", help="refuse where fewer agents answered")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a setting")
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Print the answer as it is written; those to a file of questions in order, each below its question.

    Raises:
        BadInput: There is no question, or the file cannot be read, or the leader has not been trained.
    """
    if (options.question is None) == (options.file is None):
        raise BadInput('ask needs a question or --file FILE: mlpo ask "sum 4-1+7+2" --leader tiny')
    questions = [options.question] if options.file is None else list(_questions(options.file))
    if not all(question.strip() for question in questions):
        raise BadInput("ask: the question is empty")
    wishes = Wishes(seed=options.seed)
    if options.set and is_published(options.leader):
        raise BadInput(f"--set: {options.leader} is a published leader, whose settings are fixed")
    which = read(options.leader, tuple(options.set)) if options.set else options.leader
    with Leader.load(which, Store(options.root), options.agent_timeout, options.floor, options.team) as leader:
        if options.file is None:
            printer = _Printer()
            answer = leader.answer(
                questions[0], method=options.method, rounds=options.rounds, wishes=wishes, hear=printer.hear
            )
            printer.end(answer.text)
            _say(answer, options.show)
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = [
                pool.submit(leader.answer, question, method=options.method, rounds=options.rounds, wishes=wishes)
                for question in questions
            ]
            for question, answer in zip(questions, asked, strict=True):
                print(presentable(f"{question}\n{answer.result().text}"))
                _say(answer.result(), options.show)
                print(flush=True)


class _Printer:
    """Prints a text while it grows."""

    def __init__(self) -> None:
        self._printed = 0

    def hear(self, text: str) -> None:
        """All that is written so far."""
        print(presentable(text[self._printed :]), end="", flush=True)
        self._printed = max(self._printed, len(text))

    def end(self, text: str) -> None:
        """What is still missing, and the end of the line."""
        print(presentable(text[self._printed :]), flush=True)


def _say(answer: Answer, all_of_it: bool) -> None:
    """Who was missing; and what was behind an answer, where that is wanted."""
    for absent in answer.absent:
        print(presentable(f"{absent.member} did not answer in round {absent.round}: {absent.why}"), file=sys.stderr)
    if not all_of_it:
        return
    for call in answer.calls:
        cost = f"{call.prompt_tokens} tokens read, {call.completion_tokens} written, {call.seconds:.2f} s"
        print(presentable(f"\nround {call.round}, {call.member} ({cost})\n{call.text}"))
    print("\nmember, calls, tokens read, tokens written, seconds")
    for name, spent in answer.members.items():
        print(f"{name}, {spent.calls}, {spent.prompt_tokens}, {spent.completion_tokens}, {spent.seconds:.2f}")
    print(f"{answer.seconds:.2f} s: agents {answer.agents_s:.2f}, leader {answer.leader_s:.2f}")


def _questions(path: Path) -> Iterator[str]:
    """The questions of a file; empty lines are passed over."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--file {path}: cannot be read as text: {error}") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise BadInput(f"--file {path}: holds no question")
    for number, line in lines:
        yield _field(line, f"--file {path}, line {number}") if path.suffix == ".jsonl" else line


def _field(line: str, where: str) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: no JSON: {error}") from error
    question = row.get("question") if isinstance(row, dict) else None  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(question, str) or not question.strip():
        raise BadInput(f"{where}: needs a text `question`")
    return question

"""Train a leader LLM to use a team of frozen LLMs (MLPO): run experiments, read what came of them."""

import argparse
import shlex
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import TracebackType

from mlpo_core.chain.lifeline import hold
from mlpo_core.errors import BadInput, NotMade, Transient
from mlpo_core.messages import presentable
from mlpo_core.progress import report_failure, session

COMMANDS: Mapping[str, str] = {
    "init": "write a commented experiment to begin with",
    "run": "make the whole chain of an experiment, or one asset of it",
    "report": "an experiment's report, or several experiments side by side",
    "ask": "ask a trained leader and its team",
    "serve": "serve trained leaders as an OpenAI-compatible endpoint",
    "push": "send a published leader and its traces to the Hugging Face hub",
    "view": "read what happened: tasks by outcome, conversations, two leaders side by side",
    "points": "make the chain of every point of an experiment's sweep",
    "claims": "test what an experiment claims over the points of its sweep",
    "map": "where the leader pays: what an experiment claims, laid out over the points of its sweep",
    "trace": "the rows that led to an id, and what it led to",
    "plan": "what an experiment will cost, without loading a model",
    "advise": "what will pay for a team, told from dev tasks: a vote, a weighted vote, rounds or a leader",
    "judge": "how far the judge of an experiment agrees with people",
    "grade": "grade anybody's responses",
    "import": "bring answers that are kept in other forms into the recorded format",
    "versions": "list dataset and checkpoint versions",
    "accept": "let versions stand that older code made, where the rows would be the same",
    "prune": "delete versions that nothing refers to, and what killed runs left",
    "cache": "show the answers of endpoints that are stored, and delete some",
    "gpu-check": "five training steps with vLLM rollouts, on a machine with CUDA",
}
"""Every command is a module of `mlpo_core.commands`; only the one that is asked for is imported."""

_MODULES = {"import": "import_"}
"""Of commands whose name no module can have."""

DONE, BROKEN, REFUSED, TRANSIENT, INTERRUPTED = 0, 1, 2, 75, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 2 bad input, 75 transient, 130 interrupted, 1 anything else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(given[0] if given else "").parse_args(given)
    hold()
    sys.excepthook = _show
    with session():
        try:
            options.command(options)
        except BadInput as error:
            text = _with_command(error, options) if isinstance(error, NotMade) else str(error)
            print(presentable(f"error: {text}"), file=sys.stderr)
            report_failure(text)
            return REFUSED
        except Transient as error:
            print(presentable(f"temporary failure: {error}"), file=sys.stderr)
            report_failure(str(error))
            return TRANSIENT
        except KeyboardInterrupt:
            print("\ninterrupted: what is finished is kept; the same command goes on from there", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            report_failure(f"the phase broke: {type(error).__name__}: {error}. The traceback is in its stderr")
            raise
    return DONE


def _with_command(error: NotMade, options: argparse.Namespace) -> str:
    """The message, with the command for the experiment as this command was given it: its file, settings and root."""
    given = vars(options)
    name = given.get("experiment") or next(iter(given.get("names") or []), None)
    if name is None:
        return str(error)
    words = ["mlpo", "run", name, error.asset]
    for setting in given.get("set") or []:
        words += ["--set", setting]
    words += ["--root", given["root"]] if given.get("root") else []
    return f"{error.reason} Run: {shlex.join(words)}"


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as every other message is printed."""
    print(presentable("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def _parser(wanted: str) -> argparse.ArgumentParser:
    """The parser, with the arguments of the command that is wanted."""
    parser = argparse.ArgumentParser(prog="mlpo", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        if name == wanted:
            module = import_module(f"mlpo_core.commands.{_MODULES.get(name, name.replace('-', '_'))}")
            module.arguments(command)
            command.set_defaults(command=module.run)
    return parser

"""Bring answers that are kept in other forms into the recorded format."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mlpo_core.errors import BadInput
from mlpo_core.progress import say, track
from mlpo_core.tasks.importing import inspect_logs, lm_eval, mmlu_pro, openai_batch, plain
from mlpo_core.tasks.importing.item import Item
from mlpo_core.tasks.importing.write import write

_FORMS: Mapping[str, Callable[[Sequence[Path]], Iterator[Item]]] = {
    "mmlu-pro": mmlu_pro.items,
    "lm-eval": lm_eval.items,
    "inspect": inspect_logs.items,
    "openai-batch": openai_batch.items,
    "jsonl": plain.items,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("form", choices=_FORMS, help="in which the answers are kept")
    parser.add_argument("sources", nargs="+", type=Path, metavar="FROM", help="files, or folders of them")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="what engine.recorded will name")
    parser.add_argument(
        "--benchmark", choices=["bbh", "math", "mmlu", "mmlu_pro"], help="what the tasks are (default for mmlu-pro: it)"
    )
    parser.add_argument("--tasks", type=Path, metavar="FILE", help="tasks, for answers that come without theirs")
    parser.add_argument(
        "--agent", default="", metavar="NAME", help="name of whoever answered, instead of the recorded one"
    )


def run(options: argparse.Namespace) -> None:
    """Write both files, and say whose answers they hold.

    Raises:
        BadInput: A source is not there, or not in its form; names file and line.
    """
    benchmark = options.benchmark or ("mmlu_pro" if options.form == "mmlu-pro" else None)
    if benchmark is None:
        raise BadInput(f"import {options.form}: what are the tasks? Give --benchmark bbh, math, mmlu or mmlu_pro")
    for path in [*options.sources, *([options.tasks] if options.tasks else [])]:
        if not path.exists():
            raise BadInput(f"import: {path} is not there")
    items = track(_FORMS[options.form](options.sources), f"import {options.form}", unit="answer")
    # The published files of MMLU-Pro were made from several revisions of it.
    revised = options.form == "mmlu-pro"
    written = write(items, options.out, benchmark, options.tasks, options.agent, first_stands=revised)
    for agent, n in sorted(written.answers.items()):
        say(f"recorded:{agent}: {n:,} answers")
    if written.revised:
        say(f"{len(written.revised)} tasks stand there in several versions, of which the first was kept")
    say(f"{options.out}: name this folder in engine.recorded")

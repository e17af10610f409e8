"""Grade anybody's responses."""

import argparse

from mlpo_core.grading.file import grade_file
from mlpo_core.progress import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--benchmark", required=True, choices=["bbh", "math", "mmlu", "mmlu_pro"])
    parser.add_argument("--responses", required=True, help="Parquet with task_id, response, answer and perhaps choices")
    parser.add_argument("--out", required=True, help="Parquet to write")


def run(options: argparse.Namespace) -> None:
    """Grade a file and print the accuracy."""
    say(grade_file(options.benchmark, options.responses, options.out))

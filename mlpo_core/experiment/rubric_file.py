"""Reads the rubric that `grading.judge.rubric_file` names: a text beside the experiment's file."""

from pathlib import Path
from typing import Any

from mlpo_core.errors import BadInput
from mlpo_core.experiment.judge import LARGEST_RUBRIC
from mlpo_core.experiment.prompt_files import leads_down, read_text


def with_rubric(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """An experiment as plain data with the rubric of its file, if it names one, as if it stood in it.

    Args:
        raw: The experiment.
        path: Its file.

    Raises:
        BadInput: The rubric's file cannot be read, or a rubric is given too.
    """
    grading: Any = raw.get("grading")
    judge: Any = grading.get("judge") if isinstance(grading, dict) else None
    if not isinstance(judge, dict) or not isinstance(name := judge.get("rubric_file"), str) or not leads_down(name):
        return raw  # what is wrong with it is said with all that is wrong with the experiment
    if judge.get("rubric"):
        raise BadInput(f"{path}: grading.judge.rubric: stands in {path.parent / name} too: keep one of them")
    text = read_text(path.parent / name, LARGEST_RUBRIC, "grading.judge.rubric_file needs a text")
    return {**raw, "grading": {**grading, "judge": {**judge, "rubric": text}}}

"""MMLU: 57 subjects, four choices, published as one CSV file per subject and split.

Read with the header `question,choice0..choice3,answer` (answer 0–3), or without a header as first published (answer
A–D). The test set is `test`; `dev` and `val` are what there is to train on, five and about 27 questions a subject.
The hub's `auxiliary_train` is left out: it comes from other benchmarks and has no subjects.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

from mlpo_core.tasks.hub import hub_rows
from mlpo_core.tasks.parsing import csv_rows
from mlpo_core.tasks.rows import Row, malformed, text_of
from mlpo_core.tasks.sources import EXTENSIONS, Source, files, published_side
from mlpo_core.types import LETTERS

_CHOICES = 4
_SIDES: tuple[tuple[str, Literal["train", "test"]], ...] = (
    ("dev", "train"),
    ("validation", "train"),
    ("test", "test"),
)


def from_hub(source: Source) -> Iterator[Row]:
    """Rows from the hub: published test, and dev and validation as train."""
    for split, side in _SIDES:
        for where, fields in hub_rows(source, "all", split):
            cells = [text_of(fields, "question", where), *fields["choices"]]
            yield parse(where, text_of(fields, "subject", where), cells, fields["answer"], side)


def from_files(source: Source) -> Iterator[Row]:
    """Rows from the published CSV files; the subject is the file's name without `_test`, `_dev` or `_val`."""
    for file in files(source.config.source, f"{source.field}.source", EXTENSIONS["mmlu"]):
        side = published_side(file, f"{source.field}.source")
        stem = PurePosixPath(file.inside).stem
        subject = stem.removesuffix("_test").removesuffix("_dev").removesuffix("_val")
        for number, (where, cells) in enumerate(csv_rows(file)):
            if number == 0 and cells[:1] == ["question"] and cells[-1:] == ["answer"]:
                continue
            if len(cells) != _CHOICES + 2:
                raise malformed(where, f"expected question, four choices and answer, got {len(cells)} cells")
            yield parse(where, subject, cells[:-1], cells[-1], side)


def parse(where: str, subject: str, cells: Sequence[str], answer: Any, side: Literal["train", "test"]) -> Row:
    """One question. `cells` is the question and its four choices, `answer` a letter or a 0-based index."""
    question, *choices = cells
    if not question.strip() or len(choices) != _CHOICES:
        raise malformed(where, f"expected a question and four choices, got {cells!r:.80}")
    letter = str(answer).strip()
    if letter in ("0", "1", "2", "3"):
        letter = LETTERS[int(letter)]
    if letter not in ("A", "B", "C", "D"):
        raise malformed(where, f"answer must be 0–3 or A–D, got {answer!r:.40}")
    return Row(where, subject, question.strip(), tuple(c.strip() for c in choices), letter, side, "option")

"""MMLU-Pro: fourteen subjects, up to ten options, published as Parquet: `question, options, answer, category`.

The test set is `test`; the 70 questions of `validation` are what there is to train on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from mlpo_core.tasks.hub import hub_rows
from mlpo_core.tasks.parsing import json_lines, parquet_rows
from mlpo_core.tasks.rows import Row, malformed, text_of
from mlpo_core.tasks.sources import EXTENSIONS, Source, files, published_side
from mlpo_core.types import LETTERS


def from_hub(source: Source) -> Iterator[Row]:
    """Rows from the hub: published test, and validation as train."""
    sides: tuple[tuple[str, Literal["train", "test"]], ...] = (("validation", "train"), ("test", "test"))
    for split, side in sides:
        for where, fields in hub_rows(source, "default", split):
            yield _published(where, fields, side)


def from_files(source: Source) -> Iterator[Row]:
    """Rows from Parquet or JSON lines files, whose names say validation or test."""
    for file in files(source.config.source, f"{source.field}.source", EXTENSIONS["mmlu_pro"]):
        side = published_side(file, f"{source.field}.source")
        for where, fields in parquet_rows(file) if file.name.endswith(".parquet") else json_lines(file):
            yield _published(where, fields, side)


def parse(
    where: str, subject: str, question: str, options: Any, answer: str, side: Literal["train", "test"] | None
) -> Row:
    """One question. `options` is a list of texts, or a mapping from letters to texts."""
    if isinstance(options, Mapping):
        if list(options) != list(LETTERS[: len(options)]):
            raise malformed(where, f"options must be lettered from A in order, got {list(options)!r:.60}")
        options = list(options.values())
    if not isinstance(options, Sequence) or len(options) < 2 or not all(isinstance(o, str) for o in options):
        raise malformed(where, f"expected two or more options as texts, got {options!r:.80}")
    if len(answer) != 1 or answer not in LETTERS[: len(options)]:
        raise malformed(where, f"answer must be one of A–{LETTERS[len(options) - 1]}, got {answer!r:.40}")
    return Row(where, subject, question.strip(), tuple(o.strip() for o in options), answer, side, "option")


def _published(where: str, fields: Mapping[str, Any], side: Literal["train", "test"]) -> Row:
    subject = text_of(fields, "category", where)
    question, answer = text_of(fields, "question", where), text_of(fields, "answer", where)
    return parse(where, subject, question, fields.get("options"), answer.strip(), side)

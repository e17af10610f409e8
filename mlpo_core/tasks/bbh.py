"""BIG-Bench Hard: 27 tasks, published as one JSON file each; no published division.

Source: suzgunmirac/BIG-Bench-Hard, `bbh/<task>.json` = {"canary", "examples": [{"input", "target"}]}.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, cast

from mlpo_core.tasks.hub import hub_rows
from mlpo_core.tasks.parsing import decode, json_array_line, json_document
from mlpo_core.tasks.rows import Row, malformed, text_of
from mlpo_core.tasks.sources import EXTENSIONS, Source, files
from mlpo_core.types import LETTERS

_OPTIONS = re.compile(r"\n?Options:\n(?=\([A-Z]\))")
_TARGET = re.compile(r"\(([A-Z])\)")

SUBJECTS = (
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
)


def from_hub(source: Source) -> Iterator[Row]:
    """Rows from the hub, only of the subjects wanted."""
    for subject in source.config.subjects or SUBJECTS:
        for raw in hub_rows(source, subject, "test"):
            yield parse(
                raw.where, subject, text_of(raw.fields, "input", raw.where), text_of(raw.fields, "target", raw.where)
            )


def from_files(source: Source) -> Iterator[Row]:
    """Rows from the published JSON files; the subject is the file's name."""
    for file in files(source.config.source, f"{source.field}.source", EXTENSIONS["bbh"]):
        document = json_document(file)
        examples = cast(Any, document).get("examples") if isinstance(document, dict) else None
        if not isinstance(examples, list):
            raise malformed(f"{file.name}, line 1", 'expected {"examples": [{"input", "target"}, …]}')
        subject = PurePosixPath(file.inside).stem
        for i, example in enumerate(cast(list[Any], examples)):
            if isinstance(example, dict) and _filled(example, "input") and _filled(example, "target"):
                yield parse(f"{file.name}, example {i}", subject, example["input"], example["target"])
            else:
                where = f"{file.name}, line {json_array_line(decode(file), 'examples', i)} (example {i})"
                raise malformed(where, f"expected texts 'input' and 'target', got {example!r:.80}")


def parse(where: str, subject: str, text: str, target: str) -> Row:
    """One example, its lettered options taken apart.

    Three published examples have a gold answer that is none of their options (a comma broke a title in two): they stay
    as they are, options inside the question, and are compared as text.
    """
    head = _OPTIONS.split(text, maxsplit=1)
    letter = _TARGET.fullmatch(target.strip())
    if len(head) == 2 and letter:
        lines = head[1].strip().split("\n")
        choices = tuple(line[3:].strip() for line in lines)
        in_order = all(line.startswith(f"({LETTERS[i]})") for i, line in enumerate(lines))
        if not in_order or LETTERS.index(letter[1]) >= len(choices) or not all(choices):
            raise malformed(where, f"options and target {target!r} do not fit together")
        return Row(where, subject, head[0].strip(), choices, letter[1])
    return Row(where, subject, text.strip(), (), target.strip())


def _filled(example: dict[str, Any], name: str) -> bool:
    return isinstance(example.get(name), str) and bool(example[name].strip())

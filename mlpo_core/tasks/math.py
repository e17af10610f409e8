"""MATH (Hendrycks et al.) and its subset MATH-500, with free-form answers.

Published as JSON lines (or one JSON file a problem) with `problem`, `solution`, `level`, and `type` or `subject`;
MATH-500 also has `answer`. The gold answer is the last `\\boxed{}` of the solution where there is no `answer`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from mlpo_core.tasks.hub import hub_rows
from mlpo_core.tasks.parsing import RawRow, json_document, json_lines
from mlpo_core.tasks.rows import Row, malformed, text_of
from mlpo_core.tasks.sources import EXTENSIONS, Source, files, published_side

_HUB_CONFIGURATIONS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)


def from_hub(source: Source) -> Iterator[Row]:
    """Rows from the hub: published train and test."""
    for side in ("train", "test"):
        for configuration in _HUB_CONFIGURATIONS:
            for raw in hub_rows(source, configuration, side):
                yield parse(raw.where, raw.fields, side)


def from_files(source: Source) -> Iterator[Row]:
    """Rows from published files, whose names say train or test."""
    for file in files(source.config.source, f"{source.field}.source", EXTENSIONS["math"]):
        side = published_side(file, f"{source.field}.source")
        single = file.name.endswith(".json")
        rows = [RawRow(f"{file.name}, line 1", json_document(file))] if single else json_lines(file)
        for where, fields in rows:
            yield parse(where, fields, side)


def parse(where: str, fields: Mapping[str, Any], side: Literal["train", "test"] | None) -> Row:
    """One problem."""
    subject = text_of(fields, "type" if "type" in fields else "subject", where)
    return Row(where, subject, text_of(fields, "problem", where).strip(), (), gold(where, fields), side)


def gold(where: str, fields: Mapping[str, Any]) -> str:
    """The gold answer of a published row."""
    if "answer" in fields:
        return text_of(fields, "answer", where).strip()
    answer = last_boxed(text_of(fields, "solution", where))
    if not answer:
        raise malformed(where, "the solution has no \\boxed{answer}")
    return answer


def last_boxed(solution: str) -> str | None:
    r"""The content of the last `\boxed{…}`, `\fbox{…}` or `\boxed x` of a solution; None without one."""
    start = max(solution.rfind(r"\boxed"), solution.rfind(r"\fbox"))
    if start < 0:
        return None
    rest = solution[start:].removeprefix(r"\boxed").removeprefix(r"\fbox").lstrip()
    if not rest.startswith("{"):
        return rest.split("$")[0].strip().rstrip(".") or None
    depth = 0
    for i, char in enumerate(rest):
        escaped = i > 0 and rest[i - 1] == "\\"
        depth += (char == "{") - (char == "}") if not escaped else 0
        if depth == 0:
            return rest[1:i].strip() or None
    return None

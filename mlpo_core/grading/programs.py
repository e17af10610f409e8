"""Grade answers that are programs: run against tests, in a `sandbox`, and only where the experiment allows it.

The gold answer is a JSON object: `entry_point`, the function that is tested; `tests`; and, if there are such, `setup`,
which stands before answer and tests, and `solution`, an answer that passes.
"""

import json
import re
from functools import lru_cache
from typing import Any, cast

from mlpo_core.grading.extract import spoken, tagged
from mlpo_core.grading.sandbox import Program, Sandbox
from mlpo_core.types import Verdict

LONGEST = 50_000
"""Characters of an answer, and of everything in a gold answer."""
_SHOWN = 20_000
_LANGUAGE = re.compile(r"[ \t]{0,9}(?:python3?|py)?[ \t]{0,9}\n", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_]\w{0,99}")


def grade_program(gold: str, response: str, sandbox: Sandbox) -> Verdict:
    """Run the program of a response against the tests of the gold answer."""
    program = stated_program(response)
    if program is None:
        return Verdict(None, False)
    if len(program) > LONGEST:
        return Verdict(program[:_SHOWN], False)
    ran = sandbox.run(_tests(gold), program)
    return Verdict(program[:_SHOWN], ran.passed is True, ungraded=ran.passed is None)


def stated_program(response: str) -> str | None:
    """The program of a response: the last fenced block, in its answer tag if it has one, or else all of the text."""
    text = spoken(response)
    marked = tagged(text)
    text = text if marked is None else marked
    fenced = [block for block in text.split("```")[1::2] if block.strip()]
    program = (
        _LANGUAGE.sub("", fenced[-1], count=1) if fenced and _LANGUAGE.match(fenced[-1]) else (fenced or [text])[-1]
    )
    return program.strip("\n").rstrip() if program.strip() else None


def problem(gold: str) -> str | None:
    """Why a text cannot be a gold answer; None where it can."""
    if len(gold) > LONGEST:
        return f"tests of {len(gold)} characters; at most {LONGEST}"
    try:
        said: Any = json.loads(gold)
    except (ValueError, RecursionError) as error:
        return f"no JSON object with entry_point and tests: {error}"
    if not isinstance(said, dict):
        return "no JSON object with entry_point and tests"
    fields = cast("dict[str, Any]", said)
    if unknown := fields.keys() - {"entry_point", "tests", "setup", "solution"}:
        return f"unknown: {', '.join(sorted(unknown))}"
    for name in ("entry_point", "tests"):
        if not str(fields.get(name, "")).strip():
            return f"there is no {name}"
    if not all(isinstance(value, str) for value in fields.values()):
        return "entry_point, tests, setup and solution are texts"
    return None if _NAME.fullmatch(fields["entry_point"]) else f"entry_point: {fields['entry_point']!r:.60} is no name"


def example(gold: str) -> str | None:
    """The solution of a gold answer as a whole program; None where it has none."""
    said: dict[str, str] = json.loads(gold)
    solution = said.get("solution")
    if not solution:
        return None
    goes_on = solution[:1].isspace()
    return f"```python\n{said.get('setup', '')}\n{solution}\n```" if goes_on else f"```python\n{solution}\n```"


def gold_of(entry_point: str, tests: str, setup: str, solution: str) -> str:
    """A gold answer; empty parts are left out."""
    parts = {"entry_point": entry_point, "tests": tests, "setup": setup, "solution": solution}
    return json.dumps({name: text for name, text in parts.items() if text}, ensure_ascii=False)


@lru_cache(256)
def _tests(gold: str) -> Program:
    said: dict[str, str] = json.loads(gold)
    return Program(said["entry_point"], said["tests"], said.get("setup", ""))

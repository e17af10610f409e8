"""Whether the templates of an experiment can be used: found out before anything is made, with the file and the line."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.prompt_files import SUFFIX
from mlpo_core.experiment.prompts import LARGEST, NAMES
from mlpo_core.prompts.template import Faulty, compiled, loops, render, used
from mlpo_core.prompts.variables import VARIABLES, Variable

_MOST = 20
"""Characters that a template may make of every character put into it, beside its own."""


def check_prompts(experiment: Experiment, where: str) -> None:
    """Refuse an experiment with a template that cannot be used.

    Every template is rendered with sample texts, for teams of every size up to the experiment's.

    Args:
        experiment: The experiment.
        where: Its file, as errors name it.

    Raises:
        BadInput: A template is none, uses what there is not, leaves out what must be read, or repeats too much; names
            its file and line.
    """
    for name in NAMES:
        if source := getattr(experiment.prompts, name):
            try:
                _check(source, name, experiment)
            except Faulty as fault:
                raise BadInput(f"{_place(experiment, where, name, fault.line)}: {fault.reason}") from fault


def _place(experiment: Experiment, where: str, name: str, line: int) -> str:
    file = Path(where).parent / experiment.prompts.folder / f"{name}{SUFFIX}"
    if experiment.prompts.folder and file.is_file():
        return f"{file}:{line}"
    return f"{where}: prompts.{name}, line {line}"


def _check(source: str, name: str, experiment: Experiment) -> None:
    compiled(source)
    known = VARIABLES[name]
    for variable, line in used(source):
        if variable not in known:
            near = get_close_matches(variable, known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"it may use {', '.join(known)}"
            raise Faulty(line, f"there is no variable {variable!r} here; {meant}")
    for variable, line in loops(source):
        if not known[variable].many:
            raise Faulty(line, f"{variable} is one text, and no list to go through")
    last = source.count("\n") + 1
    instructed = "instruction" in known and any(agent.prompt for agent in experiment.team.agents)
    for values in _samples(known, experiment.k):
        try:
            text = render(source, f"{name}{SUFFIX}", values)
        except BadInput as error:
            raise Faulty(last, str(error)) from error
        needed = [v for v, variable in known.items() if variable.needed or (instructed and v == "instruction")]
        for variable in needed:
            if not all(str(value) in text for value in _each(values[variable])):
                raise Faulty(last, _left_out(variable, known[variable], values))
        if len(text) > LARGEST + _MOST * sum(len(str(value)) for v in values.values() for value in _each(v)):
            raise Faulty(last, f"makes {len(text)} characters of little: it repeats what it is given too often")


def _left_out(name: str, variable: Variable, values: Mapping[str, Any]) -> str:
    of_many = f" (or some of them, with {len(values[name])})" if variable.many else ""
    return f"leaves out {name}{of_many}: {variable.holds}"


def _samples(known: Mapping[str, Variable], k: int) -> Iterator[dict[str, Any]]:
    """Values for every variable: teams of all sizes, short and long questions, with and without what may be missing."""
    sizes = range(1, k + 1) if any(variable.many for variable in known.values()) else (1,)
    for size in sizes:
        for length in (0, 2000) if size in (1, k) else (0,):
            for there in (True, False):
                yield {name: _sample(name, variable, size, length, there) for name, variable in known.items()}


def _sample(name: str, variable: Variable, size: int, length: int, there: bool) -> Any:
    rest = "-" * length
    if variable.many:
        return [f"«{name} {i}»{rest}" for i in range(1, size + 1)]
    if not variable.needed and not there:
        return None if name == "unsaid" else ""
    return f"«{name}»{rest}"


def _each(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]

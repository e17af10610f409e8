"""Templates of what models read: parsed, confined to what only puts texts together, and rendered.

A template is data that somebody hands on with an experiment, so it gets less than a sandbox would let it have: the
variables of its kind, conditions, one loop over a list of them, and filters that do not make a text much longer. There
are no calls, no attributes but the loop's, no arithmetic and no assignment, so it ends, and soon. What models or
endpoints wrote is put in as text, and never read as a template.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mlpo_core.errors import BadInput

_FILTERS = ("first", "indent", "join", "last", "length", "lower", "trim", "upper")
_TESTS = ("none",)
_OF_LOOP = ("first", "index", "index0", "last", "length", "revindex")
_LARGEST_NUMBER = 100
_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Concat, nodes.Keyword),
    *(nodes.If, nodes.For, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand),
    *(nodes.Filter, nodes.Test, nodes.Getattr),
)


class Faulty(BadInput):
    """A template that cannot be used: the line (1-based), and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox; what a loop says of itself, which is safe and asked for most, takes no way round."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is LoopContext and attribute in _OF_LOOP:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0)
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in _FILTERS}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENT = _environment()


def render(own: str, file: str, variables: Mapping[str, Any]) -> str:
    """The text of a template.

    Args:
        own: The experiment's own template; empty means the standard one.
        file: Name of the standard one.
        variables: What it may use: texts, and lists of texts.

    Raises:
        BadInput: It fails for these values.
    """
    template = compiled(own) if own else _standard(file)
    context = template.new_context(dict(variables), shared=True)  # shared: as they are, for there are no globals
    try:
        return "".join(template.root_render_func(context))
    except Exception as error:  # the template is its author's own program: whatever it raises is about the template
        raise BadInput(f"prompts.{file.removesuffix('.jinja')}: this template fails: {error}") from error


def standard(file: str) -> str:
    """The source of a standard template."""
    return files("mlpo_core.prompts").joinpath("templates", file).read_text("utf-8")


@lru_cache(maxsize=64)
def compiled(source: str) -> Template:
    """A template, ready to be rendered.

    Raises:
        Faulty: It is none, or uses what none may use.
    """
    try:
        parsed = _ENVIRONMENT.parse(source)
        for node in _below(parsed):
            if reason := _refused(node):
                raise Faulty(node.lineno, reason)
        return _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        raise Faulty(error.lineno, error.message or "is no template") from error
    except (RecursionError, SyntaxError, MemoryError) as error:
        raise Faulty(1, "is nested too deeply") from error
    except (ValueError, OverflowError) as error:
        raise Faulty(1, f"is no template: {error}") from error


def used(source: str) -> Iterator[tuple[str, int]]:
    """The variables that a template reads, each with its line; not what a loop gives it."""
    parsed = _ENVIRONMENT.parse(source)
    own = {"loop", *(loop.target.name for loop in parsed.find_all(nodes.For) if isinstance(loop.target, nodes.Name))}
    for name in parsed.find_all(nodes.Name):
        if name.name not in own:
            yield name.name, name.lineno


def loops(source: str) -> Iterator[tuple[str, int]]:
    """The variables that a template goes through, each with its line."""
    for loop in _ENVIRONMENT.parse(source).find_all(nodes.For):
        if isinstance(loop.iter, nodes.Name):
            yield loop.iter.name, loop.lineno


@lru_cache(maxsize=16)
def _standard(file: str) -> Template:
    return compiled(standard(file))


def _below(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _below(child)


def _refused(node: nodes.Node) -> str | None:
    """Why a node of a template is not allowed, or None."""
    match node:
        case nodes.Getattr():
            of_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in _OF_LOOP
            return None if of_loop else f".{node.attr} is not allowed; only loop has attributes: {', '.join(_OF_LOOP)}"
        case nodes.Filter():
            return _refused_filter(node)
        case nodes.Test():
            return None if node.name in _TESTS else f"there is no test {node.name!r}, only {', '.join(_TESTS)}"
        case nodes.Const():
            large = isinstance(node.value, int | float) and abs(node.value) > _LARGEST_NUMBER
            return f"a number above {_LARGEST_NUMBER}" if large else None
        case nodes.For():
            return _refused_loop(node)
        case _ if isinstance(node, _NODES):
            return None
        case _:
            return f"{type(node).__name__} is not allowed: a template has variables, if, for and filters"


def _refused_filter(node: nodes.Filter) -> str | None:
    if node.name not in _FILTERS:
        return f"there is no filter {node.name!r}, only {', '.join(_FILTERS)}"
    given = [*node.args, *(keyword.value for keyword in node.kwargs), node.dyn_args, node.dyn_kwargs]
    if any(value is not None and not isinstance(value, nodes.Const) for value in given):
        return f"{node.name} takes plain numbers and texts only"  # a text joined by a text joined by … never ends
    if node.name == "indent":
        if any(isinstance(value, nodes.Const) and isinstance(value.value, str) for value in given):
            return "indent takes a number of spaces"
        if any(inner.name == "indent" for inner in node.find_all(nodes.Filter)):
            return "indent stands once in an expression"
    return None


def _refused_loop(loop: nodes.For) -> str | None:
    if not isinstance(loop.iter, nodes.Name) or not isinstance(loop.target, nodes.Name):
        return "a loop goes through one variable, {% for x in VARIABLE %}"
    if loop.recursive or loop.test:
        return "a loop has neither `recursive` nor `if`"
    if any(found is not loop for found in loop.find_all(nodes.For)):
        return "a loop stands in a loop"
    return None

"""Whether two LaTeX expressions mean the same, decided without chance: numbers by value, the rest by `math-verify`.

`math-verify` alone is not enough where
the verdict is a reward: it takes a difference with an infinity in it for zero, and rounds to six absolute places.
Here an answer that holds or comes to an infinity or to no number equals no gold answer without one; numbers are
compared to 25 digits (to 1e-6 of their size where one is written as a decimal); expressions with symbols that
differ at a fixed point are different whatever simplification says.
"""

import functools
import random
from typing import Any

_DIGITS = 30
_EXACT, _ROUNDED = 1e-25, 1e-6
_POINTS = (("7/5", "11/13"), ("17/7", "19/11"), ("-8/5", "-3/7"))
"""First value and step of the values at which expressions with symbols are compared; all, or none, are negative."""


def equal(gold: str, candidate: str) -> bool:
    """Whether the candidate equals the gold expression. The same in every process: nothing is drawn at random."""
    import sympy.core.random

    random.seed(0)
    sympy.core.random.seed(0)
    wanted, said = parse(gold), parse(candidate)
    if not wanted or not said:
        return False
    if isinstance(wanted[0], str) or isinstance(said[0], str):
        return _verified(wanted, said)
    return not _towers(said[0]) and _same(_complex(wanted[0]), _complex(said[0]))


@functools.lru_cache(1000)
def parse(text: str) -> tuple[Any, ...]:
    """What `math-verify` reads in an expression: a sympy object where it can, and always a string."""
    from math_verify import LatexExtractionConfig
    from math_verify import parse as read

    return tuple(read(f"${text}$", [LatexExtractionConfig()], parsing_timeout=None))  # pyright: ignore[reportArgumentType]


def _verified(wanted: Any, said: Any) -> bool:
    from math_verify import verify

    as_list = [list(x) if isinstance(x, tuple) else x for x in (wanted, said)]
    return verify(*as_list, float_rounding=12, timeout_seconds=None, strict=True, allow_set_relation_comp=True)


def _towers(expression: Any) -> bool:
    """Whether an expression holds a power or factorial too large to be looked at: no gold answer comes near."""
    import sympy

    if not isinstance(expression, sympy.Basic):
        return any(map(_towers, expression.flat())) if isinstance(expression, sympy.MatrixBase) else False
    exponents = [power.exp for power in expression.atoms(sympy.Pow)]
    arguments = [found.args[0] for found in expression.atoms(sympy.factorial, sympy.gamma, sympy.binomial)]
    return any(_bits(part) > 30 for part in exponents) or any(_bits(part) > 17 for part in arguments)


def _bits(number: Any) -> int:
    """Roughly the binary logarithm of a number, at most some thousands."""
    import sympy

    if isinstance(number, sympy.Rational):
        return max(int(number.p).bit_length(), 1)
    if isinstance(number, sympy.Pow):
        return min(_bits(number.base) * 2 ** min(_bits(number.exp), 12), 5000)
    if isinstance(number, sympy.factorial):
        return min(2 ** min(_bits(number.args[0]), 12), 5000)
    return min(sum(map(_bits, number.args)), 5000) or 1


def _complex(expression: Any) -> Any:
    """The same with the letter i as the imaginary unit."""
    import sympy

    units = [symbol for symbol in getattr(expression, "free_symbols", ()) if symbol.name == "i"]
    return expression.subs(units[0], sympy.I) if units and isinstance(expression, sympy.Expr) else expression


def _same(wanted: Any, said: Any) -> bool:
    import sympy

    if _improper(said):
        if not _improper(wanted):
            return False
        if isinstance(wanted, sympy.Expr) or isinstance(said, sympy.Expr):
            return said == wanted
    if wanted == said:
        return True
    if isinstance(wanted, sympy.MatrixBase) and isinstance(said, sympy.MatrixBase):
        return wanted.shape == said.shape and all(map(_same, wanted.flat(), said.flat()))
    if isinstance(wanted, sympy.Interval) and isinstance(said, sympy.Interval):
        ends_open = (wanted.left_open, wanted.right_open) == (said.left_open, said.right_open)
        return ends_open and _same(wanted.start, said.start) and _same(wanted.end, said.end)
    if isinstance(wanted, sympy.FiniteSet) and isinstance(said, sympy.FiniteSet):
        parts, others = _parts(wanted), _parts(said)
        if all(isinstance(part, sympy.Expr) for part in (*parts, *others)):
            return len(parts) == len(others) and _matched(parts, others)
    if isinstance(wanted, sympy.Tuple) and isinstance(said, sympy.Tuple):
        return len(wanted) == len(said) and all(map(_same, wanted, said))
    if isinstance(wanted, sympy.Expr) and isinstance(said, sympy.Expr):
        return _equal_expressions(wanted, said)
    return _verified(wanted, said)


def _parts(expression: Any) -> list[Any]:
    return list(getattr(expression, "_unsorted_args", expression.args))


def _matched(parts: list[Any], others: list[Any]) -> bool:
    """Whether every part has its equal among the others, in any order."""
    left = list(others)
    for part in parts:
        found = next((i for i, other in enumerate(left) if _same(part, other)), None)
        if found is None:
            return False
        del left[found]
    return True


def _improper(expression: Any) -> bool:
    """Whether an expression holds, or comes to, an infinity or no number."""
    import sympy

    limits = (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan)
    if not isinstance(expression, sympy.Basic):
        return any(map(_improper, expression.flat())) if isinstance(expression, sympy.MatrixBase) else False
    if expression.has(*limits):
        return True
    if not isinstance(expression, sympy.Expr) or expression.free_symbols:
        return False
    return expression.evalf(_DIGITS).has(*limits)


def _equal_expressions(wanted: Any, said: Any) -> bool:
    import sympy

    if wanted == said:
        return True
    if not wanted.free_symbols and not said.free_symbols:
        return bool(_equal_values(wanted, said, _tolerance(wanted, said)))
    if wanted.free_symbols != said.free_symbols and (wanted.is_Symbol or said.is_Symbol):
        return _verified(wanted, said)
    symbols = sorted(wanted.free_symbols | said.free_symbols, key=str)
    for first, step in _POINTS:
        values = {symbol: sympy.Rational(first) + i * sympy.Rational(step) for i, symbol in enumerate(symbols)}
        if _equal_values(wanted.subs(values), said.subs(values), 1e-9, first[0] == "-") is False:
            return False
    if sympy.simplify(wanted - said) == 0:
        return True
    return _verified(wanted, said)


def _tolerance(*expressions: Any) -> float:
    import sympy

    return _ROUNDED if any(expression.has(sympy.Float) for expression in expressions) else _EXACT


def _equal_values(wanted: Any, said: Any, tolerance: float, real: bool = False) -> bool | None:
    """Whether two numbers are the same to a share of their size; None where they have no (real) value."""
    import sympy

    if wanted.is_zero and tolerance < _ROUNDED and not said.free_symbols and not real:
        return bool(said.is_zero) or sympy.simplify(said).is_zero is True
    values = wanted.evalf(_DIGITS), said.evalf(_DIGITS)
    if not all(value.is_number and value.is_finite for value in values):
        return None
    if not all(part.is_Float or part.is_Rational for value in values for part in value.as_real_imag()):
        return None
    if real and not all(value.is_real for value in values):
        return None
    size = max(abs(value) for value in values)
    gap = abs((wanted - said).evalf(_DIGITS))
    return bool(gap <= tolerance * size)
